"""The project's trainer beside TRL's, on the same base, data, epochs, effective batch and LoRA.

    make bench-train

Three contestants take turns, each round in processes of their own:

ours     `training.fit`
default  TRL's SFTTrainer as it comes: layers recomputed, padded batches in random order
tuned    the same by hand: nothing recomputed, conversations packed into full rows. A row holds
         several, so it takes fewer rows a step for the same number of conversations.

Left out of the race for all: bfloat16, which TRL would switch on and a CPU without units for it
is many times slower in. Validation loss is measured by one function for all three. Times are of
the training steps alone, without loading and scoring; tokens are those of conversations, without
padding. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROUNDS = 3
CONTESTANTS = ("ours", "default", "tuned")
LORA = {"lora_r": 16, "lora_alpha": 32, "learning_rate": 2e-3, "warmup_steps": 4}
BATCH = 8


def build(home: Path) -> Path:
    """Write Luke's dataset into a home of its own."""
    from echoes_lib.params import PreprocessParams
    from echoes_lib.reflections.dataset import build_dataset
    from echoes_lib.reflections.sources.sample import write_sample

    url = f"sqlite:///{home}/sample.db"
    write_sample(url)
    return build_dataset(PreprocessParams(database_url=url), folder=home / "data" / "set").folder


def race(name: str, folder: Path, epochs: float) -> dict[str, Any]:
    """Train one contestant in this process."""
    from echoes_lib.models.adapters import new_adapter
    from echoes_lib.models.load import load_base
    from echoes_lib.params.schema import TrainParams
    from echoes_lib.training.dataset import load_training_data
    from echoes_lib.training.scoring import validation_loss

    params = TrainParams(per_device_train_batch_size=BATCH, **LORA)
    base = load_base(params)
    data = load_training_data(folder, base.tokenizer, params.max_length)
    if name == "ours":
        model = new_adapter(base.model, params)
        seconds, steps = _ours(model, base.tokenizer, data, params, epochs)
    else:
        model, seconds, steps = _trl(base, folder, params, epochs, tuned=name == "tuned")
    tokens = epochs * sum(len(e.input_ids) for e in data.stage1)
    return {
        "name": name,
        "s_per_epoch": seconds / epochs,
        "tokens_per_s": tokens / seconds,
        "steps": steps,
        "validation_loss": validation_loss(model, data.validation, base.tokenizer.pad_token_id),
    }


def _ours(model: Any, tokenizer: Any, data: Any, params: Any, epochs: float) -> tuple[float, int]:
    from echoes_lib.training.fit import Settings, fit

    # No scores on the way, so that the last weights are kept as TRL keeps them.
    settings = Settings("bench", params.learning_rate, epochs, 1, params)
    fitted = fit(model, tokenizer, data.stage1, data.validation, settings)
    return fitted.train_s, fitted.steps


def _trl(
    base: Any, folder: Path, params: Any, epochs: float, tuned: bool
) -> tuple[Any, float, int]:
    by_hand = {"gradient_checkpointing": False, "packing": True} if tuned else {}
    with tempfile.TemporaryDirectory() as scratch:
        trainer = trl_trainer(
            base,
            folder,
            params,
            output_dir=scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=_rows(folder, base, params) if tuned else BATCH,
            bf16=False,
            **by_hand,
        )
        began = time.perf_counter()
        trainer.train()
        return trainer.model, time.perf_counter() - began, trainer.state.global_step


def trl_trainer(base: Any, folder: Path, params: Any, **config: Any) -> Any:
    """Make TRL's trainer for stage 1 of a dataset: its defaults, but for our hyperparameters.

    Args:
        base: from `load_base`; its tokenizer gets the template with marks of what is trained.
        folder: the dataset.
        params: TrainParams.
        **config: fields of SFTConfig that win.

    Returns:
        An SFTTrainer that has not trained yet.
    """
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    from echoes_lib.models.templates import training_template

    base.tokenizer.chat_template = training_template(base.tokenizer)
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=params.lora_r,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=list(params.target_modules),
    )
    ours = {
        "learning_rate": params.learning_rate,
        "lr_scheduler_type": params.lr_scheduler_type,
        "warmup_steps": params.warmup_steps,
        "max_length": params.max_length,
        "assistant_only_loss": True,
        "save_strategy": "no",
        "report_to": "none",
        "seed": params.seed,
        "disable_tqdm": True,
    }
    return SFTTrainer(
        model=base.model,
        args=SFTConfig(**(ours | config)),
        train_dataset=Dataset.from_list(_messages(folder)),
        processing_class=base.tokenizer,
        peft_config=lora,
    )


def _messages(folder: Path) -> list[dict[str, Any]]:
    from echoes_lib.training.dataset import read_examples

    return [{"messages": row["messages"]} for row in read_examples(folder / "train_stage1.jsonl")]


def _rows(folder: Path, base: Any, params: Any) -> int:
    """Return how many full rows hold about as many conversations as a step of the others."""
    rows = _messages(folder)
    lengths = [len(base.tokenizer.apply_chat_template(r["messages"])["input_ids"]) for r in rows]
    return max(1, round(BATCH * statistics.mean(lengths) / params.max_length))


def _child(name: str, folder: Path, epochs: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", name, "--data", str(folder)]
    command += ["--epochs", str(epochs)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Take the medians over the rounds, and the ratios between contestants of one round."""
    by_name = {name: [f for f in found if f["name"] == name] for name in CONTESTANTS}
    keys = [key for key in found[0] if key != "name"]
    table = {
        name: {key: round(statistics.median(f[key] for f in rows), 4) for key in keys}
        for name, rows in by_name.items()
    }
    rounds = zip(*by_name.values(), strict=True)
    pairs = [(d["s_per_epoch"] / o["s_per_epoch"], t["s_per_epoch"] / o["s_per_epoch"])
             for o, d, t in rounds]  # fmt: skip
    ours = table["ours"]["validation_loss"]
    return {
        "contestants": table,
        "faster_than_default": [round(d, 2) for d, _ in pairs],
        "faster_than_tuned": [round(t, 2) for _, t in pairs],
        "loss_against_default": round(ours / table["default"]["validation_loss"], 4),
        "loss_against_tuned": round(ours / table["tuned"]["validation_loss"], 4),
    }


def main() -> None:
    """Run all rounds, print each as it ends, then the summary as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--one", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help="a dataset folder; Luke's is built when omitted")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(race(given.one, given.data, given.epochs)))
        return
    with tempfile.TemporaryDirectory() as home:
        folder = given.data or build(Path(home))
        found = []
        for _ in range(given.rounds):
            for name in CONTESTANTS:
                found.append(_child(name, folder, given.epochs))
                print(found[-1], file=sys.stderr)
    print(json.dumps(summary(found), indent=1))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
