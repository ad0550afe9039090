"""Follow a stage while it trains: points of the curves, the best adapter, when to stop.

The best adapter is kept in memory (a copy of some megabytes), which costs no disk and no
reload, and lets the adapter from before the first step be the best.

Shape: losses -> points {"step", "loss" | "eval_loss", ...} and a copy of the best weights.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

from echoes_lib.errors import ModelError

Point = dict[str, float]
Weights = dict[str, torch.Tensor]


class Curve:
    """The points of one stage, and the best weights so far."""

    def __init__(self, on_point: Callable[[Point], None]):
        """Keep `on_point`, which is called with every new point and may raise to stop."""
        self.points: list[Point] = []
        self.best_step, self.best_loss, self.first_loss = 0, math.inf, math.inf
        self.since_best = 0
        self.best: Weights = {}
        self._on_point = on_point

    def add(self, point: Point) -> None:
        """Keep a point and pass it on."""
        self.points.append(point)
        self._on_point(point)

    def score(self, step: int, loss: float, model: Any) -> None:
        """Keep a validation loss, and the weights when it is the lowest so far.

        Raises:
            ModelError: the loss is not a number.
        """
        check_finite("validation", loss, step)
        if step == 0:
            self.first_loss = loss
        self.since_best += 1
        if loss < self.best_loss:
            self.best_step, self.best_loss, self.since_best = step, loss, 0
            self.best = trainable(model)
        self.add({"step": step, "eval_loss": loss})

    def restore_best(self, model: Any) -> None:
        """Put the best weights back into the model."""
        put_trainable(model, self.best)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, for a checkpoint."""
        names = ("points", "best_step", "best_loss", "first_loss", "since_best", "best")
        return {name: getattr(self, name) for name in names}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from a checkpoint; its points are passed on again, to a run that knows none."""
        for name, value in saved.items():
            setattr(self, name, value)
        for point in self.points:
            self._on_point(point)


def trainable(model: Any) -> Weights:
    """Return copies of the weights that training changes, on their device."""
    named = model.named_parameters()
    return {name: p.detach().clone() for name, p in named if p.requires_grad}


def put_trainable(model: Any, weights: Weights) -> None:
    """Put such weights back, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights[name])


def check_finite(kind: str, loss: float, step: int) -> None:
    """Refuse to go on with a loss that is not a number.

    Raises:
        ModelError: says what to change.
    """
    if not math.isfinite(loss):
        raise ModelError(
            f"the {kind} loss is {loss} at step {step}: lower learning_rate, or set dtype: float32"
        )
