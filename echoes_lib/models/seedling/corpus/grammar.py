"""Expand sentence frames into English: the small grammar that the corpus is written in.

A frame is a line of text with two marks. `(a|b)` is a choice, may nest, and an
empty branch makes words optional. `<bank>` is a word or a frame drawn from the
bank of that name. `<bank.k>` draws once per conversation and then repeats
itself, so a dog named in the first sentence is the same dog in the last;
`<bank.k:1>` takes the second form of an entry written `base/second/third`.

What it does not do: choose which frames follow each other (`conversations`),
or give a speaker a voice (`style`).

Shape: frame (str) + Scope -> tidy English (str).
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

__all__ = ["Scope", "expand", "parse", "sentences", "tidy"]

TOKEN = re.compile(r"[()|]|<[^<>]+>|[^()|<>]+")
SLOT = re.compile(r"<([a-z_]+)(?:\.([a-z0-9]+))?(?::(\d))?>")
VOWEL_SOUND = re.compile(
    r"\b([Aa]) (?=[aeiou]|hour|honest|heir)(?!uni|use|usu|eu|one\b|once)", re.IGNORECASE
)
REDRAWS = 6


@dataclass
class Scope:
    """What the slots of one conversation may draw on, and what they drew.

    Attributes:
        banks: Entries shared by everybody, by bank name.
        own: Entries of one person, which hide a shared bank of the same name.
        rng: The only source of chance.
        bound: Entries that are fixed for this conversation, by `bank.label`.
        used: Entries already drawn, so that "bread and bread" is rare.
    """

    banks: Mapping[str, Sequence[str]]
    own: Mapping[str, Sequence[str]]
    rng: random.Random
    bound: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def draw(self, bank: str) -> str:
        """Return an entry of a bank, one not drawn before where that is easy.

        Raises:
            KeyError: Neither the person nor the shared banks hold `bank`.
        """
        entries = self.own.get(bank) or self.banks[bank]
        for _ in range(REDRAWS):
            entry = self.rng.choice(entries)
            if entry not in self.used:
                break
        self.used.add(entry)
        return entry

    def fixed(self, bank: str, label: str) -> str:
        """Return the entry bound to `bank.label`, drawing and expanding it the first time."""
        key = f"{bank}.{label}"
        if key not in self.bound:
            # Expanded at once: a bound entry with choices inside must not change its mind later.
            self.bound[key] = _render(parse(self.draw(bank)), self)
        return self.bound[key]


@cache
def parse(frame: str) -> tuple:
    """Parse a frame into its branches, each a tuple of text, slots and inner branches.

    Example:
        >>> parse("a (b|<c>)")
        (('a ', (('b',), ('<c>',))),)

    Raises:
        ValueError: A bracket is left open or closes nothing.
    """
    tokens = TOKEN.findall(frame)
    branches, end = _branches(tokens, 0)
    if end != len(tokens) or frame.count("(") != frame.count(")"):
        raise ValueError(f"brackets do not match in the frame {frame!r}")
    return branches


def _branches(tokens: list[str], at: int) -> tuple[tuple, int]:
    branches: list[list] = [[]]
    while at < len(tokens) and tokens[at] != ")":
        if tokens[at] == "(":
            inner, at = _branches(tokens, at + 1)
            branches[-1].append(inner)
        elif tokens[at] == "|":
            branches.append([])
        else:
            branches[-1].append(tokens[at])
        at += 1
    return tuple(tuple(branch) for branch in branches), at


def _render(branches: tuple, scope: Scope) -> str:
    branch = branches[0] if len(branches) == 1 else scope.rng.choice(branches)
    return "".join(_render_item(item, scope) for item in branch)


def _render_item(item: str | tuple, scope: Scope) -> str:
    if isinstance(item, tuple):
        return _render(item, scope)
    return _fill(item, scope) if item.startswith("<") else item


def _fill(slot: str, scope: Scope) -> str:
    match = SLOT.fullmatch(slot)
    if match is None:
        raise ValueError(f"{slot!r} is not a slot: write <bank>, <bank.label> or <bank.label:1>")
    bank, label, form = match.groups()
    text = scope.fixed(bank, label) if label else _render(parse(scope.draw(bank)), scope)
    forms = text.split("/")
    return forms[int(form or 0)]


def tidy(text: str) -> str:
    """Mend spacing, plurals, articles and capitals after slots were filled.

    Example:
        >>> tidy("i kept a  old dog , he stayed. we laughed.")
        'I kept an old dog, he stayed. We laughed.'
    """
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([,.;:?!])", r"\1", text)
    text = re.sub(r"\bi\b", "I", text)
    text = re.sub(r"\b(\w+(?:ss|sh|ch|x))s\b", r"\1es", text)
    text = re.sub(r"\b([a-z]+[^aeiou])ys\b", r"\1ies", text)
    text = VOWEL_SOUND.sub(r"\1n ", text)
    return re.sub(r'(^"?|[.!?] "?)([a-z])', lambda found: found[1] + found[2].upper(), text)


def sentences(text: str) -> list[str]:
    """Split tidy text after each full stop, question mark or exclamation mark."""
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text) if text else []


def expand(frame: str, scope: Scope) -> str:
    """Expand one frame for one conversation.

    Args:
        frame: Text with `(a|b)` choices and `<bank>` slots.
        scope: The banks, the person and the chance to draw with.

    Returns:
        Tidy English, one or more sentences.

    Raises:
        KeyError: The frame names a bank that does not exist.
        ValueError: The frame's marks are malformed.
    """
    return tidy(_render(parse(frame), scope))
