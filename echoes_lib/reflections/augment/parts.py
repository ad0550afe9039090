"""Cut an answer into the pieces that examples are put together from.

An answer is its usable sentences: all of them, but for those that a held-out answer holds too
(`split.py`). Pieces are runs of neighbouring usable sentences, each an unchanged span of the
answer; what stands between two pieces of one turn is white space only.

Shape: reflection, starts of hidden sentences -> Answer; answer, start, end -> parts.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from echoes_lib.measures.words import Span, sentence_spans
from echoes_lib.reflections.augment.ask import cue
from echoes_lib.reflections.sources.store import Reflection

MIN_PART_WORDS = 20
PARAGRAPH = "\n\n"
_EMPTY_LINE = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Part:
    """A span of an answer, whole sentences and unchanged: `said == text[start:end]`.

    `lead` is the white space that parts it from what is said before it.
    """

    question_id: int
    start: int
    said: str
    lead: str = ""

    @property
    def end(self) -> int:
        """Where the span ends in the answer."""
        return self.start + len(self.said)


@dataclass(frozen=True)
class Answer:
    """A reflection and the sentences of it that may be learnt from, in order."""

    reflection: Reflection
    sentences: tuple[Span, ...]

    @property
    def question_id(self) -> int:
        """The question that it answers."""
        return self.reflection.question_id

    @property
    def n_words(self) -> int:
        """Words of the usable sentences."""
        return sum(len(self.reflection.text[a:b].split()) for a, b in self.sentences)


def usable(reflection: Reflection, hidden: Collection[int] = ()) -> Answer:
    """Return an answer without its hidden sentences.

    Args:
        reflection: as the filters kept it.
        hidden: where the sentences start that must not be used.
    """
    spans = sentence_spans(reflection.text)
    return Answer(reflection, tuple(span for span in spans if span[0] not in hidden))


def parts(answer: Answer, start: int = 0, end: int | None = None) -> tuple[Part, ...]:
    """Return the usable sentences of a stretch of an answer as the fewest possible parts.

    Args:
        answer: its usable sentences.
        start: first character that counts.
        end: first that no longer counts; the end of the answer when omitted.

    Returns:
        One part where nothing is hidden in between; none where nothing is usable.
    """
    text = answer.reflection.text
    runs: list[Span] = []
    for a, b in answer.sentences:
        if a < start or (end is not None and a >= end):
            continue
        if runs and not text[runs[-1][1] : a].strip():
            runs[-1] = (runs[-1][0], b)
        else:
            runs.append((a, b))
    leads = [""] + [_lead(text[x[1] : y[0]]) for x, y in zip(runs, runs[1:], strict=False)]
    return tuple(
        Part(answer.question_id, a, text[a:b], lead)
        for (a, b), lead in zip(runs, leads, strict=False)
    )


def turn_of_thought(answer: Answer) -> int | None:
    """Find where an answer is best parted in two.

    Args:
        answer: its usable sentences.

    Returns:
        Where the sentence starts that opens the second part: one near the middle, rather at
        a new paragraph or at a word that turns ("But", "Then", "Now"). None when a part
        would have fewer than 20 words.
    """
    text, best = answer.reflection.text, None
    n_words = [len(text[a:b].split()) for a, b in answer.sentences]
    for i, (start, end) in list(enumerate(answer.sentences))[1:]:
        if min(sum(n_words[:i]), sum(n_words[i:])) < MIN_PART_WORDS:
            continue
        cost = abs(sum(n_words[:i]) / sum(n_words) - 0.5)
        cost -= 0.15 if PARAGRAPH in text[max(0, start - 2) : start] else 0
        cost -= 0.1 if cue(text[start:end]) else 0
        best = min(best or (cost, start), (cost, start))
    return best[1] if best else None


def _lead(gap: str) -> str:
    return PARAGRAPH if _EMPTY_LINE.search(gap) else " "
