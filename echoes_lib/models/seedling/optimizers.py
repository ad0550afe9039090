"""Move the weights: Muon for the matrices inside the layers, AdamW for all else.

Muon makes each update orthogonal, so that all directions of a matrix learn; on this corpus it
is ahead of AdamW alone by a tenth of a nat from the second hundred of steps on
(docs/experiments.md). Embeddings and norms are no such matrices and stay with AdamW.

`torch.optim.Muon` computes in bfloat16, which a CPU without units for it does fifty times
slower than the rest of a step; this one computes in float32, and all matrices of a shape at
once.

What it does not do: compute gradients or decide how many steps (`pretrain`).

Shape: model + arguments -> Optimizers, stepped as one.
Source: Muon, Jordan et al. 2024; the coefficients are those of `torch.optim.Muon`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch

__all__ = ["Muon", "Optimizers", "orthogonal", "rate_at"]

BETAS = (0.9, 0.95)
# Of the quintic that pulls all singular values towards one, and how often it is applied.
COEFFICIENTS, ROUNDS = (3.4445, -4.7750, 2.0315), 5


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


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """Bring all singular values near one, by Newton-Schulz iteration.

    Args:
        matrices: `(n, rows, columns)`.

    Returns:
        As many, of the same shape; singular values between about 0.7 and 1.2.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    made = matrices.mT if tall else matrices
    made = made / made.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = made @ made.mT
        made = a * made + (b * gram + c * (gram @ gram)) @ made
    return made.mT if tall else made


class Muon(torch.optim.Optimizer):
    """Momentum whose steps are made orthogonal.

    Args:
        matrices: Parameters of two dimensions.
        lr: Rate for a matrix no taller than wide; taller ones move further.
        weight_decay: Share of the rate by which weights shrink.
        momentum: Share of the last step that is kept.
    """

    def __init__(
        self,
        matrices: Iterable[torch.Tensor],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ):
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            alike = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for (rows, columns), matrices in alike.items():
                rate = group["lr"] * math.sqrt(max(1, rows / columns))
                updates = orthogonal(self._gathered(matrices, group["momentum"]))
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, list(updates), alpha=-rate)

    def _gathered(self, matrices: list[torch.Tensor], momentum: float) -> torch.Tensor:
        """Return gradients with momentum, Nesterov's way, `(n, rows, columns)`."""
        moved = []
        for matrix in matrices:
            state = self.state[matrix]
            kept = state.setdefault("momentum", torch.zeros_like(matrix))
            kept.lerp_(matrix.grad, 1 - momentum)
            moved.append(matrix.grad.lerp(kept, momentum))
        return torch.stack(moved)


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
        muon = Muon(matrices, matrix_rate, weight_decay)
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
