"""Choose device, dtype and attention, and say why.

What a machine can do decides what `auto` means; the reason is kept beside the choice in the
run and in the model card. A choice that the machine cannot keep is refused before anything is
loaded. Does not measure memory or temperature.

Shape: a parameter's value, a Machine -> (choice, reason).
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from echoes_lib.errors import ModelError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
HALF = (torch.bfloat16, torch.float16)
# Instructions of x86 CPUs that multiply bfloat16; without them it is emulated, 25 times slower.
CPU_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")


@dataclass(frozen=True)
class Machine:
    """What decides dtype and attention.

    `device` is `cuda` or `cpu`, `name` what people call it, `bfloat16` what computes it
    natively (None: nothing does), `flash_attention` whether flash-attn is installed.
    """

    device: str
    name: str
    bfloat16: str | None
    flash_attention: bool


def device() -> str:
    """Return `cuda` when PyTorch sees a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def this_machine() -> Machine:
    """Measure the machine that this runs on; nothing is assumed from its name."""
    flash = importlib.util.find_spec("flash_attn") is not None
    if device() == "cpu":
        return Machine("cpu", "this CPU", cpu_bfloat16(cpu_flags()), flash)
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return Machine(
        "cuda", torch.cuda.get_device_name(0), "its tensor cores" * native or None, flash
    )


def cpu_flags() -> Mapping[str, Any]:
    """Read the CPU's instruction sets from PyTorch, such as `{"avx2": True}`; {} if unknown."""
    return getattr(torch.cpu, "get_capabilities", dict)()


def cpu_bfloat16(flags: Mapping[str, Any]) -> str | None:
    """Return the flag by which a CPU multiplies bfloat16, None if it has none."""
    return next((flag for flag in CPU_BFLOAT16_FLAGS if flags.get(flag)), None)


def choose_dtype(
    requested: str = "auto", machine: Machine | None = None
) -> tuple[torch.dtype, str]:
    """Choose the type that the base model computes in.

    Args:
        requested: `auto`, `float32`, `bfloat16` or `float16`.
        machine: None measures this one.

    Returns:
        The type and the reason.
    """
    machine = machine or this_machine()
    if requested != "auto":
        slow = requested == "bfloat16" and machine.bfloat16 is None
        warning = f", though {machine.name} only emulates it, many times slower" if slow else ""
        return DTYPES[requested], f"asked for: dtype={requested}{warning}"
    if machine.bfloat16:
        return torch.bfloat16, f"{machine.name} computes bfloat16 natively ({machine.bfloat16})"
    missing = " or ".join(CPU_BFLOAT16_FLAGS) if machine.device == "cpu" else "bfloat16 units"
    return torch.float32, f"{machine.name} has no {missing}: emulated, bfloat16 is far slower"


def choose_attention(
    requested: str = "auto",
    dtype: torch.dtype = torch.float32,
    model_class: type | None = None,
    machine: Machine | None = None,
) -> tuple[str, str]:
    """Choose the attention implementation.

    Args:
        requested: `auto`, `flash_attention_2`, `sdpa` or `eager`.
        dtype: what the model computes in; FlashAttention needs half precision.
        model_class: of transformers; not every one has every implementation. None: any.
        machine: None measures this one.

    Returns:
        A value for transformers' `attn_implementation`, and the reason.

    Raises:
        ModelError: what was asked for cannot be had here; says what can.
    """
    machine = machine or this_machine()
    no_flash, no_sdpa = _no_flash(dtype, model_class, machine), _no_sdpa(model_class)
    if obstacle := {"flash_attention_2": no_flash, "sdpa": no_sdpa}.get(requested):
        raise ModelError(
            f"attention={requested} cannot be used: {obstacle}; set attention: auto, which "
            "takes the best that there is"
        )
    if requested != "auto":
        return requested, f"asked for: attention={requested}"
    if not no_flash:
        return "flash_attention_2", f"flash-attn is installed, {machine.name} computes {dtype}"
    if not no_sdpa:
        return "sdpa", no_flash
    return "eager", f"{no_flash}; {no_sdpa}"


def _no_flash(dtype: torch.dtype, model_class: type | None, machine: Machine) -> str | None:
    """Say what stands in the way of FlashAttention; None if nothing does."""
    if machine.device != "cuda":
        return "flash_attention_2 needs a CUDA GPU, this is a CPU"
    if not machine.flash_attention:
        return "flash-attn is not installed (docs/gpu.md says how)"
    if machine.bfloat16 is None:
        return f"flash_attention_2 needs an Ampere GPU or a newer one, not {machine.name}"
    if dtype not in HALF:
        return f"flash_attention_2 needs half precision, dtype is {dtype}"
    if not getattr(model_class, "_supports_flash_attn", True):
        return f"{model_class.__name__} has no flash_attention_2"
    return None


def _no_sdpa(model_class: type | None) -> str | None:
    if getattr(model_class, "_supports_sdpa", True):
        return None
    return f"{model_class.__name__} has no sdpa"
