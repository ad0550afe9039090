"""Say how sure a score is: percentile bootstrap over the held-out questions.

Questions are drawn with replacement, as many as there are, and the score is made anew from the
drawn questions' counts; the interval holds the middle share of these scores. Two systems are
compared on the same draws (paired), so that what both find hard cancels out.

scipy.stats.bootstrap does the same for one statistic at a time; here all metrics of all systems
share one set of draws, which it has no way to be given (a test holds both against each other).
Few questions make the percentile interval a little too narrow: with 12, read it as a sketch.

Shape: Counts -> Interval; two Counts -> Interval of their difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from echoes_lib.evaluation.overlap import Counts


@dataclass(frozen=True)
class Interval:
    """A score over all questions and the ends of its bootstrap interval."""

    value: float
    low: float
    high: float


def draw_questions(n_questions: int, resamples: int, seed: int) -> np.ndarray:
    """Draw questions with replacement.

    Returns:
        How often each question was drawn, `(resamples, questions)`; a row sums to
        `n_questions`.
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(n_questions, np.full(n_questions, 1 / n_questions), size=resamples)


def interval(counts: Counts, draws: np.ndarray, confidence: float) -> Interval:
    """Bootstrap one system's score.

    Args:
        counts: the metric's counts, one row per question.
        draws: from `draw_questions`, for as many questions.
        confidence: share of resampled scores inside, in (0, 1).
    """
    return _between(counts.value(), resampled(counts, draws), confidence)


def difference(
    after: Counts,
    before: Counts,
    draws: np.ndarray,
    confidence: float,
    compare: Callable[[np.ndarray, np.ndarray], np.ndarray] = np.subtract,
) -> Interval:
    """Bootstrap `after` against `before` on the same draws of the same questions.

    Args:
        after: counts of one system.
        before: counts of the other, rows in the same order of questions.
        draws: from `draw_questions`.
        confidence: share of resampled differences inside.
        compare: `numpy.subtract`, or `numpy.divide` for a ratio.
    """
    value = float(compare(after.value(), before.value()))
    many = compare(resampled(after, draws), resampled(before, draws))
    return _between(value, many, confidence)


def resampled(counts: Counts, draws: np.ndarray) -> np.ndarray:
    """Return the score of every draw, `(resamples,)`."""
    return np.array([counts.score(total) for total in draws @ counts.rows])


def _between(value: float, many: np.ndarray, confidence: float) -> Interval:
    low, high = np.quantile(many, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
