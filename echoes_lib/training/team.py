"""The processes that train one adapter together, if there is more than one.

`accelerate launch` starts them, one per GPU (or per CPU share, over gloo). Every process holds
the whole model and takes every n-th piece of a step; the adapter's gradients are added up once
per step, which is all that travels. So the steps are those of a single process, only sooner.
With FSDP the base is split (`shards`): then a layer is put together by all processes at the same
time, so that each must run as many pieces as the others; who has none left runs a blank one.

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
    is_split: bool = False  # whether the base is split over the processes (FSDP)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes files and reports."""
        return self.rank == 0

    def share(self, items: Sequence[T], blank: T) -> list[T]:
        """Return what this process takes: as many as every other, the last one maybe blank."""
        missing = -len(items) % self.size
        return [*items, *[blank] * missing][self.rank :: self.size]

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
    from accelerate.utils import parse_flag_from_env

    state = PartialState(cpu=not torch.cuda.is_available())
    is_split = state.num_processes > 1 and parse_flag_from_env("ACCELERATE_USE_FSDP")
    return Team(state.process_index, state.num_processes, is_split)
