"""Draw what every filter measured, an answer a mark, with the threshold.

Red marks were dropped by the rule that is shown, grey ones by another; red ones carry their
question id unless they are many (`plot_drops` lists all). Answers without a figure (no time, not
English) are counted in the title.

Shape: answers, figures, drops, thresholds -> matplotlib Figure.
"""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.charts.style import LIMIT, bare, mark_color, titled
from echoes_lib.reflections.filters import RULES, Drop, Figures, Rule
from echoes_lib.reflections.sources.store import Reflection

UNITS = {
    "too_short": "words",
    "too_fast": "words per minute",
    "other_language": "share of words",
    "off_topic": "mean of two cosines",
    "not_prose": "share of function words",
    "disjointed": "cosine of neighbours",
    "out_of_tone": "distance in spreads",
    "duplicate": "wording shared",
}
MOST_NAMES = 12  # more would cover each other
LOGARITHMIC = ("too_short", "too_fast")


def plot_filters(
    answers: Sequence[Reflection],
    figures: Sequence[Figures],
    drops: Sequence[Drop],
    params: PreprocessParams,
) -> Figure:
    """Draw one panel per rule.

    Args:
        answers: one person's.
        figures: their measurements, one per answer.
        drops: of the filters.
        params: the thresholds.
    """
    figure = Figure(figsize=(11, 12), layout="constrained")
    ids = [a.question_id for a in answers]
    reasons = {drop.question_id: drop.reason for drop in drops}
    for axes, rule in zip(figure.subplots(4, 2).flat, RULES, strict=True):
        values = [rule.value(f, params) for f in figures]
        _strip(axes, rule, list(zip(ids, values, strict=True)), reasons, params)
    figure.suptitle("Answers by question id. Red: dropped by this rule; grey: by another")
    return figure


def _strip(
    axes: Axes,
    rule: Rule,
    values: Sequence[tuple[int, float | None]],
    reasons: Mapping[int, str],
    params: PreprocessParams,
) -> None:
    known = [(i, value) for i, value in values if value is not None]
    hit = [(i, value) for i, value in known if reasons.get(i) == rule.reason]
    colors = [mark_color(i, reasons, rule.reason) for i, _ in known]
    axes.scatter([i for i, _ in known], [v for _, v in known], s=16, color=colors, alpha=0.8)
    axes.axhline(rule.limit(params), color=LIMIT, linewidth=1, linestyle="--")
    if rule.reason in LOGARITHMIC and any(v > 0 for _, v in known):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    _name(axes, hit)
    axes.margins(y=0.15)
    unknown = f", {len(values) - len(known)} unknown" if len(known) < len(values) else ""
    title = f"{rule.parameter} = {rule.limit(params):g}: {len(hit)} {titled(rule.reason)}{unknown}"
    axes.set_title(title, fontsize=10, loc="left")
    axes.set(xlabel="question id", ylabel=UNITS[rule.reason])
    bare(axes)


def _name(axes: Axes, spots: Sequence[tuple[int, float]]) -> None:
    """Write the ids above their marks, where they are few enough to be read."""
    for question_id, value in spots if len(spots) <= MOST_NAMES else ():
        axes.annotate(
            str(question_id), (question_id, value), (0, 5), ha="center",
            textcoords="offset points", fontsize=9,
        )  # fmt: skip
