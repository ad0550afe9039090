"""Draw what the answers are like: how long, how glad or bitter, how specific.

Shape: figures, or splits -> matplotlib Figure.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echoes_lib.measures.specificity import specificity
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.charts.style import (
    KEPT,
    LIMIT,
    SPLIT_COLORS,
    bare,
    mark_color,
    titled,
)
from echoes_lib.reflections.filters import Drop, Figures
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.reflections.split import NAMES, Splits


def plot_lengths(figures: Sequence[Figures], params: PreprocessParams) -> Figure:
    """Draw how long all answers are, with the threshold.

    Args:
        figures: of all answers.
        params: min_words.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    counts = [f.n_words for f in figures]
    # Few answers are very long; they share the last bar, so that the others can be seen.
    last = max(100, int(np.ceil(np.quantile(counts, 0.99) / 10)) * 10) if counts else 100
    clipped = np.minimum(counts, last + 5)
    axes.hist(clipped, bins=range(0, last + 20, 10), color=KEPT, edgecolor="white")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.margins(y=0.18)
    axes.axvline(params.min_words, color=LIMIT, linestyle="--", linewidth=1)
    axes.annotate(
        f"min_words = {params.min_words}", (params.min_words, 0.93), (5, 0),
        xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=9,
    )  # fmt: skip
    longer = sum(n > last for n in counts)
    note = f" ({longer} longer than {last} in the last bar)" if longer else ""
    axes.set(xlabel=f"words in an answer{note}", ylabel="answers")
    axes.set_title("How long the answers are", loc="left")
    bare(axes)
    return figure


def plot_tone(
    answers: Sequence[Reflection], figures: Sequence[Figures], drops: Sequence[Drop]
) -> Figure:
    """Draw the tone of each answer by kind of question, with the median of each kind.

    Args:
        answers: one person's.
        figures: their measurements, one per answer.
        drops: of the filters; what was out of tone is red and carries its id, what another
            rule dropped is grey.
    """
    kinds = list(dict.fromkeys(a.category for a in answers))
    figure = Figure(figsize=(9, 1.4 + 0.33 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    reasons = {drop.question_id: drop.reason for drop in drops}
    for row, kind in enumerate(kinds):
        pairs = zip(answers, figures, strict=True)
        of_kind = [(a.question_id, f.tone) for a, f in pairs if a.category == kind]
        _tone_row(axes, row, [(i, tone) for i, tone in of_kind if tone is not None], reasons)
    axes.axvline(0, color=LIMIT, linewidth=0.5, linestyle=":")
    axes.set_yticks(range(len(kinds)), [titled(kind) for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlabel("tone: share of glad words less share of bitter ones; the bar is the median")
    axes.set_title("How glad or bitter the answers sound, by kind of question", loc="left")
    bare(axes)
    return figure


def plot_splits(splits: Splits) -> Figure:
    """Draw how specific the answers of each split are."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(NAMES):
        scores = [specificity(r.text).per_100_words for r in getattr(splits, name)]
        heights = [row + 0.12 * ((i % 5) - 2) for i in range(len(scores))]
        axes.scatter(scores, heights, s=26, alpha=0.75, color=SPLIT_COLORS[name])
    labels = [f"{titled(n)} ({len(getattr(splits, n))})" for n in NAMES]
    axes.set_yticks(range(len(NAMES)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("specificity: names, numbers, dates and quotes per 100 words")
    title = "Stage 2 gets the most specific memories; the held-out ones are of all kinds"
    axes.set_title(title, loc="left")
    bare(axes)
    return figure


def _tone_row(
    axes: Axes, row: int, tones: list[tuple[int, float]], reasons: Mapping[int, str]
) -> None:
    if not tones:
        return
    heights = [row + 0.1 * ((i % 5) - 2) for i in range(len(tones))]  # apart, to be seen
    colors = [mark_color(number, reasons, "out_of_tone") for number, _ in tones]
    axes.scatter([tone for _, tone in tones], heights, s=22, alpha=0.75, color=colors)
    for (number, tone), height in zip(tones, heights, strict=True):
        if reasons.get(number) == "out_of_tone":
            axes.annotate(
                str(number), (tone, height), (5, 0), va="center", fontsize=9,
                textcoords="offset points",
            )  # fmt: skip
    middle = float(np.median([tone for _, tone in tones]))
    axes.plot([middle] * 2, [row - 0.35, row + 0.35], color=LIMIT, linewidth=1.5)
