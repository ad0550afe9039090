"""Invent people, each with a life: a family, a town, a trade, a belief, and names for it all.

Person number `i` of a seed is always the same person, whoever asks and in which order, so
held-out people are simply the numbers past the training range. A life answers two questions:
what stands in a slot of a frame, and whether a story could have happened to this person.

What it does not do: make anybody say anything (`conversations`) or in which way (`style`).

Shape: seed + number + banks -> Life.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echoes_lib.models.seedling.corpus.style import Style, invent_style

__all__ = ["FACTS", "VARYING", "Life", "invent", "scene"]

Banks = Mapping[str, Sequence[str]]
RELATIONS = {
    "mother": "woman",
    "father": "man",
    "brother": "man",
    "sister": "woman",
    "son": "man",
    "daughter": "woman",
    "wife": "woman",
    "husband": "man",
    "uncle": "man",
    "aunt": "woman",
    "cousin": "woman",
    "friend_m": "man",
    "friend_f": "woman",
    "boss": "woman",
    "colleague": "man",
    "ex": "woman",
}
TITLES = ("Mr", "Mrs", "Miss", "Mr", "Mrs", "Dr")
PLACES = ("gran", "grandad", "dog", "cat", "street")
# These belong to one story, not to the life: the next story may happen to somebody else.
VARYING = ("man", "man2", "woman", "woman2", "place", "year", "n", "weekday", "month")
FACTS = frozenset(
    ("name", "town", "hometown", "trade", "workplace", "teacher", "neighbour")
    + (*PLACES, *RELATIONS, *VARYING)
)
MARRIED = 0.6
YOUNG, OLD = 35, 60


@dataclass(frozen=True)
class Life:
    """Somebody who can be asked.

    Attributes:
        facts: What stands in the slots, by slot name, those of `VARYING` excepted.
        traits: What is true of this person: `wife`, `husband`, `single`, `widowed`,
            `divorced`, `son`, `daughter`, `childless`, `believer`, `unbeliever`, `young`,
            `old`, and the trade as `trade=…`.
        style: How they talk.
    """

    facts: dict[str, str]
    traits: frozenset[str]
    style: Style

    @property
    def name(self) -> str:
        """The first name, as the system prompt says it."""
        return self.facts["name"]


def invent(seed: int, number: int, banks: Banks) -> Life:
    """Invent person `number` of a seed.

    Args:
        seed: The corpus seed.
        number: Which person, 0 or more.
        banks: Names and places to draw from.

    Returns:
        A life whose every fact depends on `seed` and `number` alone.
    """
    rng = random.Random(f"{seed}:person:{number}")
    trade, _, workplace = rng.choice(banks["trade"]).partition("/")
    traits = {f"trade={trade}", *_family(rng)}
    age = rng.randint(19, 88)
    traits |= {"young"} if age < YOUNG else {"old"} if age > OLD else set()
    traits |= set(rng.choices(("believer", "unbeliever", ""), (3, 3, 4))) - {""}
    home, town = rng.sample(banks["town"], 2)
    facts = {"trade": trade, "workplace": workplace, "town": town, "hometown": home}
    facts |= _names(rng, banks) | {key: rng.choice(banks[key]) for key in PLACES}
    return Life(facts, frozenset(traits), invent_style(rng))


def _family(rng: random.Random) -> set[str]:
    """Draw who they live with and which children there are."""
    partner = rng.choice(("wife", "husband"))
    if rng.random() > MARRIED:
        partner = rng.choice(("single", "widowed", "divorced"))
    children = rng.choice(({"childless"}, {"son"}, {"daughter"}, {"son", "daughter"}))
    return {partner, *children}


def _names(rng: random.Random, banks: Banks) -> dict[str, str]:
    """Name everybody of a life, each with a name of their own."""
    left = {kind: rng.sample(banks[kind], 20) for kind in ("woman", "man")}
    names = {relation: left[kind].pop() for relation, kind in RELATIONS.items()}
    names["name"] = left[rng.choice(("woman", "man"))].pop()
    for relation in ("teacher", "neighbour"):
        names[relation] = f"{rng.choice(TITLES)} {rng.choice(banks['surname'])}"
    return names


def scene(life: Life, rng: random.Random, banks: Banks) -> dict[str, str]:
    """Draw what belongs to one story only, and add it to the facts of the life.

    Returns:
        Something for every slot there is.
    """
    taken = set(life.facts.values())
    women = [name for name in rng.sample(banks["woman"], 25) if name not in taken]
    men = [name for name in rng.sample(banks["man"], 25) if name not in taken]
    towns = [town for town in rng.sample(banks["town"], 3) if town not in taken]
    drawn = {key: rng.choice(banks[key]) for key in ("n", "weekday", "month")}
    drawn |= {"woman": women[0], "woman2": women[1], "man": men[0], "man2": men[1]}
    years = (2004, 2022) if "young" in life.traits else (1962, 2016)
    return life.facts | drawn | {"place": towns[0], "year": str(rng.randint(*years))}
