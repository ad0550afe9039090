"""What a training left behind, and how it is found again when it is finished already.

A notebook that fails after hours of training, in its last picture, does not train again when it
is run again; a training on several GPUs is shown by the notebook afterwards. What makes a
training the same is its fingerprint: data, parameters, base and code.

Shape: output folder, fingerprint -> TrainResult, or None.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.adapters import ADAPTER_WEIGHTS, load_echo, read_card
from echoes_lib.models.load import Base
from echoes_lib.training.fit import Fitted

HISTORY = "history.json"


@dataclass(frozen=True)
class TrainResult:
    """What training left behind. Losses are nats per token, sizes bytes."""

    adapter_dir: Path
    model: Any
    stages: dict[str, Fitted]
    counts: list[dict[str, Any]]
    trainable_parameters: int
    wall_s: float

    @property
    def best_loss(self) -> float:
        """Validation loss of the adapter that was kept."""
        return self.stages["stage2"].best_loss

    @property
    def adapter_bytes(self) -> int:
        """Size of the adapter folder."""
        return sum(path.stat().st_size for path in self.adapter_dir.iterdir())


def find_result(
    base: Base, output: Path, fingerprint: str, counts: list[dict[str, Any]]
) -> TrainResult | None:
    """Find the result of this very training in its output folder.

    Args:
        base: carries no adapter; when a result is found it carries the trained one.
        output: where the training would write.
        fingerprint: of data, parameters, base and code.
        counts: what the data holds, `TrainingData.counts()`.

    Returns:
        The result with the model ready to answer; None when there is none, or not all of it.
    """
    adapter = output / "adapter"
    try:
        card = read_card(adapter)["training"]
        told = json.loads((output / HISTORY).read_text(encoding="utf-8"))
        stages = {name: Fitted(**figures) for name, figures in told.items()}
        parameters, seconds = card["trainable_parameters"], card["wall_s"]
    except (ModelError, OSError, ValueError, KeyError, TypeError):
        return None
    if card.get("fingerprint") != fingerprint or not (adapter / ADAPTER_WEIGHTS).is_file():
        return None
    model = load_echo(adapter, base).model
    return TrainResult(adapter, model, stages, counts, parameters, seconds)
