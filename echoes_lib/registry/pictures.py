"""Draw the gates: what was measured, how sure, where the limit is; and show turns of a chat.

Draws what `gates` decided; the two gates on bits per byte get a panel each, counts stand in
the table.

Shape: gates -> matplotlib Figure, or rows for a table; question, Reply -> HTML.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from echoes_lib.chat.engine import Reply
from echoes_lib.registry.gates import Gate

PASSED, FAILED = "#3c7d4b", "#b03a2e"
PANELS = {
    "better_than_base": "bits per byte: echo ÷ base",
    "better_than_champion": "bits per byte: echo − champion",
}


def draw_gates(gates: Sequence[Gate]) -> Figure:
    """Draw the gates on bits per byte; a gate is passed left of its limit.

    Args:
        gates: of one version.
    """
    figure = Figure(figsize=(10, 2.7), layout="constrained")
    figure.suptitle(
        "Gates to @champion: the whole line must lie left of the limit", fontweight="bold"
    )
    found = {gate.gate: gate for gate in gates}
    for axes, (name, label) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        _draw_gate(axes, found[name], label)
    return figure


def gate_rows(gates: Sequence[Gate]) -> list[dict[str, Any]]:
    """Return the gates as rows: gate, passed or failed, why."""
    return [
        {"gate": g.gate.replace("_", " "), "": "passed" if g.passed else "FAILED", "why": g.reason}
        for g in gates
    ]


def _draw_gate(axes: Axes, gate: Gate, label: str) -> None:
    colour = PASSED if gate.passed else FAILED
    axes.set_title(f"{label}: {'passed' if gate.passed else 'failed'}", color=colour, loc="left")
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    if gate.measured is None:
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        text = "there is no champion yet" if gate.passed else "too few questions in common"
        axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)
        return
    axes.plot([gate.measured, gate.value], [0, 0], color=colour, lw=5, alpha=0.5)
    axes.scatter([gate.measured], [0], s=110, color=colour, zorder=3)
    axes.axvline(gate.limit, color="#333333", ls="--")
    axes.annotate(f"limit {gate.limit:g}", (gate.limit, 0.75), (5, 0), textcoords="offset points")
    # Equal scores would otherwise be drawn on an axis of rounding errors.
    spread = max(abs(gate.value - gate.limit), abs(gate.measured - gate.limit), 0.02)
    axes.set_xlim(gate.limit - 1.3 * spread, gate.limit + 1.3 * spread)
    axes.set_ylim(-1, 1)
    axes.set_xlabel("dot: measured · line: up to the one-sided bootstrap bound")


def turn_html(question: str, reply: Reply) -> str:
    """Show one question and its reply, with who gave it; texts are escaped.

    Args:
        question: the user's message.
        reply: from the engine.
    """
    why = f", {reply.reason}" if reply.reason else ""
    return (
        f'<p style="margin:14px 0 4px"><b>{escape(question)}</b></p>'
        f'<p style="margin:0 0 2px 1.5em;white-space:pre-wrap">{escape(reply.text)}</p>'
        f'<p style="margin:0 0 0 1.5em;color:#777;font-size:85%">'
        f"{escape(reply.served_by + why)} · {reply.n_tokens} tokens</p>"
    )
