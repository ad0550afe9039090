"""Step back when memory runs out: smaller pieces first, then recomputed layers.

Neither changes what is learnt: a step has the same conversations in more pieces, and a layer
that is recomputed gives the same values. Out of retreats, the error says what is left to do.

Shape: model, tokens of a piece -> the same, smaller, after each `step_back`.
"""

import gc
import warnings
from typing import Any

import torch

from echoes_lib.errors import NotEnoughMemory

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(s in str(error).lower() for s in _SIGNS)


def check_can_retreat(error: BaseException, max_tokens: int, is_split: bool) -> None:
    """Raise unless memory ran out and smaller pieces can be tried.

    Args:
        error: what a pass through the model raised.
        max_tokens: of the piece.
        is_split: whether the base is split over processes, which would wait for this one.

    Raises:
        NotEnoughMemory: memory ran out, and nothing smaller can be tried.
        Exception: `error` itself, where it is something else.
    """
    if not is_out_of_memory(error):
        raise error
    if is_split:
        raise NotEnoughMemory(
            f"a piece of {max_tokens} tokens does not fit the memory, and with the base split "
            "over processes no smaller one can be tried: lower max_tokens_per_pass in "
            "3_train.yaml, then run the same command again to go on"
        ) from error


def give_back() -> None:
    """Give back to the system what the allocator holds and nobody uses."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Retreat:
    """How large pieces may be, and how many layers are recomputed."""

    def __init__(self, model: Any, max_tokens: int, recomputed_layers: int = 0):
        """Begin with pieces of `max_tokens` and the first `recomputed_layers` recomputed."""
        self.model, self.max_tokens, self.times = model, max_tokens, 0
        self.layers = checkpointed_layers(model)
        self.recompute(recomputed_layers)

    def recompute(self, count: int) -> None:
        """Recompute the first `count` layers in the backward pass; -1 for all."""
        count = len(self.layers) if count < 0 else min(count, len(self.layers))
        if count:
            with warnings.catch_warnings():
                # transformers 5.2x renames it; 5.17 knows only the old name.
                warnings.simplefilter("ignore", FutureWarning)
                self.model.gradient_checkpointing_enable({"use_reentrant": False})
        for place, layer in enumerate(self.layers):
            layer.gradient_checkpointing = place < count
        self.recomputed_layers = count

    def step_back(self, longest: int) -> None:
        """Make the next try smaller, and give back what the allocator holds.

        Args:
            longest: tokens of the step's longest conversation, which no piece can be below.

        Raises:
            NotEnoughMemory: nothing is left to make smaller.
        """
        self.times += 1
        if self.max_tokens > longest:
            self.max_tokens = max(longest, self.max_tokens // 2)
        elif self.recomputed_layers < len(self.layers):
            self.recompute(-1)
        else:
            raise NotEnoughMemory(
                f"a single conversation of {longest} tokens does not fit the memory, with every "
                "layer recomputed: lower max_length in 1_preprocess.yaml and 3_train.yaml, set "
                "quantization: nf4, or lower lora_r"
            )
        give_back()

    def as_dict(self) -> dict[str, int]:
        """Return where the retreat stands, for a checkpoint."""
        return {"max_tokens": self.max_tokens, "recomputed_layers": self.recomputed_layers}

    def restore(self, saved: dict[str, int]) -> None:
        """Go back to where a checkpoint stood."""
        self.max_tokens = saved["max_tokens"]
        self.recompute(saved["recomputed_layers"])


def checkpointed_layers(model: Any) -> list[Any]:
    """Return the layers of a model that can be recomputed, in their order."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
