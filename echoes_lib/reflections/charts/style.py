"""What the pictures share: colours that mean the same everywhere, and bare axes."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from echoes_lib.reflections.split import NAMES

KEPT, DROPPED, LIMIT, MADE = "#4c78a8", "#e45756", "#333333", "#72b7b2"
ELSEWHERE = "#c4c4c4"
SPLIT_COLORS = dict(zip(NAMES, ("#b279a2", "#f2a541", "#4c78a8", "#72b7b2"), strict=True))
SPLIT_TITLES = {"stage1": "stage 1", "stage2": "stage 2"}


def titled(name: str) -> str:
    """Return a name of the code as words: `too_short` as `too short`."""
    return SPLIT_TITLES.get(name, name.replace("_", " "))


def mark_color(question_id: int, reasons: Mapping[int, str], reason: str) -> str:
    """Return red for what was dropped for `reason`, grey for another, blue for what is kept."""
    if question_id not in reasons:
        return KEPT
    return DROPPED if reasons[question_id] == reason else ELSEWHERE


def bare(axes: Axes, *sides: str) -> None:
    """Hide the frame's top and right, and further `sides`."""
    axes.spines[["top", "right", *sides]].set_visible(False)
