"""Decide which answers are fit to learn from, and say of every other why it is not.

Seven rules in a fixed order; the first that finds a fault drops the answer:

    empty           nothing is left after cleaning
    answered_again  another, longer answer to the same question is there
    too_short       fewer words than min_words
    too_fast        more words per minute than anybody types: pasted in
    off_topic       coherence (see `measures.encoder`) below min_coherence
    not_prose       share of function words (see `measures.prose`) below min_prose_ratio
    duplicate       wording shared with an earlier kept answer above max_similarity

Nothing falls out silently: every drop carries its figure and the threshold it missed. An
answer without a known time is not held against rule `too_fast`.

Shape: answers -> figures per answer -> (kept answers, drops).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from echoes_lib.measures.encoder import coherence, encode
from echoes_lib.measures.prose import prose_ratio
from echoes_lib.measures.similarity import shared_wording
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.store import Reflection


@dataclass(frozen=True)
class Figures:
    """What the rules look at: one answer's measurements."""

    n_words: int
    words_per_minute: float | None
    coherence: float
    prose_ratio: float
    similarity: float  # to the nearest earlier answer, kept or not


@dataclass(frozen=True)
class Drop:
    """One answer or example that was left out: why, its figure and the limit it missed."""

    question_id: int
    reason: str
    value: float
    threshold: float
    detail: str = ""

    def as_row(self) -> dict[str, object]:
        """Return the drop as a row of the manifest, without empty fields."""
        return {name: value for name, value in asdict(self).items() if value != ""}


def measure_answers(
    answers: Sequence[Reflection],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Figures]:
    """Measure every answer; the sentence encoder makes this the slow part (about 20 a second).

    Args:
        answers: one person's, cleaned.
        progress: called with (done, total) texts encoded.

    Returns:
        One set of figures per answer, in order.
    """
    vectors = encode([a.question for a in answers] + [a.text for a in answers], progress)
    close = coherence(vectors[: len(answers)], vectors[len(answers) :])
    alike = shared_wording([a.text for a in answers])
    return [
        Figures(
            n_words=len(answer.text.split()),
            words_per_minute=_speed(answer),
            coherence=round(float(value), 3),
            prose_ratio=round(prose_ratio(answer.text), 3),
            similarity=round(float(max(alike[i, :i], default=0.0)), 3),
        )
        for i, (answer, value) in enumerate(zip(answers, close, strict=True))
    ]


def filter_answers(
    answers: Sequence[Reflection], figures: Sequence[Figures], params: PreprocessParams
) -> tuple[list[Reflection], list[Drop]]:
    """Keep the answers that pass every rule.

    Args:
        answers: one person's, cleaned, in the order of questions.
        figures: of `measure_answers`, one per answer.
        params: the thresholds.

    Returns:
        The kept answers in order, and one drop for each of the others, in order.
    """
    alike = shared_wording([a.text for a in answers])
    longest = _longest(answers, figures)
    kept: list[int] = []
    drops: list[Drop] = []
    for i, answer in enumerate(answers):
        drop = (
            _again(answer, i, figures, longest)
            or judge(answer.question_id, figures[i], params)
            or _doubled(i, answers, kept, alike, params.max_similarity)
        )
        kept += [] if drop else [i]
        drops += [drop] if drop else []
    return [answers[i] for i in kept], drops


def judge(question_id: int, figures: Figures, params: PreprocessParams) -> Drop | None:
    """Hold one answer's figures against the thresholds.

    Args:
        question_id: which answer, for the record.
        figures: its measurements.
        params: the thresholds.

    Returns:
        The first fault found, or None to keep the answer.
    """
    speed = figures.words_per_minute or 0.0
    rules = (
        ("empty", figures.n_words, 1, figures.n_words < 1),
        ("too_short", figures.n_words, params.min_words, figures.n_words < params.min_words),
        ("too_fast", speed, params.max_words_per_minute, speed > params.max_words_per_minute),
        ("off_topic", figures.coherence, params.min_coherence, None),
        ("not_prose", figures.prose_ratio, params.min_prose_ratio, None),
    )
    for reason, value, threshold, is_fault in rules:
        if is_fault or (is_fault is None and value < threshold):
            return Drop(question_id, reason, value, threshold)
    return None


def count_reasons(drops: Iterable[Drop]) -> dict[str, int]:
    """Count drops per reason, most frequent first."""
    reasons = [drop.reason for drop in drops]
    return {r: reasons.count(r) for r in sorted(set(reasons), key=lambda r: (-reasons.count(r), r))}


def _speed(answer: Reflection) -> float | None:
    # A time of 0 or less is what a form sends that does not measure.
    if not answer.seconds or answer.seconds <= 0:
        return None
    return round(60 * len(answer.text.split()) / answer.seconds, 1)


def _longest(answers: Sequence[Reflection], figures: Sequence[Figures]) -> dict[int, int]:
    best: dict[int, int] = {}
    for i, answer in enumerate(answers):
        rival = best.get(answer.question_id)
        if rival is None or figures[i].n_words > figures[rival].n_words:
            best[answer.question_id] = i
    return best


def _again(
    answer: Reflection, i: int, figures: Sequence[Figures], longest: dict[int, int]
) -> Drop | None:
    best = longest[answer.question_id]
    if best == i:
        return None
    return Drop(answer.question_id, "answered_again", figures[i].n_words, figures[best].n_words)


def _doubled(
    i: int, answers: Sequence[Reflection], kept: list[int], alike: np.ndarray, limit: float
) -> Drop | None:
    if not kept:
        return None
    twin = max(kept, key=lambda j: alike[i, j])
    value = round(float(alike[i, twin]), 3)
    if value <= limit:
        return None
    other = answers[twin].question_id
    return Drop(answers[i].question_id, "duplicate", value, limit, f"of question {other}")
