"""Draw a search: every trial's validation loss, and which parameter mattered.

Shape: rows of trials -> matplotlib figure; study -> importances.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

COLORS = {"COMPLETE": "#0f766e", "PRUNED": "#9aa5b1", "FAIL": "#b91c1c"}


def plot_history(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the curve of every trial, and their final losses beside each other.

    Args:
        rows: of `record.trial_rows`.

    Returns:
        A figure with two panels that share the loss axis.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for row in rows:
        _draw_trial(left, right, row)
    complete = [row for row in rows if row["value"] is not None]
    if complete:
        best = min(complete, key=lambda row: row["value"])
        right.plot(best["number"], best["value"], "*", ms=18, color="#c2410c", mec="white")
    left.set_title("Validation loss during each trial")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_xlabel("evaluation, evenly spread over the trial")
    left.set_ylabel("validation loss (nats per token)")
    right.set_title("Last loss per trial (star: the best)")
    right.set_xlabel("trial")
    right.set_xticks([row["number"] for row in rows])
    for axes in (left, right):
        axes.grid(alpha=0.25)
    _legend(right, {row["state"] for row in rows})
    return figure


def importances(study: Any) -> dict[str, float]:
    """Estimate how much of the spread between trials each parameter explains.

    Args:
        study: Optuna's.

    Returns:
        Shares that add up to 1, largest first; empty with fewer than three complete trials
        or when all ended alike.

    Source: fANOVA, Hutter et al. 2014.
    """
    from optuna.importance import get_param_importances
    from optuna.trial import TrialState

    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) < 3:
        return {}
    try:
        return get_param_importances(study)
    except (RuntimeError, ValueError):
        return {}


def plot_importances(shares: Mapping[str, float], trials: int) -> Figure:
    """Draw importances as bars, with the number of trials they rest on in the title."""
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    names = list(shares)[::-1]
    axes.barh(names, [shares[name] for name in names], color=COLORS["COMPLETE"])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the spread explained")
    axes.set_title(f"Which parameter mattered, from {trials} complete trials")
    if not shares:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "needs three complete trials", ha="center", transform=axes.transAxes)
    return figure


def _draw_trial(left: Any, right: Any, row: Mapping[str, Any]) -> None:
    color = COLORS[row["state"]]
    if row["curve"]:
        left.plot(*zip(*row["curve"], strict=True), marker="o", ms=4, color=color)
        step, loss = row["curve"][-1]
        left.annotate(str(row["number"]), (step, loss), xytext=(5, -3), textcoords="offset points")
        right.plot(row["number"], row["value"] or loss, "o", color=color)


def _legend(axes: Any, states: set[str]) -> None:
    for state in sorted(states):
        axes.plot([], [], "o", color=COLORS[state], label=state.lower())
    axes.legend(frameon=False)
