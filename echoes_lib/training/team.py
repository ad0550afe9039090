"""The processes that train one adapter together, if there is more than one.

`accelerate launch` starts them, one per GPU (or per CPU share, over gloo). Every process holds
the whole model and takes every n-th piece of a step; the adapter's gradients are added up once
per step, which is all that travels. So the steps are those of a single process, only sooner.

What it does not do: split a model that fits no single GPU; that is FSDP (docs/gpu.md).

Shape: pieces -> this process's share; tensors -> their sums over all processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


@dataclass(frozen=True)
class Team:
    """The place of a process among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> list[T]:
        """Return the items that this process takes."""
        return list(items[self.rank :: self.size])

    def add_up(self, tensors: Sequence[torch.Tensor]) -> None:
        """Add up tensors of one dtype over all processes, in place, in one message."""
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def any(self, flag: bool, device: torch.device | str = "cpu") -> bool:
        """Tell whether the flag is set in any process."""
        if self.size == 1:
            return flag
        seen = torch.tensor([float(flag)], device=device)
        dist.all_reduce(seen)
        return bool(seen.item())

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.size > 1:
            dist.barrier()


def this_team() -> Team:
    """Join the processes that `accelerate launch` started; alone when it did not."""
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return Team(state.process_index, state.num_processes)
