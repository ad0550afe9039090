"""Train an echo in two stages and leave an adapter folder.

Stage 1 learns the voice from four fifths of the examples; stage 2 goes on from the best of
stage 1, more slowly, on the most specific memories. Both are `fit` with other settings, and
each may end where it began, so stage 2 never makes the validation loss worse. Stage 2 may repeat
a share of stage 1, so that the memories do not push the voice out.

A training that was killed goes on from its last checkpoint and ends with the same weights.

Does not choose parameters (see `search/`) and does not look at the test split.

Shape: base + dataset folder + parameters -> 3_train/adapter/, 3_train/history.json, TrainResult.
"""

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from echoes_lib.errors import TrainingBusy
from echoes_lib.models.adapters import new_adapter, save_echo
from echoes_lib.models.load import Base
from echoes_lib.models.padding import padded_batches
from echoes_lib.models.render import Encoded
from echoes_lib.training.card import echo_card, summary
from echoes_lib.training.curve import put_trainable, trainable
from echoes_lib.training.dataset import TrainingData, load_training_data, record_data
from echoes_lib.training.fit import Fitted, Settings, fit
from echoes_lib.training.keeper import Keeper, fingerprint
from echoes_lib.training.pace import Pace
from echoes_lib.training.team import this_team
from echoes_lib.workspace import write_text

LOCK = ".training.lock"
# What changes speed, safety or where things lie, and never the weights.
NO_MATTER = {"profile", "user_id", "database_url", "checkpoint_interval_s"}


@dataclass(frozen=True)
class TrainResult:
    """What training left behind. Losses are nats per token, sizes bytes."""

    adapter_dir: Path
    model: Any
    stages: dict[str, Fitted]
    counts: list[dict[str, Any]]
    trainable_parameters: int
    adapter_bytes: int
    wall_s: float

    @property
    def best_loss(self) -> float:
        """Validation loss of the adapter that was kept."""
        return self.stages["stage2"].best_loss


def train_two_stages(
    base: Base,
    dataset_dir: Path,
    params: Any,
    output_dir: Path,
    run: Any,
    pace: Pace | None = None,
) -> TrainResult:
    """Train a person's adapter on a base; go on where a killed training of the same stopped.

    Args:
        base: carries no adapter; afterwards it carries the trained one.
        dataset_dir: what 1_preprocess wrote.
        params: TrainParams.
        output_dir: receives `adapter/` and `history.json`; emptied of anything else.
        run: a tracking Run, or NullRun; receives the curves as stage1/loss and so on.
        pace: what may slow or stop the training between steps; full speed when omitted.

    Returns:
        Curves, counts, sizes and the model with the kept weights.

    Raises:
        DataError: the dataset is missing, damaged or empty.
        ModelError: target modules or masks do not fit the base, or the loss is not a number.
        TrainingBusy: another process trains into this folder.
        CannotWrite: the disk is full or read-only; the last checkpoint stays.
    """
    began = time.perf_counter()
    output = Path(output_dir)
    with training_lock(output):
        data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
        record_data(data, dataset_dir, run)
        keeper = Keeper(output, _mark(base, data, params), params.checkpoint_interval_s)
        model = new_adapter(base.model, params, first_look(data.stage1, params))
        stages = _stages(model, base, data, params, run, keeper, pace or Pace())
        adapter_dir = output / "adapter"
        if this_team().is_first:
            save_echo(model, adapter_dir, echo_card(base, data, params, stages))
            _write_history(output / "history.json", stages)
            keeper.remove()
        this_team().wait()
    result = TrainResult(
        adapter_dir=adapter_dir,
        model=model,
        stages=stages,
        counts=data.counts(),
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        adapter_bytes=sum(path.stat().st_size for path in adapter_dir.iterdir()),
        wall_s=time.perf_counter() - began,
    )
    run.log_metrics({"validation_loss": result.best_loss, "train_wall_s": result.wall_s})
    return result


def first_look(examples: list[Encoded], params: Any) -> list[dict[str, Any]] | None:
    """Return batches for an initialisation that looks at the data; None where none does."""
    return padded_batches(examples) if params.init_lora_weights == "eva" else None


@contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Hold a training's folder for this process; the system lets go when the process dies.

    Raises:
        TrainingBusy: another process holds it.
    """
    if not this_team().is_first:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TrainingBusy(
            f"another process trains into {folder.parent.name}/{folder.name}: wait for it, or "
            "stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()


def stage_settings(
    name: str, epochs: float, ratio: float, params: Any, run: Any, pace: Pace
) -> Settings:
    """Set up one stage: its length, its learning rate, and where its points go."""
    return Settings(
        name=name,
        learning_rate=params.learning_rate * ratio,
        epochs=epochs,
        evaluations=max(1, math.ceil(epochs * params.evaluations_per_epoch)),
        params=params,
        patience=params.early_stopping_patience,
        on_point=point_logger(name, run),
        pace=pace,
    )


def point_logger(name: str, run: Any) -> Callable[[dict[str, float]], None]:
    """Return a function that logs a point as `<name>/<figure>` at its step."""

    def log(point: dict[str, float]) -> None:
        figures = {f"{name}/{key}": value for key, value in point.items() if key != "step"}
        run.log_metrics(figures, step=int(point["step"]))

    return log


def _mark(base: Base, data: TrainingData, params: Any) -> str:
    deciding = params.model_dump(mode="json", exclude=NO_MATTER)
    return fingerprint(dataset=data.manifest["dataset_hash"], params=deciding, base=base.info)


def _plan(data: TrainingData, params: Any) -> list[tuple[str, list[Encoded], float, float]]:
    """Return name, conversations, epochs and learning rate ratio of each stage."""
    count = min(len(data.stage1), round(params.stage2_replay_ratio * len(data.stage2)))
    replayed = random.Random(f"replay {params.seed}").sample(data.stage1, count)
    ratio = params.stage2_learning_rate_ratio
    return [
        ("stage1", data.stage1, params.stage1_epochs, 1.0),
        ("stage2", [*data.stage2, *replayed], params.stage2_epochs, ratio),
    ]


def _stages(
    model: Any,
    base: Base,
    data: TrainingData,
    params: Any,
    run: Any,
    keeper: Keeper,
    pace: Pace,
) -> dict[str, Fitted]:
    """Run what is left of the stages, and keep the state after each and in between."""
    state = keeper.load() or {}
    done = {name: Fitted(**saved) for name, saved in state.get("done", {}).items()}
    if state:
        run.set_tags({"resumed_at": f"{state['name']} step {state['stage'].get('step', 'end')}"})
        put_trainable(model, state["weights"])
    for name, examples, epochs, ratio in _plan(data, params):
        settings = stage_settings(name, epochs, ratio, params, run, pace)
        if name in done:
            for point in done[name].points:
                settings.on_point(point)
            continue
        saved = state["stage"] if state.get("name") == name else None

        def save(loop: Any, now: bool = False, name: str = name) -> None:
            if now or keeper.is_due():
                _save(keeper, done, name, loop.model, loop.state())

        done[name] = fit(model, base.tokenizer, examples, data.validation, settings, saved, save)
        if this_team().is_first:
            _save(keeper, done, name, model, {})
        _log_stage(done[name], name, run)
    return done


def _save(keeper: Keeper, done: dict[str, Fitted], name: str, model: Any, stage: Any) -> None:
    kept = {stage_name: asdict(fitted) for stage_name, fitted in done.items()}
    keeper.save({"done": kept, "name": name, "stage": stage, "weights": trainable(model)})


def _log_stage(fitted: Fitted, name: str, run: Any) -> None:
    run.log_metrics(
        {
            f"{name}/best_eval_loss": fitted.best_loss,
            f"{name}/mean_tokens_per_s": fitted.tokens / max(fitted.train_s, 1e-9),
        }
    )


def _write_history(path: Path, stages: dict[str, Fitted]) -> None:
    history = {
        name: {**summary(fitted), "points": fitted.points} for name, fitted in stages.items()
    }
    write_text(path, json.dumps(history, indent=1) + "\n")
