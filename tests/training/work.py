"""Train a miniature in a process of its own; what tests kill, crowd and launch in pairs.

    python -m tests.training.work BASE DATASET OUTPUT [name=value ...]

Prints `step N` after every optimizer step, `split` where every layer of the base is in shares, and
`done LOSS` at the end. HOT="1 3" makes process 1 too hot at its third step.
"""

import json
import os
import sys
from pathlib import Path

from echoes_lib.errors import TooHot
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training import loop
from echoes_lib.training.pace import Pace
from echoes_lib.training.stages import train_two_stages
from echoes_lib.training.team import this_team

PARAMS = {
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "learning_rate": 0.01,
    "max_length": 256,
    "per_device_train_batch_size": 4,
    "stage1_epochs": 4.0,
    "stage2_epochs": 4.0,
    "stage2_replay_ratio": 0.5,
    "checkpoint_interval_s": 0.0,
    "early_stopping_patience": 99,
}


def main() -> None:
    base, dataset, output, *changes = sys.argv[1:]
    given = {name: json.loads(value) for name, value in (c.split("=") for c in changes)}
    params = TrainParams(base_model=base, **(PARAMS | given))
    inner = loop.Loop._advance

    def told(self):
        inner(self)
        print(f"step {self.settings.name} {self.step}", flush=True)

    loop.Loop._advance = told
    on = "cpu" if this_team().is_split else None
    base = load_base(params, on=on)
    result = train_two_stages(base, Path(dataset), params, Path(output), NullRun(), pace())
    if on and all(is_in_shares(layer) for layer in base.model.get_decoder().layers):
        print("split", flush=True)
    print(f"done {result.best_loss!r}", flush=True)


class Heat(Pace):
    """Too hot from a number of steps on."""

    def __init__(self, steps: int):
        self.left = steps

    @property
    def too_hot(self) -> bool:
        self.left -= 1  # asked once a step
        return self.left <= 0

    def stop(self, where: str) -> None:
        raise TooHot(where)


def pace() -> Pace:
    rank, steps = map(int, os.environ.get("HOT", "0 999999").split())
    return Heat(steps if this_team().rank == rank else 999999)


def is_in_shares(layer) -> bool:
    """Whether this process holds half of each frozen weight of a layer."""
    frozen = [p for name, p in layer.named_parameters() if "lora_" not in name]
    return bool(frozen) and all(2 * p.to_local().numel() == p.numel() for p in frozen)


if __name__ == "__main__":
    main()
