"""Read the material: names and places from `lives.txt`, stories from `questions/*.txt`.

`lives.txt` holds banks: `## name`, then entries with semicolons between. Each file of
`questions/` holds what people say to one reflection question, one item a line, and the first
character says what the line is:

    #  a title
    ?  a way to ask
    >  a sentence that can stand before any story of the file
    !  a sentence that can stand after any of them
    @  the head of a story: voice, then what must be true of the teller; the next line is the story
    +  a follow-up question to the story above, with `=>` its answer

What a story presupposes is read from its words too: who says "my wife" has one.

What it does not do: expand frames (`grammar`) or order them (`conversations`).

Shape: folder -> Library(banks, topics).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from echoes_lib.models.seedling.corpus.grammar import Frame, frame, sentence_frames
from echoes_lib.models.seedling.corpus.style import VOICES

__all__ = ["Library", "Story", "Topic", "read_library", "read_topic"]

FOLDER = Path(__file__).resolve().parent
LINES = {"?": "questions", ">": "openings", "!": "endings"}
TAGS = frozenset(
    ("widowed", "divorced", "single", "childless", "believer", "unbeliever", "young", "old")
)
TRADE = re.compile(r"trade=([a-z ]+?)(?= (?:" + "|".join(sorted(TAGS)) + r")\b|$)")
PRESUPPOSED = {
    trait: re.compile(rf"\bmy {trait}\b|\[{trait}\]", re.IGNORECASE)
    for trait in ("wife", "husband", "son", "daughter")
}


@dataclass(frozen=True)
class Story:
    """What one person told.

    Attributes:
        voice: The voice that it is written in.
        needs: Traits without which it cannot be this person's story.
        sentences: A frame for each sentence.
        followups: Pairs of a question's frame and its answer's frames.
    """

    voice: str
    needs: frozenset[str]
    sentences: tuple[Frame, ...]
    followups: list[tuple[Frame, tuple[Frame, ...]]] = field(default_factory=list)


@dataclass
class Topic:
    """One question with all that was written for it.

    Attributes:
        title: Its heading.
        questions: Frames of ways to ask it.
        openings: Frames of sentences before a story.
        endings: Frames of sentences after a story.
        stories: The stories.
    """

    title: str
    questions: list[Frame] = field(default_factory=list)
    openings: list[Frame] = field(default_factory=list)
    endings: list[Frame] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)


@dataclass(frozen=True)
class Library:
    """Everything that was written for the corpus.

    Attributes:
        banks: Names and places, by kind.
        topics: The questions, in the order of their files.
    """

    banks: dict[str, list[str]]
    topics: list[Topic]


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _read_banks(path: Path) -> dict[str, list[str]]:
    banks: dict[str, list[str]] = {}
    name = ""
    for line in _lines(path):
        if line.startswith("## "):
            name = line[3:]
        else:
            banks.setdefault(name, []).extend(entry.strip() for entry in line.split(";"))
    return banks


def read_topic(path: Path) -> Topic:
    """Read one file of `questions/`.

    Raises:
        ValueError: A line has no known mark, a head names no voice or an unknown tag, a
            follow-up stands before any story or has no answer, or braces do not match.
    """
    lines = iter(_lines(path))
    topic = Topic(next(lines).lstrip("# "))
    try:
        for line in lines:
            _add(topic, line, lines)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    return topic


def _add(topic: Topic, line: str, rest: Iterator[str]) -> None:
    mark, text = line[0], line[1:].strip()
    if mark in LINES:
        getattr(topic, LINES[mark]).append(frame(text))
    elif mark == "@":
        topic.stories.append(_story(text, next(rest, "")))
    elif mark == "+" and topic.stories and "=>" in text:
        question, _, answer = text.partition("=>")
        _add_followup(topic.stories, question.strip(), answer.strip())
    else:
        raise ValueError(f"{line[:60]!r} is no line of a topic: see library.py")


def _story(head: str, text: str) -> Story:
    trade = TRADE.search(head)
    voice, *tags = TRADE.sub("", head).split() or [""]
    if voice not in VOICES or not TAGS.issuperset(tags):
        raise ValueError(f"'@ {head}' wants one of {', '.join(VOICES)}, then tags")
    given = frozenset([*tags, trade[0]] if trade else tags)
    return Story(voice, given | _presupposed(text, given), sentence_frames(text))


def _presupposed(text: str, given: frozenset[str]) -> frozenset[str]:
    """Return the family that a text speaks of; a widower's wife is no wife of today."""
    past = {"wife", "husband"} if given & {"widowed", "divorced", "single"} else set()
    return frozenset(trait for trait, words in PRESUPPOSED.items() if words.search(text)) - past


def _add_followup(stories: list[Story], question: str, answer: str) -> None:
    story = stories[-1]
    story.followups.append((frame(question), sentence_frames(answer)))
    stories[-1] = replace(story, needs=story.needs | _presupposed(answer, story.needs))


@lru_cache(maxsize=1)
def read_library(folder: Path = FOLDER) -> Library:
    """Read all of it; once per process.

    Args:
        folder: Holds `lives.txt` and `questions/`.

    Raises:
        ValueError: See `read_topic`.
    """
    paths = sorted((folder / "questions").glob("*.txt"))
    return Library(_read_banks(folder / "lives.txt"), [read_topic(path) for path in paths])
