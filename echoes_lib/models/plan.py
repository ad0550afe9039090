"""Plan a profile's training on this machine: from its parameters to a memory plan.

Finds out whether the base is here without fetching it, what this machine would choose for
dtype and attention, the largest microbatch, and the memory there is. The arithmetic is in
`memory.py`.

Shape: TrainParams -> Presence, Setup, Batch, bytes available -> Plan.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.errors import ModelError, NotEnoughMemory
from echoes_lib.models.activations import Batch, Setup
from echoes_lib.models.find import resolve_base
from echoes_lib.models.memory import CUDA_CONTEXT, GIB, Plan, forecast, way_out
from echoes_lib.models.shape import Shape, published_shape, read_shape

# An upper bound: answers are half to three quarters of a conversation.
TRAINED_SHARE = 0.75


@dataclass(frozen=True)
class Presence:
    """Whether a base model is on this machine, and what is known of its shape.

    `place` is `folder`, `cache` or `hub`; `fault` says why it cannot be used as things are, and
    is empty when it is here or can be fetched; `shape` is None when nothing is known of it.
    """

    place: str
    here: bool
    note: str
    shape: Shape | None
    fault: str = ""


def find_presence(params: Any) -> Presence:
    """Look for a base without fetching anything.

    Args:
        params: an object with `base_model` and `base_revision`.

    Returns:
        Where it is, or what would have to be fetched.

    Raises:
        BaseModelNotFound: the name is neither a folder with a model nor a hub id.
        ModelError: its configuration is of an unknown family.
    """
    place = resolve_base(params.base_model)
    if isinstance(place, Path):
        return _on_disk("folder", place)
    folder = _cached(place, params.base_revision)
    return _on_hub(place) if folder is None else _on_disk("cache", folder)


def plan_training(params: Any, available: int | None = None, shards: int = 1) -> Plan:
    """Plan the training that a step's parameters ask for.

    Args:
        params: TrainParams.
        available: bytes for the process; those of this machine when omitted.
        shards: processes over which the base is split.

    Returns:
        The plan, with as many layers checkpointed as `gradient_checkpointing` asks for.

    Raises:
        NotEnoughMemory: it does not fit.
        ModelError: nothing is known of the base's shape, or it is not one that can be planned.
    """
    plan = forecast_training(params, available, shards)
    if not plan.fits:
        setup = setup_of(params, shards)
        raise NotEnoughMemory(way_out(plan, setup, largest_batch(params, setup)))
    return plan


def forecast_training(params: Any, available: int | None = None, shards: int = 1) -> Plan:
    """Plan as `plan_training` does, but return the plan that comes nearest when none fits.

    Raises:
        ModelError: nothing is known of the base's shape, or it is not one that can be planned.
    """
    found = find_presence(params)
    if found.shape is None:
        raise ModelError(
            f"base_model={params.base_model!r} is not here and nothing is known of its shape: "
            "fetch it once with `hf download`, then plan again"
        )
    setup = setup_of(params, shards)
    fixed = {True: found.shape.layers, False: 0}.get(params.gradient_checkpointing)
    space = available_memory(setup.device) if available is None else available
    return forecast(found.shape, setup, largest_batch(params, setup), space, fixed)


def setup_of(params: Any, shards: int = 1) -> Setup:
    """Say how this machine would load and train what the parameters name."""
    from echoes_lib.models.hardware import choose_attention, choose_dtype, device

    dtype, _ = choose_dtype(params.dtype)
    attention, _ = choose_attention(params.attention, dtype)
    name = str(dtype).removeprefix("torch.")
    return Setup(
        lora_r=params.lora_r,
        target_modules=tuple(params.target_modules),
        lora_dropout=params.lora_dropout,
        quantization=params.quantization,
        double_quantization=params.double_quantization,
        dtype=name,
        attention=attention,
        device=device(),
        autocast=device() == "cuda" and name != "float32",
        shards=shards,
    )


def largest_batch(params: Any, setup: Setup) -> Batch:
    """Return the largest microbatch that the parameters allow: every row as long as allowed."""
    tokens = max(params.max_tokens_per_pass, params.max_length)
    masked = setup.attention != "flash_attention_2"
    return Batch(tokens, params.max_length, round(tokens * TRAINED_SHARE), masked)


def available_memory(device: str) -> int:
    """Count the bytes that this process may hold in all, with what it holds already.

    On CUDA: what is free on the card and what this process has, within the fraction that was
    set for it. On a CPU: what the system can give, within the limit of its container.
    """
    if device == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info()
        allowed = int(total * torch.cuda.get_per_process_memory_fraction())
        return min(free + torch.cuda.memory_reserved(), allowed) + CUDA_CONTEXT
    import psutil

    own = psutil.Process().memory_info().rss
    return min(psutil.virtual_memory().available, _container_room()) + own


def download_bytes(shape: Shape) -> int:
    """Estimate what fetching a base takes on the disk: two bytes per parameter."""
    return 2 * shape.parameters


def _container_room(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Return what the container may still use; without a limit, more than there is."""
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return 1 << 62
    return max(0, int(limit) - used) if limit.isdigit() else 1 << 62


def _shape_in(folder: Path) -> Shape:
    from transformers import AutoConfig

    try:
        return read_shape(AutoConfig.from_pretrained(str(folder), local_files_only=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"config.json in {folder.name} is not readable ({type(error).__name__}): download "
            "the base again, or choose another base_model"
        ) from None


def _cached(name: str, revision: str | None) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json", revision=revision or "main")
    return Path(found).parent if isinstance(found, str) else None


def _missing_weights(folder: Path) -> str | None:
    """Name a file of weights that is not there, or None when all are."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        there = (folder / "model.safetensors").is_file() or any(folder.glob("*.bin"))
        return None if there else "model.safetensors"
    try:
        names = set(json.loads(index.read_text())["weight_map"].values())
    except (OSError, ValueError, KeyError):
        return index.name
    return next((name for name in sorted(names) if not (folder / name).is_file()), None)


def _on_disk(place: str, folder: Path) -> Presence:
    missing = _missing_weights(folder)
    note = f"incomplete: {missing} is missing" if missing else "complete"
    fault = f"base_model: {missing} is missing in {folder.name}" if missing else ""
    if missing and place == "cache" and not _offline():
        fault = ""  # the rest is fetched when it is loaded
    return Presence(place, not missing, note, _shape_in(folder), fault)


def _on_hub(name: str) -> Presence:
    shape = published_shape(name)
    size = f" (about {download_bytes(shape) / GIB:.1f} GiB)" if shape else ""
    fault = f"base_model={name!r} is not in the cache and HF_HUB_OFFLINE is set"
    return Presence(
        "hub",
        False,
        f"not here yet, it is fetched on first use{size}",
        shape,
        fault if _offline() else "",
    )


def _offline() -> bool:
    from huggingface_hub import constants

    return constants.HF_HUB_OFFLINE
