"""Training on a GPU: a 7B base in four bits, ours beside TRL's trainer as it comes.

    make bench-gpu

Nothing is fetched: the base has the shape of Mistral-7B and random weights, written to a temporary
folder (14 GiB) and loaded by the project's own loader; the tokenizer is the seedling's, the data
are Luke's. Each case runs in a process of its own:

two_stage  a whole training with the profile rtx5090, as if the card had 24 GB
low        its first steps as if the card had 7 GB: all layers recomputed, small pieces
trl        the first steps of TRL's SFTTrainer with bitsandbytes, its defaults, in 24 GB

Tokens are those of conversations, without padding. Utilization counts the arithmetic that the
model needs (no recomputation, no padding) over what a large matrix product reaches on this very
card. Prints JSON last; without a CUDA GPU it says that nothing was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_train import build, trl_trainer
from benchmarks.random_base import MISTRAL_7B, TINY, write_base

GIB = 2**30
CASES = ("two_stage", "low", "trl")
LIMIT_GIB = {"two_stage": 24.0, "low": 7.0, "trl": 24.0}
TRL_STEPS, WARM_STEPS = 20, 4  # the first steps pay for kernels and memory of all


class Figures:
    """A run that keeps its parameters and metrics, and forgets the rest."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def log_params(self, values: dict[str, Any]) -> None:
        """Keep parameters, such as the memory plan."""
        self.found |= values

    def log_metrics(self, values: dict[str, float], step: int | None = None) -> None:
        """Keep the last value of each metric."""
        self.found |= values

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def base_params(base: Path) -> dict[str, Any]:
    """Return the profile rtx5090 on the base that was written."""
    from echoes_lib.params import load_step

    given = load_step("3_train", "rtx5090").model_dump()
    return given | {"base_model": str(base), "dtype": "auto"}


def train_ours(params: Any, data: Path) -> dict[str, Any]:
    """Train both stages with the project's trainer, and say how fast and in how much."""
    from echoes_lib.models.load import load_base
    from echoes_lib.training.stages import train_two_stages

    began, run = time.perf_counter(), Figures()
    base = load_base(params)
    loaded = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        result = train_two_stages(base, data, params, Path(out) / "3_train", run)
    stages = result.stages.values()
    counts = {row["split"]: row for row in result.counts}["stage1"]
    return {
        "load_s": loaded - began,
        "wall_s": time.perf_counter() - loaded,
        "train_s": sum(stage.train_s for stage in stages),
        "tokens_per_s": sum(s.tokens for s in stages) / sum(s.train_s for s in stages),
        "trained_share": counts["trained_tokens"] / counts["tokens"],
        "steps": sum(stage.steps for stage in stages),
        "tokens_of_a_piece": result.stages["stage1"].max_tokens,
        "recomputed_layers": result.stages["stage1"].recomputed_layers,
        "trainable_parameters": result.trainable_parameters,
        **{name: value for name, value in run.found.items() if name.startswith("memory/")},
    }


def train_trl(params: Any, data: Path, steps: int) -> dict[str, Any]:
    """Train some steps with TRL's trainer as it comes, on the same quantised base."""
    from echoes_lib.models.load import load_base
    from echoes_lib.training.dataset import load_training_data

    base = load_base(params)
    lengths = [
        len(example.input_ids)
        for example in load_training_data(data, base.tokenizer, params.max_length).stage1
    ]
    batch, pieces = params.per_device_train_batch_size, params.gradient_accumulation_steps
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = trl_trainer(
            base,
            data,
            params,
            output_dir=scratch,
            max_steps=steps,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=pieces,
            bf16=base.info["dtype"] == "bfloat16",
        )
        trainer.add_callback(clock.callback())
        trainer.train()
    warm = min(WARM_STEPS, steps - 1)
    seconds = clock.ends[-1] - clock.ends[warm - 1]
    tokens = (steps - warm) * batch * pieces * sum(lengths) / len(lengths)
    return {"tokens_per_s": tokens / seconds, "steps": steps}


