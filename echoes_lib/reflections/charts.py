"""The pictures of notebook 1: what the filters saw, how answers were split, what came of them.

Pictures show figures and question ids, never a text. Nothing is saved here.

Shape: figures and drops, splits, or counts -> matplotlib Figure.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echoes_lib.measures.specificity import specificity
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.filters import Drop, Figures
from echoes_lib.reflections.split import NAMES, Splits
from echoes_lib.reflections.store import Reflection

KEPT, DROPPED, LIMIT, MADE = "#4c78a8", "#e45756", "#333333", "#72b7b2"
ELSEWHERE = "#c4c4c4"
SPLIT_COLORS = dict(zip(NAMES, ("#e45756", "#f2a541", "#4c78a8", "#72b7b2"), strict=True))
SPLIT_TITLES = {"stage1": "stage 1", "stage2": "stage 2"}
KIND_ORDER = ("original", "rephrased", "follow_up", "continued")


def plot_funnel(counts: dict[str, Any]) -> Figure:
    """Draw the way from answers to examples, and what the examples are made of.

    Args:
        counts: of the manifest.
    """
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    by_split = counts["answers_by_split"]
    held_out = by_split["test"] + by_split["validation"]
    bars = [("answers", counts["answers"], KEPT)]
    bars += [
        (f"− {reason.replace('_', ' ')}", n, DROPPED) for reason, n in counts["dropped"].items()
    ]
    bars += [("kept", counts["kept"], KEPT), ("− held out", held_out, SPLIT_COLORS["validation"])]
    _bars(left, [*bars, ("to learn from", counts["kept"] - held_out, KEPT)], "From answers …")
    kinds = [(k.replace("_", " "), counts["kinds"].get(k, 0), MADE) for k in KIND_ORDER]
    _bars(right, kinds, f"… to {counts['training_examples']} training examples")
    return figure


def plot_lengths(figures: Sequence[Figures], params: PreprocessParams) -> Figure:
    """Draw how long all answers are, with the threshold."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    counts = [f.n_words for f in figures]
    axes.hist(counts, bins=range(0, max([*counts, 100]) + 20, 10), color=KEPT, edgecolor="white")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.axvline(params.min_words, color=LIMIT, linestyle="--", linewidth=1)
    axes.annotate(
        f"min_words = {params.min_words}", (params.min_words, 0.92), (5, 0),
        xycoords=("data", "axes fraction"), textcoords="offset points", fontsize=9,
    )  # fmt: skip
    axes.set(xlabel="words in an answer", ylabel="answers", title="How long the answers are")
    return _bare(figure, axes)


def plot_filters(
    answers: Sequence[Reflection],
    figures: Sequence[Figures],
    drops: Sequence[Drop],
    params: PreprocessParams,
) -> Figure:
    """Draw what each filter measured, an answer a mark, with the threshold.

    Args:
        answers: one person's.
        figures: their measurements, one per answer.
        drops: of the filters.
        params: the thresholds.
    """
    speeds = [f.words_per_minute for f in figures]
    views = (
        ("too_fast", "typing speed", "words per minute", speeds, params.max_words_per_minute),
        ("off_topic", "coherence", "mean of two cosines", [f.coherence for f in figures],
         params.min_coherence),
        ("not_prose", "prose", "share of function words", [f.prose_ratio for f in figures],
         params.min_prose_ratio),
        ("duplicate", "nearest earlier answer", "shared wording", [f.similarity for f in figures],
         params.max_similarity),
    )  # fmt: skip
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    ids = [a.question_id for a in answers]
    for axes, (reason, *view) in zip(figure.subplots(2, 2).flat, views, strict=True):
        reasons = {drop.question_id: drop.reason for drop in drops}
        _strip(axes, ids, reasons, reason, *view)
    figure.suptitle("Answers by question id. Red: dropped by this rule; grey: by another")
    return figure


def plot_splits(splits: Splits) -> Figure:
    """Draw how specific the answers of each split are."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(NAMES):
        scores = [specificity(r.text).per_100_words for r in getattr(splits, name)]
        heights = [row + 0.12 * ((i % 5) - 2) for i in range(len(scores))]
        axes.scatter(scores, heights, s=26, alpha=0.75, color=SPLIT_COLORS[name])
    labels = [f"{SPLIT_TITLES.get(n, n)} ({len(getattr(splits, n))})" for n in NAMES]
    axes.set_yticks(range(len(NAMES)), labels)
    axes.invert_yaxis()
    axes.set_xlabel("specificity: names, numbers, dates and quotes per 100 words")
    axes.set_title("Stage 2 gets the most specific memories; the held-out ones are of all kinds")
    return _bare(figure, axes)


def _strip(
    axes: Axes, ids: list[int], reasons: dict[int, str], reason: str, title: str, unit: str,
    values: Sequence[float | None], limit: float,
) -> None:  # fmt: skip
    known = [(i, v) for i, v in zip(ids, values, strict=True) if v is not None]
    hit = [i for i, found in reasons.items() if found == reason]
    colors = [DROPPED if i in hit else ELSEWHERE if i in reasons else KEPT for i, _ in known]
    axes.scatter([i for i, _ in known], [v for _, v in known], s=16, color=colors, alpha=0.8)
    axes.axhline(limit, color=LIMIT, linewidth=1, linestyle="--")
    for question_id, value in known:
        if question_id in hit:
            spot = (question_id, value)
            axes.annotate(str(question_id), spot, (5, -3), textcoords="offset points", fontsize=9)
    if reason == "too_fast":
        axes.set_yscale("log")
    axes.margins(y=0.12)
    axes.set_title(f"{title}: limit {limit:g}, {len(hit)} {reason.replace('_', ' ')}", fontsize=10)
    axes.set(xlabel="question id", ylabel=unit)
    axes.spines[["top", "right"]].set_visible(False)


def _bars(axes: Axes, bars: list[tuple[str, int, str]], title: str) -> None:
    names, values, colors = zip(*bars, strict=True)
    axes.bar_label(axes.barh(names, values, color=colors), padding=3)
    axes.invert_yaxis()
    axes.set_title(title, loc="left")
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _bare(figure: Figure, axes: Axes) -> Figure:
    axes.spines[["top", "right"]].set_visible(False)
    return figure
