"""Move the weights: Muon for the matrices inside the layers, AdamW for all else.

Muon makes each update orthogonal, so that all directions of a matrix learn; on this corpus it
is ahead of AdamW alone by a tenth of a nat from the second hundred of steps on
(docs/experiments.md). Embeddings and norms are no such matrices and stay with AdamW.

What it does not do: compute gradients or decide how many steps (`pretrain`).

Shape: model + arguments -> Optimizers, stepped as one.
Source: Muon, Jordan et al. 2024, as in `torch.optim.Muon`.
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["Optimizers", "rate_at"]

BETAS = (0.9, 0.95)


def rate_at(step: int, steps: int, warmup: int, decay: int, final: float) -> float:
    """Return the share of the peak rate at a step: a linear rise, a plain, a linear fall.

    Args:
        step: 0 to `steps` - 1.
        steps: Steps in all.
        warmup: Steps of the rise.
        decay: Steps of the fall at the end.
        final: What is left at the last step.

    Example:
        >>> [round(rate_at(step, 10, 2, 4, 0.0), 2) for step in (0, 5, 8, 9)]
        [0.5, 1.0, 0.25, 0.0]

    Source: warmup-stable-decay, MiniCPM, arXiv 2404.06395.
    """
    if step < warmup:
        return (step + 1) / warmup
    left = min(1.0, (steps - 1 - step) / max(1, decay))
    return final + (1 - final) * left


class Optimizers:
    """Both optimizers of a model.

    Args:
        model: A causal language model with `model.layers`.
        matrix_rate: Peak rate of Muon.
        rate: Peak rate of AdamW.
        weight_decay: Of the matrices inside the layers.
    """

    def __init__(
        self, model: torch.nn.Module, matrix_rate: float, rate: float, weight_decay: float
    ):
        layers = list(model.model.layers.parameters())
        matrices = [p for p in layers if p.ndim == 2]
        taken = {id(p) for p in matrices}
        rest = [p for p in model.parameters() if id(p) not in taken]
        muon = torch.optim.Muon(
            matrices, lr=matrix_rate, weight_decay=weight_decay, adjust_lr_fn="original"
        )
        # Fused AdamW is a single pass over memory, on CPUs too.
        adamw = torch.optim.AdamW(rest, lr=rate, betas=BETAS, weight_decay=0.0, fused=True)
        self._both = ((muon, matrix_rate), (adamw, rate))

    def step(self, ratio: float) -> None:
        """Move the weights at a share of the peak rates, and forget the gradients."""
        for optimizer, peak in self._both:
            for group in optimizer.param_groups:
                group["lr"] = peak * ratio
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return what a checkpoint has to hold."""
        return [optimizer.state_dict() for optimizer, _ in self._both]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from a checkpoint's `state_dict`."""
        for (optimizer, _), state in zip(self._both, states, strict=True):
            optimizer.load_state_dict(state)
