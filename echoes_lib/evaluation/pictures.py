"""Draw base against echo, and lay three questions' replies side by side.

Draws what `compare` measured; computes nothing. Colours: base grey, echo rust, person blue.

Shape: Scores -> matplotlib Figure, or HTML with every text escaped.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echoes_lib.evaluation.compare import LOWER_IS_BETTER, SYSTEMS, Scores

COLOURS = {"base": "#7b818a", "echo": "#c2512b", "person": "#2f6690"}
TITLES = {
    "bits_per_byte": "bits per byte",
    "bleu": "BLEU (0 to 100)",
    "chrf": "chrF (0 to 100)",
    "rouge1": "ROUGE-1 (0 to 1)",
    "rouge2": "ROUGE-2 (0 to 1)",
    "rougeL": "ROUGE-L (0 to 1)",
}


def draw_scores(scores: Scores, name: str, confidence: float = 0.95) -> Figure:
    """Draw one panel per metric: base and echo, dot and interval, and their difference.

    Args:
        scores: from `compare.evaluate`.
        name: whose echo.
        confidence: of the intervals in `scores`.
    """
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    figure.suptitle(
        f"{name}'s echo against its base, on {len(scores.questions)} questions that training "
        "never saw",
        fontsize=13,
        fontweight="bold",
    )
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08)
    for axes, metric in zip(figure.subplots(2, 3).flat, TITLES, strict=True):
        _draw_metric(axes, scores, metric)
    figure.supxlabel(
        f"dot: score over all questions · line: {confidence:.0%} bootstrap interval · "
        "bold: surely not 0",
        fontsize=9,
        color="#555555",
    )
    return figure


def draw_questions_paired(scores: Scores, name: str) -> Figure:
    """Draw bits per byte of each question under base and echo, most gained first.

    Args:
        scores: from `compare.evaluate`.
        name: whose answers.
    """
    rows = sorted(scores.questions, key=lambda q: q["base_bits_per_byte"] - q["echo_bits_per_byte"])
    figure = Figure(figsize=(10, 1.6 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for y, row in enumerate(rows):
        base, echo = row["base_bits_per_byte"], row["echo_bits_per_byte"]
        axes.plot([base, echo], [y, y], color=COLOURS["echo" if echo < base else "base"], lw=2)
    for system in SYSTEMS:
        values = [row[f"{system}_bits_per_byte"] for row in rows]
        axes.scatter(values, range(len(rows)), s=46, color=COLOURS[system], label=system, zorder=3)
    axes.set_yticks(range(len(rows)), [_short(row["question"]) for row in rows], fontsize=9)
    axes.set_xlabel(f"bits per byte of {name}'s real answer (lower: less surprised)")
    axes.set_title("Question by question: from base to echo", fontweight="bold", loc="left")
    axes.legend(loc="lower left", bbox_to_anchor=(0.74, 1.0), ncols=2, frameon=False)
    _clean(axes)
    return figure


def replies_html(questions: Sequence[Mapping[str, Any]], name: str) -> str:
    """Lay the replies of base, echo and person side by side.

    Args:
        questions: rows of `Scores.questions`.
        name: the person's.

    Returns:
        HTML; texts are escaped, line breaks kept.
    """
    return "".join(_reply_row(question, name) for question in questions)


def _reply_row(question: Mapping[str, Any], name: str) -> str:
    heads = {"base": "base", "echo": "echo", "person": name}
    cells = "".join(
        f'<td style="width:33%;vertical-align:top;text-align:left;white-space:pre-wrap;'
        f'border-top:3px solid {COLOURS[who]};padding:8px"><b>{escape(head)}</b>\n'
        f"{escape(question[who]) or '<i>nothing</i>'}</td>"
        for who, head in heads.items()
    )
    return (
        f'<h4 style="margin:16px 0 4px">{escape(question["question"])}</h4>'
        f'<table style="width:100%;table-layout:fixed"><tr>{cells}</tr></table>'
    )


def _draw_metric(axes: Axes, scores: Scores, metric: str) -> None:
    for y, system in enumerate(reversed(SYSTEMS)):
        score = scores.get(system, metric)
        axes.plot([score["low"], score["high"]], [y, y], color=COLOURS[system], lw=3, alpha=0.45)
        axes.scatter([score["value"]], [y], s=75, color=COLOURS[system], zorder=3)
        axes.annotate(
            _figure(score["value"]), (score["value"], y), (0, 9), textcoords="offset points",
            ha="center", fontsize=10, color=COLOURS[system], fontweight="bold",
        )  # fmt: skip
    better = "lower" if metric in LOWER_IS_BETTER else "higher"
    axes.set_title(f"{TITLES[metric]}, {better} is closer", fontsize=10.5, loc="left")
    axes.set_yticks(range(len(SYSTEMS)), list(reversed(SYSTEMS)))
    axes.set_ylim(-0.6, 1.7)
    axes.margins(x=0.12)
    found = next(d for d in scores.differences if d["metric"] == metric)
    sure = found["low"] > 0 or found["high"] < 0
    weight, colour = ("bold", "black") if sure else ("normal", "#555555")
    axes.set_xlabel(_difference(found), fontsize=9, fontweight=weight, color=colour)
    _clean(axes)


def _difference(found: Mapping[str, float]) -> str:
    value, low, high = (_figure(found[key], sign=True) for key in ("value", "low", "high"))
    return f"echo − base: {value}  [{low}, {high}]"


def _figure(value: float, sign: bool = False) -> str:
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 0.995 else 3
    return f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def _short(text: str, limit: int = 58) -> str:
    return text if len(text) <= limit else text[: limit - 1].rsplit(" ", 1)[0] + " …"


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e6e6e6")
    axes.set_axisbelow(True)
