"""Invent people: a name, a town, a trade, a family, an animal, habits, a voice.

Person number `i` of a seed is always the same person, whoever asks and in
which order, so held-out people are simply the numbers past the training range.

What it does not do: make them say anything (`conversations`).

Shape: seed + number + banks -> Person.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from echoes_lib.models.seedling.corpus.style import Style, invent_style

__all__ = ["Person", "invent"]

Banks = dict[str, list[str]]
PARTNERS = ("wife/she/her/her", "husband/he/him/his")
CHILDREN = ("daughter/she/her/her", "son/he/him/his")
FRIENDS = ("friend/he/him/his", "friend/she/her/her")
TEACHERS = ("Mr", "Mrs", "Miss", "Dr")


@dataclass(frozen=True)
class Person:
    """Somebody who can be asked.

    Attributes:
        name: First name, as the system prompt says it.
        own: Banks of this person alone (`trade`, `pet`, `partner`, …), one
            entry each, in the form that `grammar.Scope` takes.
        style: How they talk.
    """

    name: str
    own: Banks
    style: Style


def _named(rng: random.Random, banks: Banks, forms: tuple[str, ...]) -> list[str]:
    """Draw a relation with its pronouns and a name: `wife/she/her/her/Nora`."""
    return [f"{rng.choice(forms)}/{rng.choice(banks['first'])}"]


def invent(seed: int, number: int, banks: Banks) -> Person:
    """Invent person `number` of a seed.

    Args:
        seed: The corpus seed.
        number: Which person, 0 or more.
        banks: The shared banks to draw from.

    Returns:
        A person whose every trait depends on `seed` and `number` alone.
    """
    rng = random.Random(f"{seed}:person:{number}")
    name = rng.choice(banks["first"])
    own = {
        "name": [name],
        "town": [rng.choice(banks["town"])],
        "hometown": [rng.choice(banks["town"])],
        "land": [rng.choice(banks["landscape"])],
        "trade": [rng.choice(banks["trade"])],
        "hobby": [rng.choice(banks["hobby"])],
        "parent": [rng.choice(("mother", "father"))],
        "partner": _named(rng, banks, PARTNERS),
        "child": _named(rng, banks, CHILDREN),
        "friend": _named(rng, banks, FRIENDS),
        "pet": [f"{rng.choice(banks['animal'])}/{rng.choice(banks['petname'])}"],
        "pet_his": [rng.choice(("his", "her"))],
        "teacher": [f"{rng.choice(TEACHERS)} {rng.choice(banks['town']).split()[-1]}"],
    }
    return Person(name=name, own=own, style=invent_style(rng, banks))
