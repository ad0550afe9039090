"""Group texts that say nearly the same in nearly the same words.

Texts are sets of word triples. MinHash signatures find the pairs that may be alike without
comparing every text with every other; the exact share of triples (Jaccard) then decides, and
pairs that share a text grow into one group. On the sample two honest answers of one person
share at most 3% of their triples, so 20% is far from chance.

Does not find the same story in other words, nor one sentence that two texts share.

Shape: texts (n,) -> groups of indices, every index in exactly one.
"""

from collections.abc import Sequence
from functools import lru_cache

from echoes_lib.measures.words import words

SHINGLE_WORDS = 3
PERMUTATIONS = 128
# Signatures err by about 1 / sqrt(128): look for pairs this much below the limit.
SLACK = 0.1


def near_duplicate_groups(texts: Sequence[str], min_shared: float) -> list[list[int]]:
    """Group near-duplicate texts.

    Args:
        texts: n texts.
        min_shared: share of word triples, of all that either text has, from which two texts
            are near-duplicates; in (0, 1], and above 0.15 for none to be overlooked.

    Returns:
        Groups of indices in ascending order, groups in order of their first index; a text
        that is like no other is a group of its own.
    """
    sets = [_shingles(text) for text in texts]
    leader = list(range(len(texts)))
    for i, j in _candidates(sets, min_shared):
        if shared_shingles(sets[i], sets[j]) >= min_shared:
            leader[_root(leader, max(i, j))] = _root(leader, min(i, j))
    groups: dict[int, list[int]] = {}
    for i in range(len(texts)):
        groups.setdefault(_root(leader, i), []).append(i)
    return sorted(groups.values())


def shared_shingles(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets; 0 when both are empty."""
    return len(a & b) / len(a | b) if a or b else 0.0


def _shingles(text: str) -> frozenset[str]:
    bare = words(text.lower().replace("’", "'"))
    n = max(1, len(bare) - SHINGLE_WORDS + 1)
    return frozenset(" ".join(bare[i : i + SHINGLE_WORDS]) for i in range(n)) - {""}


def _candidates(sets: Sequence[frozenset[str]], min_shared: float) -> list[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=PERMUTATIONS, params=_bands(max(0.05, min_shared - SLACK)))
    pairs: list[tuple[int, int]] = []
    for i, shingles in enumerate(sets):
        if shingles:
            signature = MinHash(num_perm=PERMUTATIONS, seed=1)
            signature.update_batch([shingle.encode() for shingle in sorted(shingles)])
            pairs += [(j, i) for j in sorted(index.query(signature))]
            index.insert(i, signature)
    return pairs


@lru_cache
def _bands(threshold: float) -> tuple[int, int]:
    """Return datasketch's best bands and rows for a threshold; it takes a while to find them."""
    from datasketch import MinHashLSH

    best = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, weights=(0.1, 0.9))
    return best.b, best.r


def _root(leader: list[int], i: int) -> int:
    while leader[i] != i:
        i = leader[i]
    return i
