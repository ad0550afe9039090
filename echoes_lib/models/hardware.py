"""Choose device, dtype and attention, and say why.

What a machine can do decides what `auto` means; the reason is kept beside the choice in the
run and in the model card. Does not measure memory or temperature.

Shape: a parameter's value -> (choice, reason).
"""

import importlib.util

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device() -> str:
    """Return `cuda` when PyTorch sees a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(requested: str = "auto") -> tuple[torch.dtype, str]:
    """Choose the type that the base model computes in.

    Args:
        requested: `auto`, `float32`, `bfloat16` or `float16`.

    Returns:
        The type and the reason.
    """
    if requested != "auto":
        return DTYPES[requested], f"asked for: dtype={requested}"
    if device() == "cpu":
        return torch.float32, "CPU: bfloat16 is many times slower without native units"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16, f"{_gpu()} computes bfloat16 natively"
    return torch.float16, f"{_gpu()} has no bfloat16: float16 with loss scaling"


def choose_attention(
    requested: str = "auto", dtype: torch.dtype = torch.float32
) -> tuple[str, str]:
    """Choose the attention implementation.

    Args:
        requested: `auto`, `flash_attention_2`, `sdpa` or `eager`.
        dtype: what the model computes in; FlashAttention needs half precision.

    Returns:
        A value for transformers' `attn_implementation`, and the reason.
    """
    if requested != "auto":
        return requested, f"asked for: attention={requested}"
    if device() == "cpu":
        return "sdpa", "flash_attention_2 needs a CUDA GPU, this is a CPU"
    if importlib.util.find_spec("flash_attn") is None:
        return "sdpa", "flash-attn is not installed (docs/gpu.md says how)"
    if dtype not in (torch.bfloat16, torch.float16):
        return "sdpa", f"flash_attention_2 needs half precision, dtype is {dtype}"
    return "flash_attention_2", f"flash-attn is installed, {_gpu()} computes {dtype}"


def _gpu() -> str:
    return torch.cuda.get_device_name(0)
