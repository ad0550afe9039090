"""Read the phrase banks and the themes from their text files.

`words.txt` holds banks: `## name`, then entries, one line each or several with
semicolons between; `stories.txt` the same for small stories and thoughts that
fit anywhere, `verbs.txt` for phrases that begin with a verb. `themes/*.txt` hold
topics: `## name`, then one frame per line, and the first character says what
the line is for:

    ?  a question, with `=>` the sentence that takes up its words
    >  another way to begin
    -  what happened, in the order in which it may be told
    *  what was understood
    !  an ending
    +  a follow-up question, with `=>` its first sentence

A topic named `something | short` is answered in two or three sentences.

What it does not do: expand frames (`grammar`) or order them (`conversations`).

Shape: folder -> Library(banks, topics, followups).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from echoes_lib.models.seedling.corpus.inflect import forms

__all__ = ["Library", "Topic", "read_library"]

FOLDER = Path(__file__).resolve().parent
MARKS = {
    "?": "questions",
    ">": "openings",
    "-": "events",
    "*": "lessons",
    "!": "endings",
    "+": "followups",
}
Pair = tuple[str, str]


@dataclass
class Topic:
    """One thing to be asked about, with the frames to answer it.

    Attributes:
        name: Its heading.
        short: Whether two or three sentences are enough.
        questions: (question, first sentence) frames.
        openings: Frames for a beginning that does not repeat the question.
        events: Frames in telling order.
        lessons: Frames for what was understood.
        endings: Frames for a last sentence.
        followups: (question, first sentence) frames.
    """

    name: str
    short: bool = False
    questions: list[Pair] = field(default_factory=list)
    openings: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    lessons: list[str] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    followups: list[Pair] = field(default_factory=list)


@dataclass(frozen=True)
class Library:
    """Everything that was written for the corpus.

    Attributes:
        banks: Entries by bank name.
        topics: Topics with questions.
        followups: Follow-ups that fit any topic.
    """

    banks: dict[str, list[str]]
    topics: list[Topic]
    followups: list[Pair]


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _read_banks(path: Path) -> dict[str, list[str]]:
    banks: dict[str, list[str]] = {}
    name = ""
    for line in _lines(path):
        if line.startswith("## "):
            name = line[3:]
        else:
            entries = (entry.strip() for entry in line.split(";"))
            banks.setdefault(name, []).extend(entry for entry in entries if entry)
    return banks


def _read_topics(path: Path) -> list[Topic]:
    topics: list[Topic] = []
    for line in _lines(path):
        if line.startswith("## "):
            name, _, flag = line[3:].partition(" | ")
            topics.append(Topic(name=name, short=flag == "short"))
        else:
            _add_frame(topics[-1], line, path)
    return topics


def _add_frame(topic: Topic, line: str, path: Path) -> None:
    kind = MARKS.get(line[0])
    if kind is None:
        raise ValueError(f"{path.name}: {line!r} starts with none of {' '.join(MARKS)}")
    frame = line[1:].strip()
    if kind in ("questions", "followups"):
        question, arrow, answer = frame.partition("=>")
        if not arrow:
            raise ValueError(f"{path.name}: {line!r} has no => with its first sentence")
        getattr(topic, kind).append((question.strip(), answer.strip()))
    else:
        getattr(topic, kind).append(frame)


@lru_cache(maxsize=1)
def read_library(folder: Path = FOLDER) -> Library:
    """Read all banks and themes.

    Args:
        folder: Holds `words.txt`, `verbs.txt`, `stories.txt` and `themes/`.

    Returns:
        The library; read once per process.

    Raises:
        ValueError: A line of a theme has no known mark, or a question no answer.
    """
    banks = _read_banks(folder / "words.txt") | _read_banks(folder / "stories.txt")
    # verbs.txt names each deed once; a slot asks for its past or -ing form by number.
    for name, phrases in _read_banks(folder / "verbs.txt").items():
        banks[name] = [forms(phrase) for phrase in phrases]
    # A person's own `trade` hides the shared one; `craft` is somebody else's trade.
    banks["craft"] = banks["trade"]
    paths = sorted((folder / "themes").glob("*.txt"))
    topics = [topic for path in paths for topic in _read_topics(path)]
    general = [pair for topic in topics if not topic.questions for pair in topic.followups]
    return Library(banks, [topic for topic in topics if topic.questions], general)
