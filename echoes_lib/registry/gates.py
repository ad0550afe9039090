"""Decide by measured gates whether a new version becomes the champion.

Every gate compares one figure with one limit and says why it passed or not. Where chance has a
say, the figure is the upper end of a paired bootstrap interval (one-sided, at
`gate_confidence`), never the measured value alone. Only bits per byte gates: with a dozen
questions, BLEU and ROUGE are too coarse. Does not read or write the registry.

Shape: Figures of the new version and of the champion, params -> [Gate].
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echoes_lib.evaluation.bootstrap import difference, draw_questions
from echoes_lib.evaluation.compare import Scores
from echoes_lib.evaluation.overlap import Counts, ratio_counts
from echoes_lib.params import RegisterParams

# Two runs of one training differ in the last digits; a gain below this is such noise.
LEAST_GAIN_BITS_PER_BYTE = 0.001


@dataclass(frozen=True)
class Gate:
    """One gate: `value` is what is held against `limit`; `measured` is it without doubt added."""

    gate: str
    passed: bool
    measured: float | None
    value: float | None
    limit: float
    reason: str


@dataclass(frozen=True)
class Figures:
    """What a version keeps to be compared by: cost of each held-out answer, no texts.

    `questions` maps a question's id to (bits under the base, bits under the echo, bytes).
    """

    dataset_hash: str
    questions: dict[str, tuple[float, float, int]]

    def counts(self, system: str, ids: Sequence[str]) -> Counts:
        """Return bits and bytes of `base` or `echo` on some questions."""
        rows = [self.questions[i] for i in ids]
        bits = [row[0 if system == "base" else 1] for row in rows]
        return ratio_counts("bits_per_byte", bits, [row[2] for row in rows])

    def to_json(self) -> str:
        """Write as JSON."""
        return json.dumps({"dataset_hash": self.dataset_hash, "questions": self.questions})


def figures_of(scores: Scores) -> Figures:
    """Keep of scores what later versions are compared by."""
    return Figures(
        scores.dataset_hash,
        {
            str(q["question_id"]): (q["base_bits"], q["echo_bits"], q["n_bytes"])
            for q in scores.questions
        },
    )


def read_figures(path: Path) -> Figures:
    """Read what `Figures.to_json` wrote."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Figures(kept["dataset_hash"], {k: tuple(v) for k, v in kept["questions"].items()})


def check_gates(
    new: Figures, champion: Figures | None, champion_version: str | None, params: RegisterParams
) -> list[Gate]:
    """Hold a new version's figures against the gates.

    Args:
        new: figures of the version that asks to be champion.
        champion: those of the present champion, None when there is none.
        champion_version: its version number, for the reason.
        params: the limits.

    Returns:
        Gates `enough_questions`, `better_than_base`, `better_than_champion`, in this order.
    """
    return [
        _enough_questions(new, params),
        _better_than_base(new, params),
        _better_than_champion(new, champion, champion_version, params),
    ]


def smoke_gate(text: str, served_by: str) -> Gate:
    """Judge the reply of the registered model to the smoke question: said, and by the echo."""
    words = len(text.split())
    passed = words > 0 and served_by == "echo"
    reason = f"{words} words, served by the {served_by}"
    return Gate("answers", passed, words, words, 1, reason)


def _enough_questions(new: Figures, params: RegisterParams) -> Gate:
    n, limit = len(new.questions), params.gate_min_questions
    reason = f"{n} held-out questions, {limit} needed"
    if n < limit:
        reason += ": raise test_ratio in 1_preprocess.yaml, or lower gate_min_questions"
    return Gate("enough_questions", n >= limit, n, n, limit, reason)


def _better_than_base(new: Figures, params: RegisterParams) -> Gate:
    ids, limit = sorted(new.questions), params.gate_max_bits_per_byte_ratio
    echo, base = new.counts("echo", ids), new.counts("base", ids)
    ratio, upper = _upper(echo, base, params, np.divide)
    reason = (
        f"bits per byte are {ratio:.3f} of the base's, at most {upper:.3f} "
        f"({params.gate_confidence:.0%} sure); the limit is {limit:.3f}"
    )
    return Gate("better_than_base", upper <= limit and upper < np.inf, ratio, upper, limit, reason)


def _better_than_champion(
    new: Figures, champion: Figures | None, version: str | None, params: RegisterParams
) -> Gate:
    name, limit = "better_than_champion", -LEAST_GAIN_BITS_PER_BYTE
    if champion is None:
        return Gate(name, True, None, None, limit, "there is no champion yet")
    ids = common_questions(new, champion)
    if len(ids) < params.gate_min_questions:
        reason = (
            f"only {len(ids)} held-out questions in common with champion v{version}, "
            f"{params.gate_min_questions} needed: preprocess with its seed and ratios, or move "
            "the alias champion by hand"
        )
        return Gate(name, False, None, None, limit, reason)
    less, upper = _upper(new.counts("echo", ids), champion.counts("echo", ids), params, np.subtract)
    reason = (
        f"bits per byte against champion v{version} on {len(ids)} common questions: {less:+.4f}, "
        f"at most {upper:+.4f} ({params.gate_confidence:.0%} sure); it must be below {limit:+.4f}"
    )
    return Gate(name, upper < limit, less, upper, limit, reason)


def common_questions(new: Figures, champion: Figures) -> list[str]:
    """Return ids of questions that both held out, with answers of the same length in bytes."""
    return sorted(
        i
        for i in new.questions.keys() & champion.questions.keys()
        if new.questions[i][2] == champion.questions[i][2]
    )


def _upper(
    after: Counts, before: Counts, params: RegisterParams, compare: Callable
) -> tuple[float, float]:
    draws = draw_questions(len(after.rows), params.bootstrap_resamples, params.seed)
    # The high end of an interval of confidence 2c - 1 is the one-sided bound at c.
    two_sided = 2 * params.gate_confidence - 1
    found = difference(after, before, draws, two_sided, compare)
    return found.value, found.high
