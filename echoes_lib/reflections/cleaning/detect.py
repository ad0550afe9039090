"""Find private data in a text, offline: Presidio's recognizers, and patterns of our own.

Presidio brings the values that carry a check of their own: cards (Luhn), IBANs (mod 97),
wallets, IP addresses, and the ids of a dozen countries. It is used without a
language model: none is needed for these, and none could be fetched. `patterns` adds what has
no checksum, `phones` telephone numbers, `names` the people.

Does not find what only the sense of a sentence gives away ("the house behind the mill"), nor
numbers that are spelt out in words.

Shape: texts of one person -> spans per text, in order, not overlapping within a kind.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from echoes_lib.reflections.cleaning.engine import find_values
from echoes_lib.reflections.cleaning.names import Part, find_names
from echoes_lib.reflections.cleaning.phones import find_phones
from echoes_lib.reflections.cleaning.pseudonyms import Reserved

# Of two spans that overlap the longer one counts; of equal ones the kind named first.
KINDS = (
    "secret", "email", "url", "bank", "card", "id", "ip", "phone", "address", "handle", "name",
)  # fmt: skip
MARKER = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")


@dataclass(frozen=True, order=True)
class Span:
    """One private value in a text. `parts` are the words of a name with their roles."""

    start: int
    end: int
    kind: str
    parts: tuple[Part, ...] = ()


def find_private(
    texts: Sequence[str], spare: Iterable[str] = (), seen: dict[str, list[Span]] | None = None
) -> list[list[Span]]:
    """Find private data in the texts of one person.

    Args:
        texts: all of them together: a name that is plain in one text is known in the others.
        spare: names that are no secret here, such as the person's own.
        seen: what earlier calls found in a text apart from names; added to.

    Returns:
        Per text the spans in order; spans of two kinds may overlap. Pseudonyms and the
        markers of `protect` are not found.
    """
    seen = {} if seen is None else seen
    for text in texts:
        if text not in seen:
            seen[text] = _values(text)
    names = find_names(texts, spare)
    return [
        _without_reserved(text, [*seen[text], *_named(parts)])
        for text, parts in zip(texts, names, strict=True)
    ]


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Of spans that overlap keep the longest, and return the kept in order."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start - s.end, KINDS.index(s.kind), s.start)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def _values(text: str) -> list[Span]:
    spans = [Span(start, end, "phone") for start, end in find_phones(text)]
    if not any(ch.isdigit() or ch in "@:=/.\"'" for ch in text):
        return spans
    return spans + [Span(start, end, kind) for start, end, kind in find_values(text)]


def _named(names: Iterable[tuple[Part, ...]]) -> list[Span]:
    return [Span(parts[0].start, parts[-1].end, "name", parts) for parts in names]


def _without_reserved(text: str, spans: list[Span]) -> list[Span]:
    if not spans:
        return []
    reserved = Reserved(text)
    markers = [marker.span() for marker in MARKER.finditer(text)]
    return sorted(
        span
        for span in spans
        if not reserved.covers(span.start, span.end)
        and not any(span.start < end and start < span.end for start, end in markers)
    )
