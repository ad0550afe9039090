"""One trial of the search: suggested parameters, a short training, one figure.

The base stays loaded; each trial lays its adapter on it and takes it off again. Every trial
has a child run, whatever becomes of it: COMPLETE, PRUNED (stopped early for being worse than
the median at the same point) or FAIL (with the error's type).

Shape: Optuna trial + base + tokens -> lowest validation loss (nats per trained token).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna import Trial, TrialPruned

from echoes_lib.models.adapters import attached
from echoes_lib.models.load import Base
from echoes_lib.models.render import Encoded
from echoes_lib.progress import report
from echoes_lib.training.dataset import TrainingData
from echoes_lib.training.fit import Settings, fit
from echoes_lib.training.pace import Pace
from echoes_lib.training.stages import first_look


@dataclass(frozen=True)
class Bench:
    """What all trials of a study share."""

    base: Base
    train: Sequence[Encoded]
    validation: Sequence[Encoded]
    params: Any
    run: Any
    pace: Pace = field(default_factory=Pace)
    recomputed_layers: int = 0


def choose_examples(data: TrainingData, count: int, seed: int) -> list[Encoded]:
    """Draw the examples that every trial trains on, from both stages alike."""
    pool = [*data.stage1, *data.stage2]
    return random.Random(seed).sample(pool, min(count, len(pool)))


def suggest(trial: Trial, params: Any) -> dict[str, Any]:
    """Draw a trial's parameters.

    Args:
        trial: Optuna's.
        params: SearchParams, whose `*_choices`, `*_min` and `*_max` are the space.

    Returns:
        Values named as in TrainParams. alpha is searched as a multiple of r, because
        alpha / r is the factor that LoRA applies.
    """
    rank = trial.suggest_categorical("lora_r", list(params.lora_r_choices))
    per_rank = trial.suggest_categorical("alpha_per_r", list(params.alpha_per_r_choices))
    low, high = params.learning_rate_min, params.learning_rate_max
    return {
        "lora_r": rank,
        "lora_alpha": max(1, round(rank * per_rank)),
        "lora_dropout": trial.suggest_float("lora_dropout", 0.0, params.lora_dropout_max),
        "learning_rate": trial.suggest_float("learning_rate", low, high, log=True),
    }


def own_point(params: Any) -> dict[str, Any]:
    """Return the profile's own parameters as a point of the search space.

    Values outside the space are left out; the sampler draws them.
    """
    point = {}
    per_rank = params.lora_alpha / params.lora_r
    if params.lora_r in params.lora_r_choices:
        point["lora_r"] = params.lora_r
    if per_rank in params.alpha_per_r_choices:
        point["alpha_per_r"] = per_rank
    if params.lora_dropout <= params.lora_dropout_max:
        point["lora_dropout"] = params.lora_dropout
    if params.learning_rate_min <= params.learning_rate <= params.learning_rate_max:
        point["learning_rate"] = params.learning_rate
    return point


def run_trial(trial: Trial, bench: Bench) -> float:
    """Train one trial and record it.

    Args:
        trial: Optuna's.
        bench: base, tokens, SearchParams and the parent run.

    Returns:
        The lowest validation loss of the trial.

    Raises:
        TrialPruned: it was worse than the median at the same point.
        Exception: whatever the training raised; the study goes on.
    """
    chosen = suggest(trial, bench.params)
    trial.set_user_attr("train_params", chosen)
    pruned = None
    with bench.run.child(f"trial {trial.number}", chosen) as child:
        try:
            value = _train(trial, bench, chosen, child)
            child.log_metrics({"validation_loss": value})
            child.set_tags({"state": "COMPLETE"})
        except TrialPruned as stop:
            child.set_tags({"state": "PRUNED"})
            pruned = stop  # a pruned trial is a finished run: it did what it should
        except Exception as error:
            trial.set_user_attr("error", type(error).__name__)
            child.set_tags({"state": "FAIL", "error": type(error).__name__})
            raise
    if pruned is not None:
        raise pruned
    return value


def _train(trial: Trial, bench: Bench, chosen: dict[str, Any], child: Any) -> float:
    params = bench.params.model_copy(update=chosen)
    settings = Settings(
        name=f"trial {trial.number}",
        learning_rate=params.learning_rate,
        epochs=params.search_epochs,
        evaluations=params.evaluations_per_trial,
        params=params,
        on_point=_watch(trial, params, child),
        recomputed_layers=bench.recomputed_layers,
        pace=bench.pace,
    )
    with attached(bench.base.model, params, first_look(list(bench.train), params)) as model:
        fitted = fit(model, bench.base.tokenizer, bench.train, bench.validation, settings)
    return fitted.best_loss


def _watch(trial: Trial, params: Any, child: Any) -> Any:
    """Return a function that logs each validation loss and stops a trial without hope."""
    seen = 0

    def watch(point: dict[str, float]) -> None:
        nonlocal seen
        if "eval_loss" not in point:
            return
        step = int(point["step"])
        child.log_metrics({"eval_loss": point["eval_loss"]}, step=step)
        if step == 0:
            return  # before training all trials are alike
        seen += 1
        done = trial.number + seen / params.evaluations_per_trial
        report(min(done, params.n_trials), params.n_trials, "search")
        trial.report(point["eval_loss"], seen)
        if seen < params.evaluations_per_trial and trial.should_prune():
            raise TrialPruned

    return watch
