"""Read one person's answers from the reflections database.

Reads only: SQLite files are opened read-only, and nothing here writes. Imports neither
pandas nor torch, so that a command can ask for the content hash in no time.

Shape: database_url, user_id -> Person(user_id, name, reflections in the order of questions).
"""

import difflib
import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import Engine, Inspector, inspect, select

from echoes_lib.errors import MissingColumn, NoAnswers, NoSuchUser
from echoes_lib.reflections.connect import reading
from echoes_lib.reflections.schema import Question, User, UserResponse

NEEDED = {
    "user_responses": ("user_id", "question_id", "response_text", "response_time_seconds"),
    "questions": ("question_id", "category", "question_text"),
}
SHOWN_USERS = 12


@dataclass(frozen=True)
class Reflection:
    """A reflection: an answer with its question. `seconds` is None where no time is known."""

    question_id: int
    category: str
    question: str
    text: str
    seconds: float | None


@dataclass(frozen=True)
class Person:
    """One person with all answers, in the order of questions."""

    user_id: str
    name: str
    reflections: tuple[Reflection, ...]

    @property
    def source_hash(self) -> str:
        """Return the sha256 of all that the pipeline reads of this person."""
        rows = [
            [a.question_id, a.category, a.question, a.text, a.seconds] for a in self.reflections
        ]
        content = json.dumps([self.user_id, self.name, rows], ensure_ascii=False)
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def read_person(database_url: str, user_id: str) -> Person:
    """Read one person's answers, joined with their questions.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose answers.

    Returns:
        The person with at least one answer.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: a table or a column is not there.
        NoSuchUser: the database holds nobody of that name.
        NoAnswers: the person is known but has not answered.
    """
    with reading(database_url) as engine:
        tables = _check_tables(engine)
        answers = _answers(engine, user_id)
        if not answers:
            raise _nobody(user_id, _users(engine, tables), _has_rows(engine, user_id))
        return Person(user_id, _name(engine, tables, user_id), answers)


def list_users(database_url: str) -> list[str]:
    """Return the ids of all people in the database, sorted.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: a table or a column is not there.
    """
    with reading(database_url) as engine:
        return _users(engine, _check_tables(engine))


def content_hash(database_url: str, user_id: str) -> str:
    """Hash what the pipeline reads of one person, to see whether anything has changed.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose answers.

    Returns:
        sha256 as 64 hex digits; the `source_hash` of the dataset's manifest.

    Raises:
        DataError: as `read_person`.
    """
    return read_person(database_url, user_id).source_hash


def _check_tables(engine: Engine) -> dict[str, set[str]]:
    inspector = inspect(engine)
    tables = {name: _columns(inspector, name) for name in inspector.get_table_names()}
    tables |= {name: _columns(inspector, name) for name in inspector.get_view_names()}
    for table, needed in NEEDED.items():
        if table not in tables:
            found = ", ".join(sorted(tables)) or "none"
            raise MissingColumn(
                f"the database has no table {table} (tables found: {found}): create it with "
                f"the columns {', '.join(needed)}, or run `echoes sample` to see one"
            )
        missing = [column for column in needed if column not in tables[table]]
        if missing:
            raise MissingColumn(
                f"table {table} lacks the column(s) {', '.join(missing)} (found: "
                f"{', '.join(sorted(tables[table]))}): add or rename them"
            )
    return tables


def _columns(inspector: Inspector, table: str) -> set[str]:
    return {column["name"] for column in inspector.get_columns(table)}


def _answers(engine: Engine, user_id: str) -> tuple[Reflection, ...]:
    r, q = UserResponse.__table__.c, Question.__table__.c
    rows = (
        select(r.question_id, q.category, q.question_text, r.response_text, r.response_time_seconds)
        .join_from(UserResponse.__table__, Question.__table__, r.question_id == q.question_id)
        .where(r.user_id == user_id)
    )
    with engine.connect() as connection:
        found = [
            Reflection(number, category or "", question or "", text or "", seconds)
            for number, category, question, text, seconds in connection.execute(rows)
        ]
    # Sorted here and not by the database, whose collation of texts is its own.
    return tuple(sorted(found, key=lambda a: (a.question_id, a.text, a.seconds or 0.0)))


def _has_rows(engine: Engine, user_id: str) -> bool:
    column = UserResponse.__table__.c.user_id
    rows = select(column).where(column == user_id).limit(1)
    with engine.connect() as connection:
        return connection.execute(rows).first() is not None


def _users(engine: Engine, tables: dict[str, set[str]]) -> list[str]:
    with engine.connect() as connection:
        ids = set(connection.scalars(select(UserResponse.__table__.c.user_id).distinct()))
        if "user_id" in tables.get("users", ()):
            ids |= set(connection.scalars(select(User.__table__.c.user_id)))
    return sorted(ids)


def _name(engine: Engine, tables: dict[str, set[str]], user_id: str) -> str:
    name = None
    if {"user_id", "name"} <= tables.get("users", set()):
        u = User.__table__.c
        with engine.connect() as connection:
            name = connection.scalar(select(u.name).where(u.user_id == user_id))
    return name or user_id.capitalize()


def _nobody(user_id: str, users: list[str], has_rows: bool) -> Exception:
    if has_rows:
        return NoAnswers(
            f"user {user_id} has answers, but to no question that the table questions knows: "
            "add the questions by their question_id"
        )
    if user_id in users:
        return NoAnswers(f"user {user_id} has no answer yet: add rows to user_responses")
    if not users:
        return NoSuchUser(
            f"user_id={user_id!r} is not in the database, which holds nobody yet: run "
            "`echoes sample`, or add rows to user_responses"
        )
    shown = ", ".join(users[:SHOWN_USERS]) + (
        f" and {len(users) - SHOWN_USERS} more" if len(users) > SHOWN_USERS else ""
    )
    close = difflib.get_close_matches(user_id.lower(), users, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "choose one of them"
    return NoSuchUser(f"user_id={user_id!r} is not in the database, which holds {shown}: {hint}")
