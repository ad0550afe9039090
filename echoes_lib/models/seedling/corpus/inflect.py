"""Inflect the verb that begins a phrase, so that a phrase bank lists each deed once.

What it does not do: parse. The first word is taken for the verb.

Shape: "carry the coal in" -> "carry the coal in/carried the coal in/carrying the coal in".
"""

from __future__ import annotations

import re

__all__ = ["forms", "ing", "past"]

# fmt: off
IRREGULAR = {
    "bring": "brought", "break": "broke", "build": "built", "buy": "bought", "catch": "caught",
    "choose": "chose", "cut": "cut", "dig": "dug", "do": "did", "draw": "drew", "drive": "drove",
    "feed": "fed", "forget": "forgot", "give": "gave", "hang": "hung", "have": "had",
    "hold": "held", "keep": "kept", "knit": "knitted", "leave": "left", "lie": "lay",
    "light": "lit", "lose": "lost", "make": "made", "pay": "paid", "read": "read", "ride": "rode",
    "ring": "rang", "run": "ran", "sell": "sold", "set": "set", "shake": "shook", "sing": "sang",
    "sit": "sat", "sleep": "slept", "swim": "swam", "take": "took", "teach": "taught",
    "tell": "told", "throw": "threw", "win": "won", "write": "wrote",
}
# fmt: on
DOUBLED = {"quarrel", "cancel", "label"}
SHORT_VOWEL = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")


def _stem(verb: str) -> str:
    return verb + verb[-1] if verb in DOUBLED or SHORT_VOWEL.fullmatch(verb) else verb


def past(verb: str) -> str:
    """Return the simple past of a verb.

    Example:
        >>> past("chop"), past("carry"), past("bake"), past("sing")
        ('chopped', 'carried', 'baked', 'sang')
    """
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if re.search(r"[^aeiou]y$", verb) else _stem(verb) + "ed"


def ing(verb: str) -> str:
    """Return the -ing form of a verb.

    Example:
        >>> ing("lie"), ing("bake"), ing("dig")
        ('lying', 'baking', 'digging')
    """
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    return verb[:-1] + "ing" if verb.endswith("e") else _stem(verb) + "ing"


def forms(phrase: str) -> str:
    """Return a phrase as the three forms that a slot can ask for."""
    verb, _, rest = phrase.partition(" ")
    return "/".join(f"{word} {rest}".strip() for word in (verb, past(verb), ing(verb)))
