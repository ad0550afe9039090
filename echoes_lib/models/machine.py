"""Describe this machine: processor, memory, disk, GPU, and the versions of what runs on it.

Measures nothing over time (see `training/monitor.py`) and chooses nothing (see `hardware.py`).

Shape: nothing -> plain values for a report.
"""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

STACK = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "accelerate",
    "datasets",
    "optuna",
    "mlflow",
    "papermill",
    "bitsandbytes",
    "flash-attn",
)
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe_machine(home: Path) -> dict[str, Any]:
    """Describe the hardware.

    Args:
        home: the folder whose disk is asked for free space; a parent stands in when it is
            not there yet.

    Returns:
        system, python, cpu, cores, threads, cpu_flags, memory_bytes, memory_free_bytes,
        disk_free_bytes, gpus (a list, see `describe_gpus`) and gpu_note.
    """
    import psutil

    memory = psutil.virtual_memory()
    gpus, note = describe_gpus()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "threads": psutil.cpu_count(),
        "cpu_flags": [flag for flag in CPU_FLAGS if flag in _cpu_info().get("flags", "").split()],
        "memory_bytes": memory.total,
        "memory_free_bytes": memory.available,
        "disk_free_bytes": psutil.disk_usage(str(there)).free,
        "gpus": gpus,
        "gpu_note": note,
    }


def describe_gpus() -> tuple[list[dict[str, Any]], str]:
    """Ask the NVIDIA driver for its cards.

    Returns:
        name, memory_bytes, memory_free_bytes and driver of each; and why there are none, or
        why PyTorch cannot use them.
    """
    import pynvml
    import torch

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], f"no NVIDIA driver ({error})"
    try:
        cards = [_card(pynvml, i) for i in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer ({error})"
    finally:
        pynvml.nvmlShutdown()
    if cards and not torch.cuda.is_available():
        return cards, f"PyTorch {torch.__version__} cannot use them: install its CUDA build"
    return cards, "" if cards else "the NVIDIA driver shows no card"


def stack_versions() -> dict[str, str | None]:
    """Return the versions of the libraries that matter; None for one that is not installed."""
    return {name: _version(name) for name in STACK}


def cpu_name() -> str:
    """Return the processor's name as the system gives it."""
    return _cpu_info().get("model name") or platform.processor() or platform.machine()


def _card(nvml: Any, index: int) -> dict[str, Any]:
    card = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(card)
    return {
        "name": _text(nvml.nvmlDeviceGetName(card)),
        "memory_bytes": memory.total,
        "memory_free_bytes": memory.free,
        "driver": _text(nvml.nvmlSystemGetDriverVersion()),
    }


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_info() -> dict[str, str]:
    """Read the first processor's lines of /proc/cpuinfo, where there is such a file."""
    path = Path(os.sep) / "proc" / "cpuinfo"
    if not path.is_file():
        return {}
    pairs = (line.partition(":") for line in path.read_text().split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