class Clock:
    """When each optimizer step of a transformers trainer ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def callback(self) -> Any:
        """Return the callback that keeps the times."""
        from transformers import TrainerCallback

        ends = self.ends

        class Ends(TrainerCallback):
            def on_step_end(self, *args: Any, **kwargs: Any) -> None:
                ends.append(time.perf_counter())

        return Ends()


def run_case(name: str, base: Path, data: Path, tiny: bool) -> dict[str, Any]:
    """Measure one case in this process."""
    import torch

    from echoes_lib.params.schema import TrainParams

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, LIMIT_GIB[name] * GIB / total))
    given = base_params(base)
    if name == "low":
        few = {"stage1_epochs": 0.2, "stage2_epochs": 0.2, "evaluations_per_epoch": 1}
        given |= few | {"max_tokens_per_pass": 1024, "gradient_checkpointing": True}
    if tiny:
        given |= {"stage1_epochs": 0.5, "stage2_epochs": 0.5, "lora_r": 4}
    params = TrainParams(**given)
    if name == "trl":
        found = train_trl(params, data, 3 if tiny else TRL_STEPS)
    else:
        found = train_ours(params, data)
    if on_gpu:
        found["allocated_gib"] = torch.cuda.max_memory_allocated() / GIB
        found["held_gib"] = torch.cuda.max_memory_reserved() / GIB
    return {"name": name, "limit_gib": LIMIT_GIB[name] if on_gpu else None, **found}


def matmul_flops(size: int = 8192, times: int = 20) -> float:
    """Measure what a bfloat16 matrix product reaches on this card, FLOP per second."""
    import torch

    a = torch.randn(size, size, device="cuda", dtype=torch.bfloat16)
    for _ in range(3):
        a @ a
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        a @ a
    torch.cuda.synchronize()
    return times * 2 * size**3 / (time.perf_counter() - began)


def flops_per_token(shape: dict[str, Any], found: dict[str, Any]) -> float:
    """Count what a token needs: 4 per frozen weight, 6 per trained one, the head where trained.

    Attention's own products are left out: below a hundredth at these lengths.
    """
    from transformers import MistralConfig

    from echoes_lib.models.shape import read_shape

    read = read_shape(MistralConfig(**shape))
    head = read.hidden * read.vocabulary * found["trained_share"]
    return 4 * (read.linear_parameters + head) + 6 * found["trainable_parameters"]


def machine() -> dict[str, Any]:
    """Name the card and the libraries."""
    import bitsandbytes
    import torch

    found = {"torch": torch.__version__, "bitsandbytes": bitsandbytes.__version__}
    if not torch.cuda.is_available():
        return {"gpu": None, **found}
    card = torch.cuda.get_device_properties(0)
    found |= {"gpu": card.name, "memory_gib": card.total_memory / GIB}
    return {**found, "matmul_tflops": matmul_flops() / 1e12}


def summary(found: list[dict[str, Any]], shape: dict[str, Any]) -> dict[str, Any]:
    """Put the cases beside each other, with the ratios that are aimed at."""
    cases = {row["name"]: row for row in found}
    ours, about = cases["two_stage"], machine()
    result = {
        "machine": about,
        "cases": cases,
        "faster_than_trl": ours["tokens_per_s"] / cases["trl"]["tokens_per_s"],
        "two_stage_minutes": ours["wall_s"] / 60,
    }
    if about["gpu"]:
        reached = ours["tokens_per_s"] * flops_per_token(shape, ours)
        result["utilization"] = reached / (about["matmul_tflops"] * 1e12)
        result["low_memory_gib"] = cases["low"]["held_gib"]
    return result


def _child(name: str, base: Path, data: Path, tiny: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--case", name, "--base", str(base), "--data", str(data)]
    command += ["--tiny"] * tiny
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Write the base and the data, run all cases, print each and the summary as JSON."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="a miniature base, on any machine")
    parser.add_argument("--data", type=Path, help="a dataset folder; Luke's is built when omitted")
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(run_case(given.case, given.base, given.data, given.tiny)))
        return
    if not torch.cuda.is_available() and not given.tiny:
        print(json.dumps({"skipped": "no CUDA GPU here, nothing was measured"}))
        return
    shape = TINY if given.tiny else MISTRAL_7B
    with tempfile.TemporaryDirectory() as home:
        data = given.data or build(Path(home))
        base = write_base(Path(home) / "base", shape)
        found = []
        for name in CASES:
            found.append(_child(name, base, data, given.tiny))
            print(found[-1], file=sys.stderr)
    print(json.dumps(summary(found, shape), indent=1))


if __name__ == "__main__":
    main()
