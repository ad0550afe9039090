"""Train a miniature in a process of its own; what tests kill, crowd and launch in pairs.

    python -m tests.training.work BASE DATASET OUTPUT [name=value ...]

Prints `step N` after every optimizer step and `done LOSS` at the end.
"""

import json
import sys
from pathlib import Path

from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training import loop
from echoes_lib.training.stages import train_two_stages

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
    result = train_two_stages(load_base(params), Path(dataset), params, Path(output), NullRun())
    print(f"done {result.best_loss!r}", flush=True)


if __name__ == "__main__":
    main()
