"""Read people's answers from the reflections database.

Reads only: SQLite files are opened read-only, and nothing here writes. Imports neither
pandas nor torch, so that a command can ask for the content hash in no time.

Shape: database_url, user_id -> Person(user_id, name, reflections in the order of questions);
or all people one after another, rows fetched in batches.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Select, String, cast, func, select

from echoes_lib.errors import BadRow, DataError
from echoes_lib.params import Source
from echoes_lib.reflections.sources import rows
from echoes_lib.reflections.sources.connect import reading
from echoes_lib.reflections.sources.nobody import nobody
from echoes_lib.reflections.sources.questions import shipped_questions
from echoes_lib.reflections.sources.tables import Tables, find_tables

Questions = dict[int, tuple[str, str]]  # id -> category, text
BATCH_ROWS = 2000


@dataclass(frozen=True)
class Reflection:
    """A reflection: an answer with its question. `seconds` is None where no time is known.

    `word_count` is what the store claims, for the record alone: the pipeline counts.
    """

    question_id: int
    category: str
    question: str
    text: str
    seconds: float | None
    word_count: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Person:
    """One person with all answers, in the order of questions.

    `unknown_questions` are the ids of answers that were left out because no such question is
    known.
    """

    user_id: str
    name: str
    reflections: tuple[Reflection, ...]
    unknown_questions: tuple[int, ...] = ()

    @property
    def source_hash(self) -> str:
        """Return the sha256 of all that the pipeline reads of this person."""
        return _digest([self.user_id, self.name, [_row(a) for a in self.reflections]])

    @property
    def row_hashes(self) -> dict[int, str]:
        """Return the sha256 of each row, by question id; it tells which answers changed."""
        return {a.question_id: _digest([self.user_id, *_row(a)]) for a in self.reflections}


def _row(a: Reflection) -> list[Any]:
    return [a.question_id, a.category, a.question, a.text, a.seconds]


def _digest(content: list[Any]) -> str:
    text = json.dumps(content, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def read_person(database_url: str, user_id: str, source: Source | None = None) -> Person:
    """Read one person's answers, joined with their questions.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose answers.
        source: what the tables and columns are called; None for the project's own names.

    Returns:
        The person with at least one answer.

    Raises:
        NoDatabase: there is none at the URL, or it went away.
        MissingColumn: a table or a column is not there.
        BadRow: a value cannot be an id, a text or a time.
        NoSuchUser: the database holds nobody of that name.
        NoAnswers: the person is known but has not answered.
    """
    with reading(database_url) as engine:
        tables = find_tables(engine, source or Source())
        found = list(_people(engine, tables, user_id))
        if not found or not found[0].reflections:
            raise nobody(user_id, _users(engine, tables), has_rows=bool(found))
        _refuse_twins(engine, tables, user_id)
    return found[0]


def read_people(
    database_url: str, source: Source | None = None, batch_rows: int = BATCH_ROWS
) -> Iterator[Person]:
    """Read everybody who has answered, one person after another.

    Args:
        database_url: any SQLAlchemy URL.
        source: what the tables and columns are called; None for the project's own names.
        batch_rows: answers that are held in memory at a time, beside those of one person.

    Yields:
        People in the database's order of ids; those whose every question is unknown have no
        reflections.

    Raises:
        DataError: as `read_person`.
    """
    with reading(database_url) as engine:
        yield from _people(engine, find_tables(engine, source or Source()), None, batch_rows)


def list_users(database_url: str, source: Source | None = None) -> list[str]:
    """Return the ids of all people in the database, sorted.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: a table or a column is not there.
    """
    with reading(database_url) as engine:
        return _users(engine, find_tables(engine, source or Source()))


def content_hash(database_url: str, user_id: str, source: Source | None = None) -> str:
    """Hash what the pipeline reads of one person, to see whether anything has changed.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose answers.
        source: what the tables and columns are called; None for the project's own names.

    Returns:
        sha256 as 64 hex digits; the `source_hash` of the dataset's manifest.

    Raises:
        DataError: as `read_person`.
    """
    return read_person(database_url, user_id, source).source_hash


def _people(
    engine: Engine, tables: Tables, user_id: str | None, batch_rows: int = BATCH_ROWS
) -> Iterator[Person]:
    with engine.connect() as connection:
        questions = _questions(connection, tables)
        names = _names(connection, tables, user_id)
        stream = connection.execution_options(yield_per=batch_rows)
        found = stream.execute(_answers(tables, user_id))
        for writer, answers in groupby(found, key=lambda row: row.user_id):
            who = str(writer)
            yield _person(who, names.get(who) or who.capitalize(), answers, questions)


def _person(user_id: str, name: str, answers: Iterable[Any], questions: Questions) -> Person:
    known: list[Reflection] = []
    unknown: list[int] = []
    for row in answers:
        number = rows.question_id(row.question_id, "user_responses")
        if number not in questions:
            unknown.append(number)
            continue
        said = rows.text(row.response_text, "response_text", number)
        took = rows.seconds(row.response_time_seconds, "response_time_seconds", number)
        known.append(Reflection(number, *questions[number], said, took, rows.count(row[4])))
    # Sorted here and not by the database, whose collation of texts is its own.
    known.sort(key=lambda a: (a.question_id, a.text, a.seconds or 0.0))
    return Person(user_id, name, tuple(known), tuple(sorted(unknown)))


def _answers(tables: Tables, user_id: str | None) -> Select:
    fields = ("user_id", "question_id", "response_text", "response_time_seconds")
    count = tables.optional("user_responses", "word_count")
    wanted = select(*(tables.column("user_responses", field) for field in fields), count)
    if user_id is not None:
        return wanted.where(tables.is_user("user_responses", user_id))
    return wanted.order_by(tables.column("user_responses", "user_id"))


def _questions(connection: Connection, tables: Tables) -> Questions:
    if "questions" not in tables:
        return {asked.question_id: (asked.category, asked.text) for asked in shipped_questions()}
    fields = ("question_id", "category", "question_text")
    found: Questions = {}
    for row in connection.execute(select(*(tables.column("questions", f) for f in fields))):
        number = rows.question_id(row.question_id, "questions")
        category = rows.text(row.category, "category", number)
        asked = category, rows.text(row.question_text, "question_text", number)
        if found.setdefault(number, asked) != asked:
            raise BadRow(
                f"question_id={number} stands twice in table questions, with different texts: "
                "give each question an id of its own"
            )
    return found


def _names(connection: Connection, tables: Tables, user_id: str | None) -> dict[str, str]:
    if "users" not in tables:
        return {}
    wanted = select(*(tables.column("users", field) for field in ("user_id", "name")))
    if user_id is not None:
        wanted = wanted.where(tables.is_user("users", user_id))
    return {str(row.user_id): str(row.name or "") for row in connection.execute(wanted)}


def _users(engine: Engine, tables: Tables) -> list[str]:
    with engine.connect() as connection:
        columns = [tables.column(name, "user_id") for name in ("user_responses", "users")
                   if name in tables]  # fmt: skip
        ids = {str(i) for c in columns for i in connection.scalars(select(c).distinct())}
    return sorted(ids)


def _refuse_twins(engine: Engine, tables: Tables, user_id: str) -> None:
    ids = tables.column("user_responses", "user_id")
    alike = select(ids).distinct().where(func.lower(cast(ids, String)) == user_id.lower())
    with engine.connect() as connection:
        twins = sorted(set(map(str, connection.scalars(alike))) - {user_id})
    if twins:
        raise DataError(
            f"user_id={user_id!r} and {twins[0]!r} differ in capitals alone, and their results "
            "would share a folder on some systems: rename one of them"
        )
