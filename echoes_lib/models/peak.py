"""Measure the memory a training took, and set it beside its plan.

On CUDA the peak of allocated tensors, exact; on a CPU the process's resident memory, sampled by
a thread, so a peak shorter than a sample can be missed. Predicts nothing.

Shape: a block of code -> Measured; Plan and Measured -> figures for a run.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from echoes_lib.models.memory import GIB, Plan

SAMPLE_S = 0.02


@dataclass(frozen=True)
class Measured:
    """Bytes at the start and at the peak of a block, and how they were counted."""

    start: int
    peak: int
    source: str  # "cuda" for allocated tensors, "rss" for resident memory

    @property
    def growth(self) -> int:
        """What the block added at its peak."""
        return self.peak - self.start


class PeakMemory:
    """A context that measures the peak of the block inside; read `measured` afterwards."""

    def __init__(self, device: str = "cpu", resident: Callable[[], int] | None = None):
        """Watch a device.

        Args:
            device: `cuda` or `cpu`.
            resident: gives the bytes to sample on a CPU; this process's own when omitted.
        """
        self.measured: Measured | None = None
        self._device = device
        self._resident = resident or resident_bytes
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="peak-memory", daemon=True)
        self._start = self._peak = 0

    def __enter__(self) -> "PeakMemory":
        if self._device == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats()
            self._start = torch.cuda.memory_allocated()
        else:
            self._start = self._peak = self._resident()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device == "cuda":
            import torch

            peak = torch.cuda.max_memory_allocated()
            self.measured = Measured(self._start, peak, "cuda")
            return
        self._ended.set()
        self._thread.join()
        self._sample()
        self.measured = Measured(self._start, self._peak, "rss")

    def _follow(self) -> None:
        while not self._ended.wait(SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        self._peak = max(self._peak, self._resident())


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    import psutil

    return psutil.Process().memory_info().rss


def compare(plan: Plan, measured: Measured) -> dict[str, float]:
    """Set a plan beside what was measured, as metrics for a run.

    On CUDA all allocated tensors are compared. On a CPU it is the growth over the process with
    its base loaded: what Python and its libraries take differs from machine to machine.

    Args:
        plan: made before the training, with the layers that were really checkpointed.
        measured: of the training, begun when the base was loaded.

    Returns:
        `memory/predicted_gib`, `memory/measured_gib` and `memory/predicted_over_measured_ratio`.
    """
    if measured.source == "cuda":
        predicted, found = plan.allocated, measured.peak
    else:
        predicted, found = plan.training + plan.slack, measured.growth
    return {
        "memory/predicted_gib": predicted / GIB,
        "memory/measured_gib": found / GIB,
        "memory/predicted_over_measured_ratio": predicted / max(found, 1),
    }
