"""Expand sentence frames into English: the small grammar that the corpus is written in.

A frame is a line of text with two marks. `{a|b}` is a choice, may nest, and an empty
branch makes words optional. `[slot]` is a fact of the speaker's life, filled in later.

The ways to read a frame are numbered, so that a frame which is used often can be read in
another way each time instead of at random: `Frame.read(0)` to `Frame.read(ways - 1)`.

What it does not do: fill slots (`lives`), choose frames (`conversations`), or give a speaker
a voice (`style`).

Shape: frame (str) + number (int) -> text (str) with its slots still open.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache

__all__ = ["Frame", "fill", "frame", "sentence_frames", "sentences", "tidy"]

MARK = re.compile(r"[{}|]")
SLOT = re.compile(r"\[([a-z_0-9]+)\]")
VOWEL_SOUND = re.compile(
    r"\b([Aa]) (?=[aeiou]|hour|honest|heir)(?!uni|use|usu|eu|one\b|once)", re.IGNORECASE
)
SENTENCE_END = re.compile(r'(?<=[.!?])(?:["\'])? (?=["\']?[A-Z\[{])')
# The golden ratio: neighbouring numbers land far apart, so that two readings differ widely.
STRIDE = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Frame:
    """A parsed frame: text and choices in a row, and in how many ways it reads.

    Attributes:
        items: Text, or for a choice its branches.
        ways: How many different readings there are, 1 or more.
    """

    items: tuple[str | tuple[Frame, ...], ...]
    ways: int

    def read(self, number: int) -> str:
        """Return the reading of a number; numbers past the last begin anew."""
        parts = []
        for item in self.items:
            if isinstance(item, str):
                parts.append(item)
            else:
                number, at = divmod(number, sum(branch.ways for branch in item))
                parts.append(_branch(item, at))
        return "".join(parts)

    def visit(self, start: int, visit: int) -> str:
        """Return the reading of a visit: `ways` visits in a row never read the same.

        Args:
            start: Where this frame's own round begins.
            visit: 0 for the first visit, 1 for the next.
        """
        step = round(self.ways * STRIDE)
        while math.gcd(step, self.ways) != 1:
            step += 1
        return self.read((start + visit * step) % self.ways)


def _branch(branches: tuple[Frame, ...], at: int) -> str:
    for branch in branches:
        if at < branch.ways:
            return branch.read(at)
        at -= branch.ways
    raise AssertionError("the numbers of a choice are the sum of its branches'")


@cache
def frame(text: str) -> Frame:
    """Parse a frame.

    Example:
        >>> two = frame("a {b|{c|d}}")
        >>> [two.read(number) for number in range(two.ways)]
        ['a b', 'a c', 'a d']

    Raises:
        ValueError: A brace is left open or closes nothing, or a `|` stands outside of braces.
    """
    parsed, end = _parse(text, 0, depth=0)
    if end != len(text) or len(parsed) != 1:
        raise ValueError(f"braces do not match in the frame {text!r}")
    return parsed[0]


def _parse(text: str, at: int, depth: int) -> tuple[tuple[Frame, ...], int]:
    """Read branches up to the brace that closes them, or up to the end of the text."""
    branches: list[list] = [[]]
    while found := MARK.search(text, at):
        branches[-1].append(text[at : found.start()])
        at = found.end()
        if found[0] == "{":
            inner, at = _parse(text, at, depth + 1)
            branches[-1].append(inner)
        elif found[0] == "|":
            branches.append([])
        elif depth == 0:
            raise ValueError(f"braces do not match in the frame {text!r}")
        else:
            return _frames(branches), at
    if depth:
        raise ValueError(f"braces do not match in the frame {text!r}")
    branches[-1].append(text[at:])
    return _frames(branches), len(text)


def _frames(branches: list[list]) -> tuple[Frame, ...]:
    return tuple(_frame(tuple(item for item in branch if item != "")) for branch in branches)


def _frame(items: tuple) -> Frame:
    choices = (item for item in items if not isinstance(item, str))
    return Frame(items, math.prod(sum(branch.ways for branch in choice) for choice in choices))


def sentence_frames(text: str) -> tuple[Frame, ...]:
    """Parse a text of several sentences into one frame each; ends within braces do not count."""
    depth, starts = 0, [0]
    depths = [depth := depth + (mark == "{") - (mark == "}") for mark in text]
    for found in SENTENCE_END.finditer(text):
        if depths[found.start()] == 0:
            starts.append(found.end())
    ends = [*starts[1:], len(text)]
    return tuple(frame(text[a:b].strip()) for a, b in zip(starts, ends, strict=True))


def fill(text: str, facts: dict[str, str]) -> str:
    """Put the speaker's facts into the slots.

    Raises:
        KeyError: A slot is no fact of a life.
    """
    return SLOT.sub(lambda found: facts[found[1]], text)


def tidy(text: str) -> str:
    """Mend spacing, articles and capitals after choices were made.

    Example:
        >>> tidy("i kept a  old dog , he stayed. we laughed.")
        'I kept an old dog, he stayed. We laughed.'
    """
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([,.;:?!])", r"\1", text)
    text = re.sub(r"\bi\b", "I", text)
    text = VOWEL_SOUND.sub(r"\1n ", text)
    return re.sub(r'(^"?|[.!?] "?)([a-z])', lambda found: found[1] + found[2].upper(), text)


def sentences(text: str) -> list[str]:
    """Split tidy text after each full stop, question mark or exclamation mark."""
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text) if text else []
