"""Measure how many words and letters a reply shares with the person's real answer.

BLEU and chrF (sacrebleu, 0 to 100) and the F-measure of ROUGE-1, ROUGE-2 and ROUGE-L
(rouge_score, 0 to 1). No stemming in ROUGE: which form of a word a person uses is part of how
they speak. BLEU and chrF are corpus scores: their n-gram counts are summed over questions
before the score is made, so each question keeps its counts here. None of the five hears
meaning; `likelihood` is the figure that gates.

Shape: replies and answers -> per-question counts `(questions, figures)` -> a score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

ROUGE = ("rouge1", "rouge2", "rougeL")


@dataclass(frozen=True)
class Counts:
    """One metric over all questions: rows to add up, and how a sum becomes a score.

    `rows` is `(questions, figures)`; `score` takes the sum of some rows.
    """

    metric: str
    rows: np.ndarray
    score: Callable[[np.ndarray], float]

    def value(self) -> float:
        """Return the score over all questions."""
        return self.score(self.rows.sum(axis=0))

    def each(self) -> list[float]:
        """Return the score of each question alone."""
        return [self.score(row) for row in self.rows]


def count_overlap(replies: Sequence[str], answers: Sequence[str]) -> list[Counts]:
    """Count what replies share with the real answers.

    Args:
        replies: one per question.
        answers: the person's, in the same order.

    Returns:
        Counts of bleu, chrf, rouge1, rouge2, rougeL.
    """
    return [
        _corpus("bleu", _bleu(), replies, answers),
        _corpus("chrf", _chrf(), replies, answers),
        *_rouge(replies, answers),
    ]


def ratio_counts(metric: str, above: Sequence[float], below: Sequence[float]) -> Counts:
    """Hold a ratio of two sums, such as bits over bytes, as counts."""
    rows = np.array([above, below], dtype=float).T
    return Counts(metric, rows, lambda total: float(total[0] / total[1]))


@cache
def _bleu() -> Any:
    from sacrebleu.metrics import BLEU

    # effective_order matters for the score of a single short reply only.
    return BLEU(effective_order=True)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()


def _corpus(name: str, metric: Any, replies: Sequence[str], answers: Sequence[str]) -> Counts:
    # sacrebleu offers a corpus score only as a whole; these two are what its own bootstrap uses.
    rows = np.array(metric._extract_corpus_statistics(list(replies), [list(answers)]), dtype=float)
    return Counts(
        name, rows, lambda total: metric._compute_score_from_stats([int(x) for x in total]).score
    )


def _rouge(replies: Sequence[str], answers: Sequence[str]) -> list[Counts]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGE), use_stemmer=False)
    pairs = zip(replies, answers, strict=True)
    found = [scorer.score(target=answer, prediction=reply) for reply, answer in pairs]
    ones = [1.0] * len(found)
    return [ratio_counts(name, [f[name].fmeasure for f in found], ones) for name in ROUGE]
