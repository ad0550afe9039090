"""Hold the figures of answers against the thresholds; the first rule that finds a fault drops.

    empty           nothing is left after cleaning
    answered_again  another, longer answer to the same question is there
    too_short       fewer words than min_words
    too_fast        more words per minute than anybody types: pasted in
    other_language  share of words in one of `languages` below min_language_share
    off_topic       coherence (see `measures.encoder`) below min_coherence
    not_prose       share of function words (see `measures.prose`) below min_prose_ratio
    disjointed      flow from sentence to sentence (see `measures.encoder`) below min_flow
    out_of_tone     distance from the person's usual tone (see `measures.tone`) above
                    max_tone_distance
    duplicate       wording shared with an earlier kept answer above max_similarity

Nothing falls out silently: every drop carries its figure and the threshold it missed. What
cannot be known is not held against an answer: a time that was not measured, prose and tone of
what is not in English, the tone of a person with few answers.

Shape: answers, figures, thresholds -> (kept answers, drops).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echoes_lib.measures.language import check_languages
from echoes_lib.measures.similarity import shared_wording
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.filters.record import Drop, Figures
from echoes_lib.reflections.sources.store import Reflection


@dataclass(frozen=True)
class Rule:
    """A figure and the parameter that limits it, from below (min_…) or above (max_…)."""

    reason: str
    figure: str
    parameter: str

    def value(self, figures: Figures, params: PreprocessParams) -> float | None:
        """Return the figure that is judged; None where it is not known."""
        if self.figure != "languages":
            return getattr(figures, self.figure)
        if not figures.languages:
            return None
        return sum(figures.languages.get(code, 0.0) for code in params.languages)

    def limit(self, params: PreprocessParams) -> float:
        """Return the threshold."""
        return getattr(params, self.parameter)

    def finds_fault(self, value: float | None, params: PreprocessParams) -> bool:
        """Say whether a figure is on the wrong side of the threshold; on it is right."""
        if value is None:
            return False
        limit = self.limit(params)
        return value < limit if self.parameter.startswith("min_") else value > limit


RULES = (
    Rule("too_short", "n_words", "min_words"),
    Rule("too_fast", "words_per_minute", "max_words_per_minute"),
    Rule("other_language", "languages", "min_language_share"),
    Rule("off_topic", "coherence", "min_coherence"),
    Rule("not_prose", "prose_ratio", "min_prose_ratio"),
    Rule("disjointed", "flow", "min_flow"),
    Rule("out_of_tone", "tone_distance", "max_tone_distance"),
    Rule("duplicate", "similarity", "max_similarity"),
)
_ALONE = RULES[:-1]  # a duplicate is judged against the answers kept so far


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

    Raises:
        ParamsError: a code in `languages` is not known.
    """
    check_languages(params.languages)
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
    """Hold one answer's figures against the thresholds, but for duplicates.

    Args:
        question_id: which answer, for the record.
        figures: its measurements.
        params: the thresholds.

    Returns:
        The first fault found, or None to keep the answer.
    """
    if figures.n_words < 1:
        return Drop(question_id, "empty", figures.n_words, 1)
    for rule in _ALONE:
        value = rule.value(figures, params)
        if rule.finds_fault(value, params):
            detail = _detail(rule, figures)
            return Drop(question_id, rule.reason, round(value, 3), rule.limit(params), detail)
    return None


def _detail(rule: Rule, figures: Figures) -> str:
    if rule.reason == "other_language":
        return f"mostly {figures.language}"
    if rule.reason == "out_of_tone" and figures.tone is not None:
        return f"tone {figures.tone:+.2f}"
    return ""


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
