"""Planted and harmless sentences, and how many of the planted values are found.

Run alone for the table: python -m tests.reflections.cleaning.sentences

recall     a planted value counts as found when every character of it lies in spans of its kind
precision  a span counts as right when it overlaps a planted value of its kind
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from echoes_lib.reflections.cleaning.detect import KINDS, Span, find_private, resolve

_PLANT = re.compile(r"\[\[(\w+):(.*?)\]\]")


@dataclass
class Sentence:
    """A text with the spans that were planted in it."""

    text: str
    planted: list[Span]
    found: list[Span] = field(default_factory=list)


def read(name: str) -> list[Sentence]:
    lines = Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Sentence:
    text, planted, last = "", [], 0
    for match in _PLANT.finditer(line):
        text += line[last : match.start()]
        planted.append(Span(len(text), len(text) + len(match[2]), match[1]))
        text += match[2]
        last = match.end()
    return Sentence(text + line[last:], planted)


def find(sentences: list[Sentence], together: bool = False) -> list[Sentence]:
    """Find what is private in each sentence by itself, or in all as one person's."""
    texts = [s.text for s in sentences]
    found = find_private(texts) if together else [find_private([text])[0] for text in texts]
    for sentence, spans in zip(sentences, found, strict=True):
        sentence.found = resolve(spans)
    return sentences


def is_covered(planted: Span, sentence: Sentence) -> bool:
    inside = [s for s in sentence.found if s.kind == planted.kind]
    places = {i for s in inside for i in range(s.start, s.end)}
    blanks = {i for i, ch in enumerate(sentence.text) if ch.isspace()}
    return set(range(planted.start, planted.end)) - blanks <= places


def is_right(span: Span, sentence: Sentence) -> bool:
    return any(
        span.kind == p.kind and span.start < p.end and p.start < span.end for p in sentence.planted
    )


def score(sentences: list[Sentence], kinds: tuple[str, ...] = KINDS) -> dict[str, dict]:
    """Count per kind; kinds of which nothing was planted or found are left out."""
    planted, covered, found, right = Counter(), Counter(), Counter(), Counter()
    for sentence in sentences:
        for plant in sentence.planted:
            planted[plant.kind] += 1
            covered[plant.kind] += is_covered(plant, sentence)
        for span in sentence.found:
            found[span.kind] += 1
            right[span.kind] += is_right(span, sentence)
    return {
        kind: {
            "planted": planted[kind],
            "found": found[kind],
            "recall": round(covered[kind] / planted[kind], 3) if planted[kind] else None,
            "precision": round(right[kind] / found[kind], 3) if found[kind] else None,
        }
        for kind in kinds
        if planted[kind] or found[kind]
    }


def main() -> None:
    values = tuple(kind for kind in KINDS if kind != "name")
    report = {
        "values": score(find(read("planted") + read("harmless")), values),
        "unseen": score(find(read("unseen")), values),
        "names": score(find(read("named"), together=True), ("name",)),
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
