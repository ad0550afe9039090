"""Write a base model of a given shape with random weights, as large as a real one.

Shape: fields of a MistralConfig -> a folder that the project's loader takes, the seedling's
tokenizer in it, a file per layer.
"""

import json
from pathlib import Path
from typing import Any

MISTRAL_7B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 32768,
    "sliding_window": None,
}
TINY = {**MISTRAL_7B, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096}


def write_base(folder: Path, shape: dict[str, Any]) -> Path:
    """Write a base of a shape with random weights in bfloat16, a file per layer."""
    import torch
    from safetensors.torch import save_file
    from transformers import MistralConfig, MistralForCausalLM

    from echoes_lib.models.load import load_tokenizer
    from echoes_lib.params.schema import TrainParams

    tokenizer = load_tokenizer(TrainParams())
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = MistralConfig(**shape, **ends, tie_word_embeddings=False, dtype="bfloat16")
    config.architectures = ["MistralForCausalLM"]
    with torch.device("meta"):
        names = {n: t.shape for n, t in MistralForCausalLM(config).state_dict().items()}
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    where = {name: f"model-{_group(name)}.safetensors" for name in names}
    for file in sorted(set(where.values())):
        part = {name: _random(names[name]) for name in names if where[name] == file}
        save_file(part, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def _group(name: str) -> str:
    parts = name.split(".")
    return parts[2].zfill(3) if parts[1] == "layers" else "ends"


def _random(size: Any) -> Any:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if len(size) == 1:  # norms
        return torch.ones(size, dtype=torch.bfloat16)
    return (torch.randn(size, device=device) * 0.02).bfloat16().cpu()
