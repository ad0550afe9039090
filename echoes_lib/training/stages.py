"""Train an echo in two stages and leave an adapter folder.

Stage 1 learns the voice from four fifths of the examples; stage 2 goes on from the best of
stage 1, more slowly, on the most specific memories. Both are `fit` with other settings, and
each may end where it began, so stage 2 never makes the validation loss worse.

Does not choose parameters (see `search/`) and does not look at the test split.

Shape: base + dataset folder + parameters -> 3_train/adapter/, 3_train/history.json, TrainResult.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from echoes_lib.models.adapters import new_adapter, save_echo
from echoes_lib.models.load import Base
from echoes_lib.models.render import Encoded
from echoes_lib.training.dataset import TrainingData, load_training_data, record_data
from echoes_lib.training.fit import Fitted, Settings, fit
from echoes_lib.workspace import write_text

LORA_FIELDS = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "learning_rate")


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
    base: Base, dataset_dir: Path, params: Any, output_dir: Path, run: Any
) -> TrainResult:
    """Train a person's adapter on a base.

    Args:
        base: carries no adapter; afterwards it carries the trained one.
        dataset_dir: what 1_preprocess wrote.
        params: TrainParams.
        output_dir: emptied first; receives `adapter/` and `history.json`.
        run: a tracking Run, or NullRun; receives the curves as stage1/loss and so on.

    Returns:
        Curves, counts, sizes and the model with the kept weights.

    Raises:
        DataError: the dataset is missing, damaged or empty.
        ModelError: target modules or masks do not fit the base, or the loss is not a number.
    """
    began = time.perf_counter()
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    record_data(data, dataset_dir, run)
    shutil.rmtree(output_dir, ignore_errors=True)
    Path(output_dir).mkdir(parents=True)
    model = new_adapter(base.model, params)
    stages = {}
    for name, examples, epochs, ratio in (
        ("stage1", data.stage1, params.stage1_epochs, 1.0),
        ("stage2", data.stage2, params.stage2_epochs, params.stage2_learning_rate_ratio),
    ):
        settings = stage_settings(name, epochs, ratio, params, run)
        stages[name] = _stage(model, base, examples, data.validation, settings, run)
    adapter_dir = save_echo(
        model, Path(output_dir) / "adapter", echo_card(base, data, params, stages)
    )
    _write_history(Path(output_dir) / "history.json", stages)
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


def stage_settings(name: str, epochs: float, ratio: float, params: Any, run: Any) -> Settings:
    """Set up one stage: its length, its learning rate, and where its points go."""
    return Settings(
        name=name,
        learning_rate=params.learning_rate * ratio,
        epochs=epochs,
        evaluations=max(1, math.ceil(epochs * params.evaluations_per_epoch)),
        params=params,
        patience=params.early_stopping_patience,
        on_point=point_logger(name, run),
    )


def point_logger(name: str, run: Any) -> Callable[[dict[str, float]], None]:
    """Return a function that logs a point as `<name>/<figure>` at its step."""

    def log(point: dict[str, float]) -> None:
        figures = {f"{name}/{key}": value for key, value in point.items() if key != "step"}
        run.log_metrics(figures, step=int(point["step"]))

    return log


def echo_card(
    base: Base, data: TrainingData, params: Any, stages: dict[str, Fitted]
) -> dict[str, Any]:
    """Describe the echo: the content of `echo.json`.

    dtype and attention are kept as they were asked for, so that an echo trained on a GPU
    chooses anew where it answers; what training used stands under `training`.
    """
    manifest = data.manifest
    used = ("dtype", "dtype_reason", "attention", "attention_reason", "device")
    return {
        "user_id": manifest["user_id"],
        "name": manifest["name"],
        "system_prompt": manifest["system_prompt"],
        "base_model": params.base_model,
        "base_revision": base.info["base_revision"],
        "quantization": params.quantization,
        "double_quantization": params.double_quantization,
        "dtype": params.dtype,
        "attention": params.attention,
        "max_length": params.max_length,
        "dataset_hash": manifest["dataset_hash"],
        "training": {
            **{name: getattr(params, name) for name in LORA_FIELDS},
            "seed": params.seed,
            **{name: base.info[name] for name in used},
            "stages": {name: summary(fitted) for name, fitted in stages.items()},
        },
    }


def summary(fitted: Fitted) -> dict[str, Any]:
    """Return a stage's figures without its points."""
    return {name: value for name, value in asdict(fitted).items() if name != "points"}


def _stage(
    model: Any,
    base: Base,
    examples: Sequence[Encoded],
    validation: Sequence[Encoded],
    settings: Settings,
    run: Any,
) -> Fitted:
    fitted = fit(model, base.tokenizer, examples, validation, settings)
    run.log_metrics(
        {
            f"{settings.name}/best_eval_loss": fitted.best_loss,
            f"{settings.name}/mean_tokens_per_s": fitted.tokens / max(fitted.train_s, 1e-9),
        }
    )
    return fitted


def _write_history(path: Path, stages: dict[str, Fitted]) -> None:
    history = {
        name: {**summary(fitted), "points": fitted.points} for name, fitted in stages.items()
    }
    write_text(path, json.dumps(history, indent=1) + "\n")
