"""Draw the losses of both stages in one picture.

Does not save or log it; the notebook does.

Shape: {"stage1": Fitted, "stage2": Fitted} -> matplotlib figure.
"""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

TRAIN, VALIDATION, BORDER = "#9aa5b1", "#c2410c", "#475569"


def plot_losses(stages: Mapping[str, Any]) -> Figure:
    """Draw train and validation loss over the steps of both stages.

    Args:
        stages: name -> Fitted, in order of training.

    Returns:
        A figure with the border between the stages and the best point of each marked.
    """
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    offset = 0
    for number, fitted in enumerate(stages.values()):
        _draw_stage(axes, fitted, offset, first=number == 0)
        if number:
            axes.axvline(offset, color=BORDER, linestyle=":", linewidth=1)
        axes.annotate(
            f"stage {number + 1}",
            (offset, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(5, -13),
            textcoords="offset points",
            color=BORDER,
        )
        offset += fitted.steps
    axes.set_title("Loss of both training stages")
    axes.set_xlabel("optimizer step, counted over both stages")
    axes.set_ylabel("loss (nats per trained token)")
    axes.margins(y=0.12)
    axes.grid(alpha=0.25)
    axes.legend(loc="best", frameon=False)
    return figure


def _draw_stage(axes: Any, fitted: Any, offset: int, first: bool) -> None:
    labels = ("training", "validation", "best of a stage") if first else (None, None, None)
    for key, color, marker, label in (
        ("loss", TRAIN, None, labels[0]),
        ("eval_loss", VALIDATION, "o", labels[1]),
    ):
        points = [(offset + p["step"], p[key]) for p in fitted.points if key in p]
        if points:
            axes.plot(*zip(*points, strict=True), color=color, marker=marker, ms=4, label=label)
    best = (offset + fitted.best_step, fitted.best_loss)
    axes.plot(*best, "*", color=VALIDATION, ms=16, mec="white", label=labels[2])
    axes.annotate(
        f"{fitted.best_loss:.3f}",
        best,
        xytext=(0, -16),
        textcoords="offset points",
        ha="center",
        color=VALIDATION,
    )
