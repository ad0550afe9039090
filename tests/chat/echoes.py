"""A tiny echo on a tiny random base, as a folder and loaded, for chat, evaluation, registry."""

import json
from pathlib import Path
from types import SimpleNamespace

import torch

from echoes_lib.models.adapters import load_echo, new_adapter, save_echo
from echoes_lib.models.load import load_base
from echoes_lib.params import TrainParams
from tests.models.tiny import make_tiny_base

PERSONA = "You are Luke, sharing your authentic thoughts and experiences with warmth and wisdom."
ANSWERS = {
    3: "Rain on a tin roof, if I am under it and dry.",
    1: "The kettle was on before anyone spoke. That was how I knew.",
    7: "My brother kept pigeons – naïve ones – on the roof.",
    12: "There is a bench by the canal, green, with one slat gone.",
    5: "I learned to sweep from the door to the wall.",
    9: "Money was a word for the kitchen, said low.",
}


def make_echo_folder(folder: Path, dataset_hash: str = "d" * 64, noise: float = 0.5) -> Path:
    """Write a tiny base and an adapter with random weights on it; return the adapter's folder."""
    base_dir = make_tiny_base(folder / "base")
    params = TrainParams(base_model=str(base_dir), lora_r=4, lora_alpha=8)
    base = load_base(params)
    model = new_adapter(base.model, params)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        for name, weights in model.named_parameters():
            if "lora_B" in name:
                weights.copy_(noise * torch.randn(weights.shape, generator=generator))
    card = {
        "user_id": "luke",
        "name": "Luke",
        "system_prompt": PERSONA,
        "base_model": str(base_dir),
        "base_revision": base.info["base_revision"],
        "quantization": "none",
        "double_quantization": True,
        "dtype": "float32",
        "attention": "sdpa",
        "max_length": 768,
        "dataset_hash": dataset_hash,
    }
    return save_echo(model, folder / "adapter", card)


def make_dataset(folder: Path, order: list[int] | None = None) -> Path:
    """Write test.jsonl and manifest.json of six held-out questions."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        {
            "example_id": f"original-{i}",
            "kind": "original",
            "category": "small_joys",
            "question_ids": [i],
            "messages": [
                {"role": "system", "content": PERSONA},
                {"role": "user", "content": f"Tell me about number {i}."},
                {"role": "assistant", "content": ANSWERS[i]},
            ],
        }
        for i in order or list(ANSWERS)
    ]
    (folder / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "manifest.json").write_text(json.dumps({"dataset_hash": "d" * 64}))
    return folder


def user(*texts: str) -> list[dict[str, str]]:
    """Make a conversation: user, assistant, user, …"""
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]


def load(folder: Path):
    """Load the echo of a folder."""
    return load_echo(folder)


def bare(model, tokenizer):
    """Wrap any model as an echo without an adapter."""
    return SimpleNamespace(
        model=model, tokenizer=tokenizer, echo={"name": "Luke", "system_prompt": PERSONA}
    )
