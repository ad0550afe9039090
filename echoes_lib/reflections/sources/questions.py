"""Find the question that is meant: by its id, or by its words, whoever typed them.

Words are compared without case, punctuation and double blanks, and not by meaning: two
questions that only resemble each other stay two. The shipped questions are known even where
the database does not hold them yet.

Shape: stored and shipped questions -> Catalogue; question text -> question id or None.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from echoes_lib.reflections.sources.sample import read_lines
from echoes_lib.reflections.sources.schema import Question

OWN_CATEGORY = "own"
_APOSTROPHES = "'’‘ʼ`´"


@dataclass(frozen=True)
class Asked:
    """A question: its id, its theme and its words."""

    question_id: int
    category: str
    text: str


@lru_cache(maxsize=4096)  # a table repeats its questions for every person
def wording(question: str) -> str:
    """Return the words of a question in the form in which they are compared.

    Args:
        question: any text.

    Returns:
        Letters, their marks and digits in lower case, words parted by one blank; the text
        itself where it has none of them.

    >>> wording("What's  a “good” day?") == wording("what’s a good day")
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", question).casefold())
    kept = [
        ch if unicodedata.category(ch)[0] in "LMN" else " "
        for ch in folded
        if ch not in _APOSTROPHES
    ]
    return " ".join("".join(kept).split()) or question.strip()


def shipped_questions() -> list[Asked]:
    """Return the questions that ship with the project, in the order of their ids."""
    return [
        Asked(line["question_id"], line["category"], line["question_text"])
        for line in read_lines("questions")
    ]


def stored_questions(session: Session) -> list[Asked]:
    """Return the questions of the database, in the order of their ids."""
    q = Question.__table__.c
    rows = session.execute(select(q.question_id, q.category, q.question_text))
    return sorted(
        (Asked(number, category or "", text or "") for number, category, text in rows),
        key=lambda asked: asked.question_id,
    )


@dataclass
class Catalogue:
    """All known questions; `added` are those that the database does not hold yet.

    A shipped question counts as known by its words, and by its id too unless a stored one
    has that id; where its words are stored under another id, that one is meant.
    """

    stored: dict[int, Asked]
    shipped: dict[int, Asked] = field(default_factory=dict)
    added: dict[int, Asked] = field(default_factory=dict)
    _by_words: dict[str, int] = field(default_factory=dict)
    _shipped_by_words: dict[str, Asked] = field(default_factory=dict)
    _highest: int = 0

    @classmethod
    def of(cls, stored: Iterable[Asked], shipped: Iterable[Asked]) -> "Catalogue":
        """Build a catalogue; of stored questions with the same words the lowest id counts."""
        book = cls({asked.question_id: asked for asked in stored})
        for asked in book.stored.values():
            book._by_words.setdefault(wording(asked.text), asked.question_id)
        book.shipped = {asked.question_id: asked for asked in shipped}
        book._shipped_by_words = {wording(asked.text): asked for asked in book.shipped.values()}
        book._highest = max([0, *book.stored, *book.shipped])
        return book

    def get(self, question_id: int) -> Asked | None:
        """Return the stored or just added question of an id, else the shipped one."""
        known = self.stored.get(question_id) or self.added.get(question_id)
        return known or self.shipped.get(question_id)

    def ships(self, question: str) -> bool:
        """Whether a question with these words ships with the project."""
        return wording(question) in self._shipped_by_words

    def find(self, question: str) -> int | None:
        """Return the id of the question with these words, adding a shipped one if it is that."""
        words = wording(question)
        if words not in self._by_words:
            if words not in self._shipped_by_words:
                return None
            self.adopt(self._shipped_by_words[words])
        return self._by_words[words]

    def adopt(self, asked: Asked) -> Asked:
        """Return the stored or added question with a shipped one's words, adding it if need be.

        It keeps its id unless another question has it; then it gets a new one.
        """
        words = wording(asked.text)
        if words in self._by_words:
            return self.get(self._by_words[words])
        if asked.question_id in self.stored or asked.question_id in self.added:
            return self.add(None, asked.category, asked.text)
        return self.add(asked.question_id, asked.category, asked.text)

    def reserve(self, question_ids: Iterable[int]) -> None:
        """Keep ids free for questions that come later."""
        self._highest = max([self._highest, *question_ids])

    def add(self, question_id: int | None, category: str, text: str) -> Asked:
        """Add a question; without an id it gets the next above all that are known."""
        if question_id is None:
            question_id = self._highest + 1
        self._highest = max(self._highest, question_id)
        self.added[question_id] = Asked(question_id, category, text)
        words = wording(text)
        # The lowest id, as `of` has it: the next reading of the database must agree.
        self._by_words[words] = min(question_id, self._by_words.get(words, question_id))
        return self.added[question_id]
