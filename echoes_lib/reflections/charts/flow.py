"""Draw the way from answers to examples, and what was dropped and why.

Shape: drops, splits, examples -> matplotlib Figure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from echoes_lib.reflections.augment import Example
from echoes_lib.reflections.charts.alluvial import Bar, Ribbon, draw_alluvial
from echoes_lib.reflections.charts.style import DROPPED, KEPT, MADE, SPLIT_COLORS, bare, titled
from echoes_lib.reflections.filters import Drop, count_reasons
from echoes_lib.reflections.split import Splits

SHOWN_IDS = 14
USES = ("stage1", "stage2", "validation", "test")
HEADS = ("answers", "after the filters", "what for", "examples to learn from")


def plot_flow(
    drops: Sequence[Drop], splits: Splits, files: Mapping[str, Sequence[Example]]
) -> Figure:
    """Draw how answers become examples; nothing is lost on the way.

    Args:
        drops: of the filters.
        splits: of the answers that were kept, with its own drops.
        files: examples by file; those of both stages are drawn by kind.
    """
    n = {use: len(getattr(splits, use)) for use in USES}
    lost, leaks = count_reasons(drops), count_reasons(splits.drops)
    n_kept = sum(n.values()) + sum(leaks.values())
    kinds = Counter((f"stage{i}", e.kind) for i in (1, 2) for e in files[f"train_stage{i}"])
    by_kind = Counter(e.kind for i in (1, 2) for e in files[f"train_stage{i}"])
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots()
    ribbons = [Ribbon("answers", "kept", n_kept, n_kept)]
    ribbons += [Ribbon("answers", reason, c, c) for reason, c in lost.items()]
    ribbons += [Ribbon("kept", end, c, c) for end, c in [*n.items(), *leaks.items()]]
    for (stage, kind), c in sorted(kinds.items(), key=lambda x: (x[0][0], -by_kind[x[0][1]])):
        total = len(files[f"train_{stage}"])
        ribbons.append(Ribbon(stage, f"kind {kind}", c * n[stage] / total, c))
    draw_alluvial(axes, _columns(n_kept, lost, leaks, n, by_kind), ribbons)
    for x, head in enumerate(HEADS):
        axes.text(x, 1.04, head, fontsize=10, weight="bold", va="bottom")
    axes.set_ylim(top=1.1)
    title = f"{n['stage1'] + n['stage2']} answers become {by_kind.total()} training examples"
    axes.set_title(title, loc="left")
    return figure


def plot_drops(drops: Sequence[Drop]) -> Figure:
    """Draw how many answers and examples each rule dropped, and of which questions.

    Args:
        drops: of the filters, the splits and the length of examples.
    """
    counts = count_reasons(drops)
    figure = Figure(figsize=(9, 1.2 + 0.34 * max(len(counts), 1)), layout="constrained")
    axes = figure.subplots()
    axes.set_title("What was dropped, and of which questions", loc="left")
    if not counts:
        axes.text(0, 0.5, "nothing was dropped")
        axes.axis("off")
        return figure
    bars = axes.barh([titled(reason) for reason in counts], counts.values(), color=DROPPED)
    axes.bar_label(bars, [_ids(drops, reason) for reason in counts], padding=4, fontsize=9)
    axes.set_xlim(0, max(counts.values()) * 2.2)  # room for the ids
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.set_xticks([])
    bare(axes, "bottom")
    return figure


def _columns(
    n_kept: int,
    lost: Mapping[str, int],
    leaks: Mapping[str, int],
    n: Mapping[str, int],
    by_kind: Counter[str],
) -> list[list[Bar]]:
    dropped = [Bar(reason, c, DROPPED, titled(reason)) for reason, c in lost.items()]
    uses = [Bar(use, n[use], SPLIT_COLORS[use], titled(use)) for use in USES]
    return [
        [Bar("answers", n_kept + sum(lost.values()), KEPT)],
        [Bar("kept", n_kept, KEPT), *dropped],
        [*uses, *(Bar(reason, c, DROPPED, titled(reason)) for reason, c in leaks.items())],
        [Bar(f"kind {kind}", c, MADE, titled(kind)) for kind, c in by_kind.most_common()],
    ]


def _ids(drops: Sequence[Drop], reason: str) -> str:
    ids = [str(drop.question_id) for drop in drops if drop.reason == reason]
    more = f" and {len(ids) - SHOWN_IDS} more" if len(ids) > SHOWN_IDS else ""
    return f"{len(ids)}:  {', '.join(ids[:SHOWN_IDS])}{more}"
