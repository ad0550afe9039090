"""Write a version's model card: whose echo, made from what, how good, what it is not for.

Figures and names only; no word of the person's answers.

Shape: echo.json, Scores, gates -> Markdown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from echoes_lib.evaluation.compare import Scores
from echoes_lib.registry.gates import Gate

_CARD = """# An AI echo of {name}

A chat partner that speaks in the manner of {name}: a LoRA adapter on `{base}` \
(revision `{revision}`), trained on {name}'s own answers to reflection questions \
(dataset `{dataset}`). It is a program, says so when asked, and is not {name}.

## How close it comes

On {n} held-out questions that training never saw, with bootstrap intervals.

| measure | base | echo |
|---|---|---|
{scores}

Bits per byte: how surprised the model is by {name}'s real answers (lower is better). \
BLEU and chrF (0 to 100), ROUGE (0 to 1): words and letters shared with them (higher is better).

## Gates

{gates}

## What it is for, and what not

For conversation with people who know that they talk to an echo. Facts it states about \
{name}'s life may be invented. Not for speaking in {name}'s name to others, nor for decisions \
about {name}. It may repeat what stands in the answers it was trained on: share it only with \
people who may read those.
"""


def write_card(info: Mapping[str, Any], scores: Scores, gates: Sequence[Gate]) -> str:
    """Fill in the model card.

    Args:
        info: echo.json of the adapter.
        scores: from 4_evaluate.
        gates: as decided.

    Returns:
        Markdown.
    """
    return _CARD.format(
        name=info["name"],
        base=info["base_model"],
        revision=info.get("base_revision") or "not pinned",
        dataset=scores.dataset_hash[:12],
        n=len(scores.questions),
        scores="\n".join(_row(scores, m) for m in metrics_of(scores)),
        gates="\n".join(f"- {'passed' if g.passed else 'FAILED'}: {g.reason}" for g in gates),
    )


def metrics_of(scores: Scores) -> list[str]:
    """List the measured metrics in their order."""
    return list(dict.fromkeys(s["metric"] for s in scores.scores))


def _row(scores: Scores, metric: str) -> str:
    cells = [scores.get(system, metric) for system in ("base", "echo")]
    shown = [f"{c['value']:.3f} [{c['low']:.3f}, {c['high']:.3f}]" for c in cells]
    return f"| {metric} | {' | '.join(shown)} |"
