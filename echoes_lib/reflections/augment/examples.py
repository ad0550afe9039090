"""What an example is: a conversation whose every assistant word can be traced to an answer.

Shape: parts -> Turn; turns -> Example; example -> (question id, sentence start) it uses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from echoes_lib.measures.words import Span
from echoes_lib.reflections.augment.parts import Part


@dataclass(frozen=True)
class Turn:
    """What is asked, and the person's words that follow, part by part."""

    asked: str
    parts: tuple[Part, ...]

    @property
    def said(self) -> str:
        """The parts with the white space between them."""
        return "".join(part.lead + part.said for part in self.parts)


@dataclass(frozen=True)
class Example:
    """A conversation to learn from."""

    example_id: str
    kind: str
    category: str
    turns: tuple[Turn, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all turns, in order."""
        return tuple(part for turn in self.turns for part in turn.parts)

    @property
    def question_ids(self) -> list[int]:
        """Return the questions whose answers it holds, in order."""
        return list(dict.fromkeys(part.question_id for part in self.parts))


def is_own(turn: Turn, texts: Mapping[int, str]) -> bool:
    """Say whether a turn holds nothing but unchanged spans of a person's answers.

    Args:
        turn: of an example.
        texts: question id -> the answer.
    """
    return all(
        not part.lead.strip()
        and texts.get(part.question_id, "")[part.start : part.end] == part.said
        for part in turn.parts
    )


def sentences_used(
    example: Example, spans: Mapping[int, Sequence[Span]]
) -> Iterator[tuple[int, int]]:
    """Yield (question id, start) of every sentence that an example holds, wholly or in part."""
    for part in example.parts:
        for start, end in spans[part.question_id]:
            if start < part.end and part.start < end:
                yield part.question_id, start
