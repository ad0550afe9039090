"""Ask one person the shipped questions: what is answered, what comes next, save each answer.

Every answer is saved in a transaction of its own, so that stopping at any moment costs at
most the answer in hand, and that one is kept as a draft. The person's row is written with
the first answer, not before. Reads no keyboard and shows nothing; see `cli.reflect`.

Shape: database_url, user_id -> Questionnaire; question id, text, seconds -> a row.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from filelock import FileLock, Timeout
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from echoes_lib.errors import DataError
from echoes_lib.reflections.intake.check import MAX_ANSWER_CHARS, SURROGATE
from echoes_lib.reflections.intake.drafts import Draft, Drafts
from echoes_lib.reflections.intake.importing import check_user
from echoes_lib.reflections.sources.migrate import transaction, writing
from echoes_lib.reflections.sources.questions import (
    Asked,
    Catalogue,
    shipped_questions,
    stored_questions,
)
from echoes_lib.reflections.sources.schema import Consent, Question, User, UserResponse

PAUSE_S = 300.0  # longer without a key is an absence, not thinking


class Stopwatch:
    """Active seconds: gaps between two keys count up to `PAUSE_S`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._last = clock()
        self._seconds = 0.0

    def touch(self) -> float:
        """Note a sign of life; return the active seconds so far."""
        now = self._clock()
        self._seconds += min(now - self._last, PAUSE_S)
        self._last = now
        return self._seconds


@dataclass
class Questionnaire:
    """The questions in order, one person's answers to them, and where they are kept."""

    engine: Engine
    user_id: str
    name: str | None
    questions: list[Asked]
    drafts: Drafts
    answers: dict[int, Draft] = field(default_factory=dict)
    has_consent: bool = False
    is_sample: bool = False

    def position(self, question_id: int) -> int:
        """Return the place of a question among those asked, from 1."""
        return [asked.question_id for asked in self.questions].index(question_id) + 1

    def waiting(self) -> list[Asked]:
        """Return the questions without an answer, and those with a draft, in order."""
        return [
            asked
            for asked in self.questions
            if asked.question_id not in self.answers or self.draft(asked.question_id)
        ]

    def before(self, question_id: int) -> Asked | None:
        """Return the answered question that comes last before another one."""
        earlier = self.questions[: self.position(question_id) - 1]
        return next((q for q in reversed(earlier) if q.question_id in self.answers), None)

    def draft(self, question_id: int) -> Draft | None:
        """Return a draft, unless it is what is saved already."""
        draft, answer = self.drafts.read(question_id), self.answers.get(question_id)
        return None if draft and answer and draft.text == answer.text else draft

    def keep_draft(self, question_id: int, text: str, seconds: float | None) -> bool:
        """Keep half-written words; none, or those of the saved answer, drop the draft.

        Returns:
            Whether there is a draft now.

        Raises:
            OSError: it cannot be written.
        """
        answer = self.answers.get(question_id)
        if not text.strip() or (answer and answer.text == text):
            self.drafts.drop(question_id)
            return False
        self.drafts.keep(question_id, Draft(text, seconds))
        return True

    def save(self, question_id: int, text: str, seconds: float | None) -> None:
        """Save an answer over the one before, in a transaction of its own.

        Args:
            question_id: one of the questions.
            text: what was written; not blank.
            seconds: active time spent on it, None where a part of it is not known.

        Raises:
            DataError: the text cannot be stored.
            sqlalchemy.exc.DatabaseError: nor can the database; the answer before stays.
        """
        _check_text(text)
        with transaction(self.engine) as session:
            person = session.get(User, self.user_id)
            if person is None:
                row = {"user_id": self.user_id, "name": self.name or self.user_id.capitalize()}
                session.execute(insert(User), [row | {"source": "person"}])
            elif self.name:
                person.name = self.name
            session.merge(
                UserResponse(
                    user_id=self.user_id,
                    question_id=question_id,
                    response_text=text,
                    word_count=len(text.split()),
                    response_time_seconds=None if seconds is None else max(round(seconds, 1), 0.1),
                )
            )
        self.answers[question_id] = Draft(text, seconds)
        self.drafts.drop(question_id)


