"""Describe a trained echo: the content of `echo.json` in its adapter folder.

Names, figures and choices with their reasons; no word of the person's answers.

Shape: base, data, parameters, stages -> a JSON object.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from echoes_lib.models.load import Base
from echoes_lib.training.dataset import TrainingData
from echoes_lib.training.fit import Fitted
from echoes_lib.workspace import write_text

LORA_FIELDS = ("lora_r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora")
LORA_FIELDS += ("init_lora_weights", "learning_rate")


def echo_card(
    base: Base, data: TrainingData, params: Any, stages: dict[str, Fitted]
) -> dict[str, Any]:
    """Describe the echo: the content of `echo.json`.

    dtype and attention are kept as they were asked for, so that an echo trained on a GPU
    chooses anew where it answers; what training used stands under `training`.
    """
    manifest = data.manifest
    used = ("dtype", "dtype_reason", "attention", "attention_reason", "device", "chat_template")
    used += ("chat_template_reason", "end_token")
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
        "chat_template": params.chat_template,
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


def write_history(path: Path, stages: dict[str, Fitted]) -> None:
    """Write the points and figures of every stage as JSON."""
    history = {
        name: {**summary(fitted), "points": fitted.points} for name, fitted in stages.items()
    }
    write_text(path, json.dumps(history, indent=1) + "\n")
