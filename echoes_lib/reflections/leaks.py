"""Find the sentences of training answers that a held-out answer holds too.

A person's sayings return in answer after answer. So that no sentence of a test or validation
answer is learnt from, such a sentence is hidden wherever a training answer holds it, and the
rest of that answer is kept. Held-out sentences count

- as a whole, whatever the case and the marks between the words;
- inside a longer sentence or across two, with the marks they end in ("But here is the thing.");
- inside a longer sentence whatever the marks, from five words on.

An answer that keeps less than half of its words, or fewer than twenty, is better left out.

Shape: training answers, held-out answers -> Leaks(hidden sentences, answers to leave out).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from echoes_lib.measures.words import Span, sentence_spans, sentences, words
from echoes_lib.reflections.filters import Drop
from echoes_lib.reflections.sources.store import Reflection

LONG_WORDS, MIN_WORDS_LEFT, MIN_RATIO_LEFT = 5, 20, 0.5
REASON = "held_out_sentence"


@dataclass(frozen=True)
class Leaks:
    """What must not be learnt from.

    `hidden`: question id -> where the hidden sentences of a kept answer start.
    `drops`: answers of which too little is left; value and threshold in words.
    `cuts`: kept answers with hidden sentences; value is how many, threshold how many may stay.
    """

    hidden: dict[int, frozenset[int]] = field(default_factory=dict)
    drops: list[Drop] = field(default_factory=list)
    cuts: list[Drop] = field(default_factory=list)


def find_leaks(training: Sequence[Reflection], held_out: Sequence[Reflection]) -> Leaks:
    """Find what training answers share with held-out ones.

    Args:
        training: answers that may be learnt from.
        held_out: answers of test and validation.

    Returns:
        Hidden sentences and drops, in order of the training answers.
    """
    secrets = [_Secret(s) for s in dict.fromkeys(s for r in held_out for s in sentences(r.text))]
    leaks = Leaks()
    for reflection in training:
        spans = sentence_spans(reflection.text)
        hidden = _shared(reflection.text, spans, secrets)
        if not hidden:
            continue
        left = sum(len(reflection.text[a:b].split()) for a, b in spans if a not in hidden)
        needed = max(MIN_WORDS_LEFT, round(MIN_RATIO_LEFT * len(reflection.text.split())))
        if left < needed:
            leaks.drops.append(Drop(reflection.question_id, REASON, left, needed))
        else:
            leaks.hidden[reflection.question_id] = hidden
            leaks.cuts.append(Drop(reflection.question_id, REASON, len(hidden), 0))
    return leaks


class _Secret:
    """A held-out sentence in the forms in which it is looked for."""

    def __init__(self, sentence: str) -> None:
        self.marked = " ".join(_plain(sentence).split())
        self.bare = tuple(words(_plain(sentence)))
        self.run = f" {' '.join(self.bare)} "

    def places(self, text: str, marked: str, bare: str) -> Iterator[Span]:
        """Yield where it stands inside a text; the two other forms rule most texts out."""
        if self.bare and self.marked in marked:
            yield from _find(r"\s+".join(map(re.escape, self.marked.split())), text)
        if len(self.bare) >= LONG_WORDS and self.run in bare:
            yield from _find(r"[\W_]+".join(map(re.escape, self.bare)) + r"(?!\w)", text)


def _shared(text: str, spans: Sequence[Span], secrets: Sequence[_Secret]) -> frozenset[int]:
    plain = _plain(text)
    marked, bare = " ".join(plain.split()), f" {' '.join(words(plain))} "
    whole = {secret.bare for secret in secrets if secret.bare}
    found = {a for a, b in spans if tuple(words(plain[a:b])) in whole}
    for secret in secrets:
        for start, end in secret.places(plain, marked, bare):
            found |= {a for a, b in spans if a < end and start < b}
    return frozenset(found)


def _find(pattern: str, text: str) -> list[Span]:
    return [match.span() for match in re.finditer(rf"(?<!\w){pattern}", text)]


def _plain(text: str) -> str:
    """Return a text in lower case with plain apostrophes, every character in its place."""
    lower = text.lower()
    if len(lower) != len(text):  # a few letters, such as İ, are two in lower case
        lower = "".join(ch.lower() if len(ch.lower()) == 1 else ch for ch in text)
    return lower.replace("’", "'").replace("‘", "'")
