"""Draw things that flow from column to column: bars joined by ribbons as wide as their number.

A ribbon may end wider or narrower than it begins, where things change their unit on the way
(answers into examples); every column is drawn to the same height. Does not sort or cross out
anything: bars stand in the order they are given.

Shape: columns of bars, ribbons between them -> drawn on matplotlib Axes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

BAR, GAP, LABEL = 0.05, 0.012, 0.045  # width of a bar; space between bars; least room of a name


@dataclass(frozen=True)
class Bar:
    """One bar: a name that is unique in the picture, how many, and its colour."""

    name: str
    n: int
    color: str
    label: str = ""


@dataclass(frozen=True)
class Ribbon:
    """What goes from one bar to another: so many on leaving, so many on arriving."""

    start: str
    end: str
    n_start: float
    n_end: float


def draw_alluvial(axes: Axes, columns: Sequence[Sequence[Bar]], ribbons: Sequence[Ribbon]) -> None:
    """Draw bars and ribbons.

    Args:
        axes: an empty one; its frame is taken away.
        columns: bars from top to bottom, column by column; bars of 0 are left out.
        ribbons: between bars of neighbouring columns, in the order in which they leave.
    """
    columns = [[bar for bar in column if bar.n] for column in columns]
    most = max(len(column) for column in columns)
    room = 1 - most * max(GAP, LABEL / 2)
    places: dict[str, tuple[float, float, float, float]] = {}  # x, top, height, height of one
    for x, column in enumerate(columns):
        scale = room / max(sum(bar.n for bar in column), 1)
        _stack(axes, places, x, column, scale)
    _join(axes, places, {bar.name: bar for column in columns for bar in column}, ribbons)
    lowest = min(top - height for _, top, height, _ in places.values())
    axes.set(xlim=(-0.1, len(columns) - 0.35), ylim=(lowest - 0.02, 1.02))
    axes.axis("off")


def _stack(axes: Axes, places: dict, x: int, column: Sequence[Bar], scale: float) -> None:
    top = 1.0
    for bar in column:
        height = bar.n * scale
        slot = max(height, LABEL)
        start = top - (slot - height) / 2
        places[bar.name] = (x, start, height, scale)
        axes.add_patch(Rectangle((x, start - height), BAR, height, color=bar.color, linewidth=0))
        text = f"{bar.label or bar.name}  {bar.n}"
        axes.text(x + BAR + 0.02, start - height / 2, text, va="center", fontsize=9, zorder=3)
        top -= slot + GAP


def _join(axes: Axes, places: dict, bars: dict[str, Bar], ribbons: Sequence[Ribbon]) -> None:
    left: dict[str, float] = defaultdict(float)  # how much of a bar's right side is taken
    right: dict[str, float] = defaultdict(float)
    for ribbon in ribbons:
        if ribbon.start not in places or ribbon.end not in places or not ribbon.n_end:
            continue
        x0, top0, _, one0 = places[ribbon.start]
        x1, top1, _, one1 = places[ribbon.end]
        a = top0 - left[ribbon.start] * one0
        b = top1 - right[ribbon.end] * one1
        left[ribbon.start] += ribbon.n_start
        right[ribbon.end] += ribbon.n_end
        shape = _band(x0 + BAR, a, a - ribbon.n_start * one0, x1, b, b - ribbon.n_end * one1)
        color = bars[ribbon.end].color
        axes.add_patch(PathPatch(shape, facecolor=color, alpha=0.28, linewidth=0, zorder=1))


def _band(x0: float, a0: float, a1: float, x1: float, b0: float, b1: float) -> Path:
    """Return the outline of a ribbon from (x0, a0 to a1) to (x1, b0 to b1)."""
    middle = (x0 + x1) / 2
    over = [(x0, a0), (middle, a0), (middle, b0), (x1, b0)]
    back = [(x1, b1), (middle, b1), (middle, a1), (x0, a1)]
    curve = [Path.CURVE4] * 3
    return Path([*over, *back, (x0, a0)], [Path.MOVETO, *curve, Path.LINETO, *curve, Path.LINETO])
