"""Make or resume a study, and run the trials that are missing.

The study lies in `2_search/study.journal`, Optuna's own storage; MLflow only gets a copy of
what happened. A study is named after everything that makes its trials comparable (data,
base, space, length), so that other settings begin another study in the same journal.

Does not train the echo: the chain hands `best.yaml` to notebook 3_train.

Shape: base + dataset folder + SearchParams -> SearchResult, best.yaml, trials.json.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from echoes_lib.errors import ModelError, TooHot
from echoes_lib.models.load import Base
from echoes_lib.search.record import trial_rows, write_best, write_trials
from echoes_lib.search.trial import Bench, choose_examples, own_point, run_trial
from echoes_lib.training.dataset import load_training_data, record_data
from echoes_lib.training.pace import Pace
from echoes_lib.training.stages import recomputed_layers

KILLED = "Killed"
NOT_ITS_FAULT = (KILLED, TooHot.__name__)  # such trials are run again
NOT_COMPARED = ("profile", "user_id", "database_url", "n_trials")


@dataclass(frozen=True)
class SearchResult:
    """What the search found. `best` is named as in TrainParams; the loss is nats per token."""

    study: Any
    best: dict[str, Any]
    best_loss: float
    best_trial: int
    trials: list[dict[str, Any]]
    new_trials: int
    best_file: Path


def run_search(
    base: Base,
    dataset_dir: Path,
    params: Any,
    output_dir: Path,
    run: Any,
    pace: Pace | None = None,
) -> SearchResult:
    """Search for the parameters with the lowest validation loss.

    Args:
        base: carries no adapter, and carries none afterwards.
        dataset_dir: what 1_preprocess wrote.
        params: SearchParams.
        output_dir: holds or receives study.journal, best.yaml and trials.json.
        run: a tracking Run, or NullRun; each trial is a child run of it.
        pace: what may slow or stop a trial between steps; full speed when omitted.

    Returns:
        The best parameters and all trials, those of an interrupted search included.

    Raises:
        DataError: the dataset is missing, damaged or empty.
        ModelError: no trial finished.
        TooHot: `pace` stopped the search; it goes on from the trials that are finished.
    """
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    record_data(data, dataset_dir, run)
    study = open_study(output_dir, params, data.manifest["dataset_hash"], base)
    train = choose_examples(data, params.search_examples, params.seed)
    count, _ = recomputed_layers(_largest(params), run)
    bench = Bench(base, train, data.validation, params, run, pace or Pace(), count)
    missing = max(0, params.n_trials - counted(study))
    _run_trials(study, bench, missing)
    trials = trial_rows(study)
    write_trials(Path(output_dir) / "trials.json", trials)
    return _result(study, trials, missing, params, output_dir, run)


def open_study(output_dir: Path, params: Any, dataset_hash: str, base: Base) -> Any:
    """Open the study of these settings; mark trials of a killed process as failed.

    Args:
        output_dir: where study.journal lies.
        params: SearchParams.
        dataset_hash: of the dataset's manifest.
        base: its revision is part of the study's name.

    Returns:
        An Optuna study to be minimised, its first trial the profile's own parameters.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(Path(output_dir) / "study.journal")))
    name = study_name(params, dataset_hash, base.info["base_revision"])
    study = optuna.create_study(
        storage=storage, study_name=name, direction="minimize", load_if_exists=True
    )
    before = study.get_trials(deepcopy=False)
    # Trials are few, so sampler and pruner begin as soon as there is something to compare.
    early = max(2, min(5, params.n_trials // 3))
    # A resumed sampler with the same seed would draw its first points again.
    study.sampler = TPESampler(seed=params.seed + len(before), n_startup_trials=early + 1)
    study.pruner = MedianPruner(n_startup_trials=early, n_warmup_steps=1)
    _bury(study)
    if not before:
        study.enqueue_trial(own_point(params))
    return study


def study_name(params: Any, dataset_hash: str, revision: str | None) -> str:
    """Name a study after everything that makes its trials comparable."""
    compared = params.model_dump(exclude=set(NOT_COMPARED))
    text = json.dumps([compared, dataset_hash, revision], sort_keys=True)
    return f"search-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def counted(study: Any) -> int:
    """Count the trials that came to an end of their own, failures included."""
    return sum(
        trial.state.is_finished() and trial.user_attrs.get("error") not in NOT_ITS_FAULT
        for trial in study.get_trials(deepcopy=False)
    )


def _largest(params: Any) -> Any:
    """Return the parameters of the trial that needs the most memory."""
    return params.model_copy(update={"lora_r": max(params.lora_r_choices)})


def _run_trials(study: Any, bench: Bench, count: int) -> None:
    """Run so many trials; one that fails does not end the search, heat does."""
    hot: list[TooHot] = []

    def objective(trial: Any) -> float:
        try:
            return run_trial(trial, bench)
        except TooHot as stop:
            hot.append(stop)
            study.stop()
            raise

    if count:
        study.optimize(objective, n_trials=count, catch=(Exception,))
    if hot:
        raise hot[0]


def _bury(study: Any) -> None:
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study._storage.set_trial_user_attr(trial._trial_id, "error", KILLED)
        study.tell(trial.number, state=TrialState.FAIL)


def _result(
    study: Any, trials: list, missing: int, params: Any, output_dir: Path, run: Any
) -> SearchResult:
    complete = [row for row in trials if row["state"] == "COMPLETE"]
    if not complete:
        errors = sorted({row["error"] for row in trials if row["error"]})
        raise ModelError(
            f"none of {len(trials)} trials finished ({', '.join(errors) or 'all pruned'}): run "
            "notebook 3_train with the profile's own parameters to see the error, or narrow "
            "the space in 2_search.yaml"
        )
    best = min(complete, key=lambda row: row["value"])
    best_file = write_best(Path(output_dir) / "best.yaml", best, params)
    run.log_metrics({"best_validation_loss": best["value"], "trials": len(trials)})
    return SearchResult(
        study=study,
        best=best["train_params"],
        best_loss=best["value"],
        best_trial=best["number"],
        trials=trials,
        new_trials=missing,
        best_file=best_file,
    )
