"""Hold the invented people together and find one to whom a story could have happened.

What it does not do: invent them (`lives`) or let them speak (`conversations`).

Shape: voice + traits -> Life.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from echoes_lib.models.seedling.corpus.library import read_library
from echoes_lib.models.seedling.corpus.lives import Life, invent

__all__ = ["HELD_OUT_START", "Society", "agree", "society"]

PEOPLE = 12_000
HELD_OUT_PEOPLE = 6_000
# Far past every training conversation and person, whatever the corpus size.
HELD_OUT_START = 10_000_000
# Of each row one at most can be true of a person.
EXCLUSIVE = (
    {"wife", "husband", "single", "widowed", "divorced"},
    {"childless", "son"},
    {"childless", "daughter"},
    {"believer", "unbeliever"},
    {"young", "old"},
)


def agree(traits: frozenset[str]) -> bool:
    """Say whether all of these can be true of one person."""
    trades = sum(trait.startswith("trade=") for trait in traits)
    return trades < 2 and all(len(row & traits) < 2 for row in EXCLUSIVE)


class Society:
    """Many lives, to be found by voice and traits.

    Args:
        lives: Everybody.
    """

    def __init__(self, lives: Sequence[Life]):
        self._by_trade: dict[str, list[Life]] = defaultdict(list)
        self._by_voice: dict[str, list[Life]] = defaultdict(list)
        for life in lives:
            self._by_voice[life.style.voice].append(life)
            self._by_trade[next(t for t in life.traits if t.startswith("trade="))].append(life)

    def find(self, voice: str, needs: frozenset[str], rng: random.Random) -> Life:
        """Draw somebody of whom all of `needs` is true, of that voice if there is one.

        If there is nobody, the life of the nearest is changed until it fits.
        """
        trade = next((need for need in needs if need.startswith("trade=")), None)
        pool = self._by_trade[trade] if trade else self._by_voice[voice]
        fitting = [life for life in _from(pool, rng) if needs <= life.traits]
        fitting = fitting or [_changed(rng.choice(pool), needs)]
        return next((life for life in fitting if life.style.voice == voice), fitting[0])


def _changed(life: Life, needs: frozenset[str]) -> Life:
    kept = {trait for trait in life.traits if agree(needs | {trait})}
    return replace(life, traits=needs | kept)


def _from(pool: Sequence[Life], rng: random.Random) -> Sequence[Life]:
    """Return a pool from a random place on."""
    at = rng.randrange(len(pool))
    return [*pool[at:], *pool[:at]]


@lru_cache(maxsize=4)
def society(seed: int, held_out: bool = False) -> Society:
    """Invent everybody of a seed, the held-out people or all others; once per process."""
    start, count = (HELD_OUT_START, HELD_OUT_PEOPLE) if held_out else (0, PEOPLE)
    banks = read_library().banks
    return Society([invent(seed, number, banks) for number in range(start, start + count)])
