"""Measure every answer of one person: what the rules of the filters look at.

Every question and answer goes to the sentence encoder once, all of them in one call; that is
nine tenths of the time. What is made for English (prose,
tone) is measured only where most of an answer is English, and unknown elsewhere. Knows no
threshold.

Shape: answers (n,) -> Figures (n,).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from echoes_lib.measures.encoder import Placed, coherence, flow, place
from echoes_lib.measures.language import language_shares
from echoes_lib.measures.prose import prose_ratio
from echoes_lib.measures.similarity import shared_wording
from echoes_lib.measures.tone import tone, tone_distances
from echoes_lib.reflections.filters.record import Figures
from echoes_lib.reflections.sources.store import Reflection

LONGEST_SECONDS = 30 * 24 * 3600.0  # a month: a clock that was never stopped
ENGLISH = "en"


def measure_answers(
    answers: Sequence[Reflection],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Figures]:
    """Measure every answer; the sentence encoder makes this the slow part.

    Args:
        answers: one person's, cleaned.
        progress: called with (done, total) texts encoded.

    Returns:
        One set of figures per answer, in order.
    """
    placed = place([a.question for a in answers] + [a.text for a in answers], progress)
    asked, said = placed[: len(answers)], placed[len(answers) :]
    close = coherence(_vectors(asked), _vectors(said))
    alike = shared_wording([a.text for a in answers])
    spoken = [language_shares(a.text) for a in answers]
    english = [next(iter(shares), "") == ENGLISH for shares in spoken]
    tones = [tone(a.text) if is_en else None for a, is_en in zip(answers, english, strict=True)]
    distances = tone_distances(tones, [a.category for a in answers])
    return [
        Figures(
            n_words=len(answer.text.split()),
            words_per_minute=typing_speed(answer),
            coherence=round(float(close[i]), 3),
            prose_ratio=round(prose_ratio(answer.text), 3) if english[i] else None,
            similarity=round(float(max(alike[i, :i], default=0.0)), 3),
            flow=_rounded(flow(said[i].sentences)),
            tone=_rounded(tones[i]),
            tone_distance=_rounded(distances[i]),
            languages={code: round(share, 3) for code, share in spoken[i].items()},
        )
        for i, answer in enumerate(answers)
    ]


def typing_speed(answer: Reflection) -> float | None:
    """Return words per minute, counted and not as stored.

    Args:
        answer: with `seconds` as the form sent it.

    Returns:
        None where the time is missing, not a number, 0 or less (what a form sends that does
        not measure) or longer than a month: then nothing is known, and nothing held against it.
    """
    seconds = answer.seconds
    if seconds is None or not math.isfinite(seconds) or not 0 < seconds <= LONGEST_SECONDS:
        return None
    return round(60 * len(answer.text.split()) / seconds, 1)


def miscounted(answers: Sequence[Reflection]) -> list[dict[str, int]]:
    """List answers whose stored word_count is not what is there; no rule uses it.

    Args:
        answers: one person's; `word_count` is None where the store has none.

    Returns:
        Rows of question_id, stored and counted. One word in ten and three words are let pass,
        since not everybody counts dashes and numbers alike.
    """
    rows = [
        {"question_id": a.question_id, "stored": a.word_count, "counted": len(a.text.split())}
        for a in answers
        if a.word_count is not None
    ]
    return [r for r in rows if abs(r["stored"] - r["counted"]) > max(3, r["counted"] / 10)]


def _vectors(placed: Sequence[Placed]) -> np.ndarray:
    return np.stack([one.text for one in placed]) if placed else np.zeros((0, 384), np.float32)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
