"""Give a person words of their own: one says "perhaps" where another says "maybe".

`idioms.txt` holds groups of phrases that can stand for each other in any sentence, one group
a line. A person has one favourite of a group and uses it always, or has none and takes what
was written.

What it does not do: contractions, hedges and the length of sentences (`style`).

Shape: text + the person's number -> text.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

__all__ = ["reword"]

IDIOMS = Path(__file__).resolve().parent / "idioms.txt"
WORD = re.compile(r"[A-Za-z]+")
# Of eight people three have no favourite in a group.
OUT_OF, FAVOURING = 8, 5


@lru_cache(maxsize=1)
def _phrases() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Return the phrases with their groups, by first word, longer ones first.

    One pattern of all phrases would be simpler and twenty times slower: it tries each of them
    at each word.
    """
    lines = IDIOMS.read_text(encoding="utf-8").splitlines()
    groups = [tuple(phrase.strip() for phrase in line.split(";")) for line in lines if line]
    # A phrase in two groups belongs to the first.
    of = {phrase: group for group in reversed(groups) for phrase in group}
    by_word: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for phrase in sorted(of, key=len, reverse=True):
        by_word[phrase.split(" ")[0].lower()].append((phrase, of[phrase]))
    return by_word


def reword(text: str, person: int) -> str:
    """Put a person's favourites in the place of phrases that mean the same.

    Args:
        text: Tidy English.
        person: Any number; the same number has the same favourites.
    """
    said, done = [], 0
    for word in WORD.finditer(text):
        at = word.start()
        for phrase, group in _phrases().get(word[0].lower(), ()) if at >= done else ():
            if _stands(phrase, text, at):
                said += text[done:at], _favourite(text[at : at + len(phrase)], group, person)
                done = at + len(phrase)
                break
    return "".join([*said, text[done:]])


def _stands(phrase: str, text: str, at: int) -> bool:
    """Say whether a phrase stands there whole; `no one-way` holds no `no one`."""
    end = at + len(phrase)
    follows = text[end : end + 1]
    whole = not (follows.isalnum() or follows in ("-", "'"))
    return whole and text[at:end].lower() == phrase.lower()


def _favourite(phrase: str, group: tuple[str, ...], person: int) -> str:
    drawn = zlib.crc32(f"{person}:{group[0]}".encode())
    if drawn % OUT_OF >= FAVOURING:
        return phrase
    favourite = group[drawn // OUT_OF % len(group)]
    # "A little" begins a sentence, "I recall" is no less a beginning than "i recall".
    return favourite[0].upper() + favourite[1:] if phrase[0].isupper() else favourite
