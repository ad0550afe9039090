"""Count a 5-gram model with Kneser-Ney smoothing over a long stream of token ids.

nltk's `KneserNeyInterpolated` looks through all n-grams for every question it is asked, which
forbids a corpus of millions of tokens. This is the same model by sorting: with one discount
for all orders it gives the same probabilities, which a test holds to it. By default the
discount of each order is estimated from its counts, which is better, and the last step backs
off to a uniform guess, so that no token is impossible.

What it does not do: sentences, unknown words, or vocabularies past 4,096 entries.

Shape: tokens (n,) -> KneserNey; ids of a text -> log2 probabilities.
Source: Chen and Goodman, 1999, "An empirical study of smoothing techniques for language
modeling", interpolated Kneser-Ney; discounts n1 / (n1 + 2 n2) as Ney, Essen and Kneser, 1994.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["KneserNey"]

# Five tokens of 12 bits make one 60-bit number, so that n-grams sort and compare as integers.
BITS = 12
MOST_TOKENS = 1 << BITS


@dataclass(frozen=True)
class _Order:
    """The n-grams of one order, sorted, with counts and what their contexts hold.

    Attributes:
        keys: The n-grams, `(m,)`.
        counts: How often each was counted, `(m,)`.
        contexts: Their contexts, `(c,)`.
        totals: Sum of counts behind each context, `(c,)`.
        kinds: How many different n-grams stand behind each context, `(c,)`.
        discount: What is taken off each count.
    """

    keys: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    totals: np.ndarray
    kinds: np.ndarray
    discount: float


class KneserNey:
    """An interpolated Kneser-Ney model.

    Args:
        tokens: The corpus, `(n,)` ids.
        vocabulary: How many ids there are, at most 4,096.
        order: Length of the longest n-gram, 2 to 5.
        discount: The same for all orders; None estimates one for each.

    Raises:
        ValueError: More than 4,096 ids, or an order that does not fit.
    """

    def __init__(
        self, tokens: np.ndarray, vocabulary: int, order: int = 5, discount: float | None = None
    ):
        if vocabulary > MOST_TOKENS or not 2 <= order <= 5:
            raise ValueError(
                f"vocabulary={vocabulary} and order={order}: at most {MOST_TOKENS} ids and 2 to 5"
            )
        self.vocabulary = vocabulary
        self.smoothes = discount is None
        keys, counts = np.unique(_grams(tokens.astype(np.int64), order), return_counts=True)
        self._orders = [_order(keys, counts, discount)]
        for length in range(order - 1, 0, -1):
            # A shorter n-gram counts once for each different token that stands before it.
            keys, counts = np.unique(keys & _mask(length), return_counts=True)
            # With nothing below to fall back on, the shortest keep all they have, as in nltk.
            plain = 0.0 if length == 1 and not self.smoothes else discount
            self._orders.insert(0, _order(keys, counts, plain))

    def log2_probabilities(self, ids: np.ndarray, first: int) -> np.ndarray:
        """Score the ids from `first` on, each given those before it.

        Args:
            ids: One text, `(n,)`.
            first: Where scoring begins, at least order - 1.

        Returns:
            log2 p, `(n - first,)`.
        """
        ids = np.asarray(ids, dtype=np.int64)
        smooth = np.full(len(ids) - first, 1 / self.vocabulary if self.smoothes else 0.0)
        for length, order in enumerate(self._orders, start=1):
            grams = _grams(ids, length)[first - length + 1 :]
            smooth = _interpolate(order, grams, smooth)
        return np.log2(smooth)


def _mask(length: int) -> int:
    return (1 << (BITS * length)) - 1


def _grams(tokens: np.ndarray, length: int) -> np.ndarray:
    """Pack every run of `length` tokens into one number; the last token lies lowest."""
    packed = np.zeros(len(tokens) - length + 1, dtype=np.int64)
    for at in range(length):
        packed = (packed << BITS) | tokens[at : len(tokens) - length + 1 + at]
    return packed


def _order(keys: np.ndarray, counts: np.ndarray, discount: float | None) -> _Order:
    contexts, starts = np.unique(keys >> BITS, return_index=True)
    kinds = np.diff(np.append(starts, len(keys)))
    if discount is None:
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        discount = float(once / (once + 2 * twice)) if once else 0.5
    return _Order(keys, counts, contexts, np.add.reduceat(counts, starts), kinds, discount)


def _find(sorted_keys: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where each wanted key stands, and whether it is there at all."""
    at = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return at, sorted_keys[at] == wanted


def _interpolate(order: _Order, grams: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """Mix the discounted counts of this order with the probability of the order below."""
    at, seen = _find(order.keys, grams)
    place, known = _find(order.contexts, grams >> BITS)
    counts = np.where(seen, order.counts[at], 0)
    totals = order.totals[place]
    own = np.maximum(counts - order.discount, 0) / totals
    left = order.discount * order.kinds[place] / totals
    return np.where(known, own + left * smooth, smooth)
