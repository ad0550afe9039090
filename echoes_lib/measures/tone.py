"""Measure how glad or bitter a text sounds, and how unusual that is for the one who wrote it.

The tone is counted, not understood. VADER holds a list of 7,500 English words that ten people
each rated from very negative to very positive, with rules for "not", "very" and capitals. The
tone of a text is the share of its words that weigh positive less the share that weigh negative:
0 for a plain telling, about 0.6 for gushing, about -0.6 for a rant.

How unusual it is: a person's answers to one kind of question (childhood, loss, work …) have a
usual tone and a usual spread, the median and the median distance from it. With few answers of a
kind both are drawn towards those of all the person's answers: n answers weigh as n against 8.
The distance of an answer is its tone less the usual, in spreads. The answer itself is left out.

What it does not know: irony, grief told in calm words, what is good or bad news without a word
for it, and whether a person has reason to sound different this once. On the sample the kind of
question explains only 5% of how tones differ; plain tellers are plain about loss as well. So
only what is far outside should count: it may be somebody else's text, or the truest answer.

Shape: text -> tone in [-1, 1]; tones (n,), kinds (n,) -> distances (n,) in spreads, or None.
Source: Hutto and Gilbert 2014, VADER.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

FEWEST_OTHERS = 10  # below that a person's spread is luck
WEIGHT_OF_ALL = 8  # answers of a kind count for more than all others from here on
LEAST_SPREAD = 0.02  # people without any tone at all would find every word unusual
MAD_TO_SIGMA = 1.4826  # the median distance of a normal distribution is 1 / 1.4826 of its sigma


@lru_cache(maxsize=1)
def load_lexicon() -> Any:
    """Load VADER's rated words once per process (a few hundredths of a second)."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def tone(text: str) -> float:
    """Measure the tone of an English text.

    Args:
        text: one answer.

    Returns:
        -1 (all bitter) to 1 (all glad); 0 for a text without rated words.
    """
    shares = load_lexicon().polarity_scores(text)
    return float(shares["pos"] - shares["neg"])


def tone_distances(tones: Sequence[float | None], kinds: Sequence[str]) -> list[float | None]:
    """Measure how far each tone lies from what the person's others lead one to expect.

    Args:
        tones: of one person's answers (n,); None where no tone is known.
        kinds: the kind of question of each (n,).

    Returns:
        Distances (n,) in spreads, 0 or more; None for an unknown tone, and for all where the
        person has ten or fewer answers with a tone.
    """
    known = [i for i, value in enumerate(tones) if value is not None]
    distances: list[float | None] = [None] * len(tones)
    if len(known) <= FEWEST_OTHERS:
        return distances
    for i in known:
        others = [j for j in known if j != i]
        overall = np.array([tones[j] for j in others])
        kind = np.array([tones[j] for j in others if kinds[j] == kinds[i]])
        middle, spread = _expect(kind, overall)
        distances[i] = float(abs(tones[i] - middle) / spread)
    return distances


def _expect(kind: np.ndarray, overall: np.ndarray) -> tuple[float, float]:
    """Return the usual tone and spread of a kind, drawn towards those of all answers."""
    middle, spread = _robust(overall)
    if len(kind):
        weight = len(kind) / (len(kind) + WEIGHT_OF_ALL)
        own_middle, own_spread = _robust(kind)
        middle += weight * (own_middle - middle)
        spread += weight * (own_spread - spread)
    return middle, max(spread, LEAST_SPREAD)


def _robust(values: np.ndarray) -> tuple[float, float]:
    middle = float(np.median(values))
    return middle, MAD_TO_SIGMA * float(np.median(np.abs(values - middle)))