@contextmanager
def questionnaire(
    database_url: str, user_id: str, name: str | None = None, category: str | None = None
) -> Iterator[Questionnaire]:
    """Open a person's questionnaire; the shipped questions are stored where they are missing.

    Args:
        database_url: any SQLAlchemy URL; a missing SQLite file is made.
        user_id: who answers; they need not be known yet.
        name: their display name.
        category: only the questions of one theme.

    Yields:
        The questionnaire, while nobody else on this machine has the same one open.

    Raises:
        BadSource: the user id cannot be used.
        DataError: an unknown category, an id that differs in case from a known one, or the
            questionnaire is open elsewhere.
        NoDatabase: the database cannot be used.
    """
    check_user(user_id)
    with writing(database_url) as engine:
        drafts = Drafts(database_url, user_id)
        with _alone(drafts, user_id):
            with transaction(engine) as session:
                _refuse_case(session, user_id)
                questions = _store_questions(session, category)
                form = Questionnaire(engine, user_id, name, questions, drafts)
                form.answers = _answers(session, user_id)
                person = session.get(User, user_id)
                form.is_sample = person is not None and person.source == "sample"
                wanted = select(Consent.user_id).where(Consent.user_id == user_id)
                form.has_consent = session.execute(wanted).first() is not None
            yield form


@contextmanager
def _alone(drafts: Drafts, user_id: str) -> Iterator[None]:
    lock = FileLock(drafts.folder / f"{drafts.prefix}.lock", timeout=0)
    try:
        drafts.make_folder()
        lock.acquire()
    except Timeout:
        raise DataError(
            f"another `echoes reflect --user {user_id}` is open: end it, then try again"
        ) from None
    except OSError as error:
        raise DataError(
            f"drafts cannot be kept in {drafts.folder} ({error.strerror}): check the folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _store_questions(session: Session, category: str | None) -> list[Asked]:
    book = Catalogue.of(stored_questions(session), shipped_questions())
    questions = [book.adopt(asked) for asked in shipped_questions()]
    rows = [
        {"question_id": q.question_id, "category": q.category, "question_text": q.text}
        for q in book.added.values()
    ]
    if rows:
        session.execute(insert(Question), rows)
    chosen = [asked for asked in questions if category in (None, asked.category)]
    if not chosen:
        known = ", ".join(dict.fromkeys(asked.category for asked in questions))
        raise DataError(f"--category {category!r} is not one of {known}: choose one of these")
    return chosen


def _answers(session: Session, user_id: str) -> dict[int, Draft]:
    r = UserResponse.__table__.c
    wanted = (r.question_id, r.response_text, r.response_time_seconds)
    rows = session.execute(select(*wanted).where(r.user_id == user_id))
    return {number: Draft(text, seconds) for number, text, seconds in rows if (text or "").strip()}


def _refuse_case(session: Session, user_id: str) -> None:
    ids = set(session.scalars(select(User.user_id)))
    ids |= set(session.scalars(select(UserResponse.user_id).distinct()))
    like = sorted(known for known in ids if known.casefold() == user_id.casefold())
    if like and user_id not in like:
        raise DataError(
            f"--user {user_id} differs only in case from {like[0]}, who is known: write it so"
        )


def _check_text(text: str) -> None:
    if "\0" in text or SURROGATE.search(text):
        raise DataError(
            "the answer holds a NUL or a byte that is not UTF-8: set the terminal to UTF-8; the "
            "words are kept as a draft"
        )
    if len(text) > MAX_ANSWER_CHARS:
        raise DataError(
            f"the answer has {len(text)} characters, more than {MAX_ANSWER_CHARS}: shorten it; "
            "the words are kept as a draft"
        )
