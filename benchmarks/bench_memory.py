"""The memory plan beside the memory that a training takes, on this machine.

    make bench-memory

Trains LoRA for a few steps, each case in a process of its own: on the seedling, and on a wider
miniature of the same family with random weights, with and without checkpointed layers. The
loop is the plainest there is (forward, loss on trained tokens alone, backward, AdamW), so that
the plan is what is measured and not a trainer. Prints JSON last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CASES = {
    "seedling": {},
    "seedling_checkpointed": {"checkpointed_layers": 4},
    "seedling_half_checkpointed": {"checkpointed_layers": 2},
    "seedling_long": {"rows": 2, "length": 1024},
    "seedling_dropout": {"lora_dropout": 0.1},
    "wide": {"wide": True, "rows": 4, "length": 192},
    "wide_checkpointed": {"wide": True, "rows": 4, "length": 192, "checkpointed_layers": 6},
}
TRAINED_SHARE = 0.6
WIDE = {
    "hidden_size": 768,
    "intermediate_size": 2304,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
    "vocab_size": 8192,
    "sliding_window": None,
    "pad_token_id": 0,
}


def measure(
    rows: int = 8,
    length: int = 256,
    lora_dropout: float = 0.0,
    checkpointed_layers: int = 0,
    wide: bool = False,
    steps: int = 3,
) -> dict[str, Any]:
    """Train for a few steps in this process, and compare.

    Args:
        rows: sequences of the microbatch; one of them is padded.
        length: tokens of each.
        lora_dropout: of the adapters.
        checkpointed_layers: how many of the first layers recompute.
        wide: a wider model with random weights instead of the seedling.
        steps: optimizer steps.

    Returns:
        The plan's parts and the comparison, sizes in GiB.
    """
    import torch

    from echoes_lib.models.activations import Batch, Setup
    from echoes_lib.models.adapters import new_adapter
    from echoes_lib.models.memory import plan_memory
    from echoes_lib.models.peak import PeakMemory, compare
    from echoes_lib.models.shape import read_shape
    from echoes_lib.params.schema import TrainParams

    params = TrainParams(lora_dropout=lora_dropout)
    base = _base(wide, params)
    _import_all(params)
    batch = Batch(rows * length, length, round(TRAINED_SHARE * rows * length))
    setup = Setup(params.lora_r, params.target_modules, lora_dropout)
    plan = plan_memory(read_shape(base.config), setup, batch, None, checkpointed_layers)
    torch.manual_seed(0)
    with PeakMemory("cpu") as peak:
        model = new_adapter(base, params).train()
        checkpoint_first(base, checkpointed_layers)
        train(model, base, batch, rows, steps)
    return {"plan": plan.as_params(), **compare(plan, peak.measured)}


def checkpoint_first(base: Any, count: int) -> None:
    """Let the first layers of a model recompute their activations in the backward pass."""
    if count == 0:
        return
    base.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in base.model.layers[count:]:
        layer.gradient_checkpointing = False


def train(model: Any, base: Any, batch: Any, rows: int, steps: int) -> None:
    """Run optimizer steps, with the best adapter kept beside, as training does."""
    import torch

    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    ids = torch.randint(6, base.config.vocab_size, (rows, batch.longest))
    mask = torch.ones_like(ids)
    mask[0, -8:] = 0
    trained = (torch.randperm(ids.numel()) < batch.trained_tokens).reshape(ids.shape)
    best = []
    for _ in range(steps):
        last = base.model(input_ids=ids, attention_mask=mask, use_cache=False)[0]
        logits = base.lm_head(last[trained]).float()
        torch.nn.functional.cross_entropy(logits, ids[trained]).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        best = [weight.detach().clone() for weight in weights]
    assert len(best) == len(weights)


def _base(wide: bool, params: Any) -> Any:
    from transformers import MistralConfig, MistralForCausalLM

    from echoes_lib.models.load import load_base

    if not wide:
        return load_base(params).model
    return MistralForCausalLM._from_config(MistralConfig(**WIDE), attn_implementation="sdpa")


def _import_all(params: Any) -> None:
    """Train a tiny model once: PEFT, optimizers and checkpointing import half of torch then."""
    from transformers import MistralConfig, MistralForCausalLM

    from echoes_lib.models.activations import Batch
    from echoes_lib.models.adapters import new_adapter

    tiny = {**WIDE, "hidden_size": 48, "intermediate_size": 64, "vocab_size": 64}
    base = MistralForCausalLM(MistralConfig(**tiny))
    model = new_adapter(base, params).train()
    checkpoint_first(base, 1)
    train(model, base, Batch(32, 16, 20), 2, 1)


def run_case(name: str) -> dict[str, Any]:
    """Measure one case in a fresh process.

    Args:
        name: one of CASES.

    Raises:
        RuntimeError: the process failed; holds the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        command = [sys.executable, __file__, "--case", name, "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"case {name}: {done.stderr[-1500:]}")
        return json.loads(out.read_text())


def main() -> None:
    """Measure all cases and print a table and JSON, or one case in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.case:
        options.out.write_text(json.dumps(measure(**CASES[options.case])))
        return
    results = {}
    for name in CASES:
        results[name] = found = run_case(name)
        predicted, measured = found["memory/predicted_gib"], found["memory/measured_gib"]
        print(
            f"{name:28} predicted {predicted * 1024:7.1f} MiB   measured {measured * 1024:7.1f}"
            f" MiB   ratio {found['memory/predicted_over_measured_ratio']:.2f}",
            file=sys.stderr,
        )
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
