"""The rows of a person, or of one answer, in the reflections database.

Which tables these lie in is known by `tables`. A question's row is nobody's own and stays. A
fact has no question: with a single answer go the facts that quote it, with the person all.

Shape: Wish -> {table: number of rows}, or the answers' texts; and their deletion.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select
from sqlalchemy.exc import DatabaseError, IntegrityError

from echoes_lib.deletion.tables import (
    FACTS,
    RESPONSES,
    Held,
    find_answers,
    held_tables,
    tables_left,
)
from echoes_lib.deletion.words import Runs, text_holds
from echoes_lib.errors import BadRow, DataError
from echoes_lib.params import Source
from echoes_lib.reflections.sources.connect import opened, reading
from echoes_lib.reflections.sources.questions import shipped_questions
from echoes_lib.reflections.sources.rows import question_id
from echoes_lib.reflections.sources.tables import Tables

Chosen = Iterator[tuple[Held, list[ColumnElement]]]


@dataclass(frozen=True)
class Wish:
    """What is to be forgotten: a person, or one answer of theirs.

    The answers lie in the database, in tables of the names that `source` gives.
    """

    user_id: str
    question_id: int | None
    database_url: str
    source: Source = field(default_factory=Source)

    @property
    def shown(self) -> str:
        """The wish in words, as it is written into tags: `all` or the question's id."""
        return "all" if self.question_id is None else str(self.question_id)


@dataclass(frozen=True)
class Texts:
    """The answers to be forgotten, and texts whose words are not theirs alone."""

    wanted: list[str]
    common: list[str]


def count_rows(wish: Wish, words: Runs) -> dict[str, int]:
    """Count the rows that go, by table; tables without any are left out.

    Args:
        wish: whose.
        words: what the answers are recognised by, for the facts that quote one.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: there are no answers under the names in force.
    """
    counts = {}
    with reading(wish.database_url) as engine, engine.connect() as connection:
        tables = find_answers(engine, wish.source)
        for held, conditions in _chosen(connection, tables, wish, words):
            there = select(func.count()).select_from(held.table).where(*conditions)
            counts[held.name] = connection.scalar(there) or 0
    return {name: n for name, n in counts.items() if n}


def read_texts(wish: Wish) -> Texts:
    """Read the answers that go, and the questions and answers that stay.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: there are no answers under the names in force.
    """
    wanted, common = [], []
    with reading(wish.database_url) as engine, engine.connect() as connection:
        tables = find_answers(engine, wish.source)
        for held, conditions in _chosen(connection, tables, wish, frozenset()):
            if held.text is not None:
                for text, goes in connection.execute(select(held.text, and_(*conditions))):
                    (wanted if goes else common).append(_as_text(text))
        common += _asked(connection, tables)
    return Texts(wanted, common)


def known_users(wish: Wish) -> list[str]:
    """Return the ids of all people of whom the wish's database has a row, sorted.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: there are no answers under the names in force.
    """
    with reading(wish.database_url) as engine, engine.connect() as connection:
        tables = find_answers(engine, wish.source)
        ids = [held.user_id for held in held_tables(engine, tables)]
        ids += [tables.column("users", "user_id")] if "users" in tables else []
        found = {i for each in ids for i in connection.scalars(select(each).distinct())}
    return sorted({str(each) for each in found if each is not None})


def untouched_tables(wish: Wish) -> list[str]:
    """Return the tables of people and questions that are somebody else's and stay as they are.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: there are no answers under the names in force.
    """
    with reading(wish.database_url) as engine:
        tables = find_answers(engine, wish.source)
        return tables_left(tables, held_tables(engine, tables))


def delete_rows(wish: Wish, words: Runs) -> dict[str, int]:
    """Delete the rows in one transaction; SQLite overwrites their bytes with zeros.

    Args:
        wish: whose.
        words: as for `count_rows`.

    Returns:
        Rows deleted, by table.

    Raises:
        NoDatabase: the database is locked, read-only or gone.
        DataError: the answers are a view that cannot be deleted from, or another table points
            to them; nothing was deleted.
    """
    counts = {}
    with opened(wish.database_url, write=True) as engine, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            connection.commit()
        tables = find_answers(engine, wish.source)
        for held, conditions in _chosen(connection, tables, wish, words):
            counts[held.name] = _delete(connection, held, conditions)
        connection.commit()
    return {name: n for name, n in counts.items() if n}


def _delete(connection: Connection, held: Held, conditions: list[ColumnElement]) -> int:
    try:
        return connection.execute(delete(held.table).where(*conditions)).rowcount
    except IntegrityError:
        raise DataError(
            f"rows of {held.name} are pointed to by another table, so no row was deleted: delete "
            "what points to them"
        ) from None
    except DatabaseError:
        if not held.is_view:
            raise
        raise DataError(
            f"{held.name} is a view that cannot be deleted from, so no row was deleted: delete "
            "them from the tables behind it, or name those as source.responses"
        ) from None


def _chosen(connection: Connection, tables: Tables, wish: Wish, words: Runs) -> Chosen:
    """Yield each table with the conditions that choose its rows, the answers first."""
    for held in held_tables(connection.engine, tables):
        mine = held.rows_of(wish.user_id)
        if wish.question_id is None:
            yield held, [mine]
        elif held.question_id is not None:
            ids = connection.scalars(select(held.question_id).where(mine).distinct())
            same = [each for each in ids if _is_question(each, wish.question_id)]
            yield held, [mine, held.question_id.in_(same)]
        elif held.name == FACTS and "fact" in (facts := held.table.c):
            rows = connection.execute(select(facts.fact_id, facts.fact).where(mine))
            quoting = [number for number, text in rows if text_holds(_as_text(text), words)]
            yield held, [mine, facts.fact_id.in_(quoting)]


def _is_question(value: Any, number: int) -> bool:
    """Compare ids as they are read: a server may keep them as decimals or texts."""
    try:
        return question_id(value, RESPONSES) == number
    except BadRow:
        return False


def _asked(connection: Connection, tables: Tables) -> list[str]:
    if tables.source.questions is None:
        return [asked.text for asked in shipped_questions()]
    if "questions" not in tables:
        return []
    texts = connection.scalars(select(tables.column("questions", "question_text")))
    return [_as_text(text) for text in texts]


def _as_text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "surrogateescape")
    return "" if value is None else str(value)
