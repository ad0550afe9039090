"""The rows of a person, or of one answer, in the reflections database.

Touches the project's own tables only, and of those the ones that are there. A question's row in
`questions` is nobody's own and stays. A fact has no question: with a single answer go the facts
that quote it, with the person all.

Shape: Wish -> {table: number of rows}, or the answers' texts; and their deletion.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, inspect, select
from sqlalchemy import column as named
from sqlalchemy import table as plain_table

from echoes_lib.deletion.words import Runs, text_holds
from echoes_lib.errors import NoDatabase
from echoes_lib.reflections.sources.connect import database_file, opened, reading
from echoes_lib.reflections.sources.schema import Consent, Fact, Probe, Question, User, UserResponse

# Children before those they point to.
FACTS = Fact.__tablename__
TABLES = tuple(kind.__tablename__ for kind in (UserResponse, Probe, Fact, Consent, User))


@dataclass(frozen=True)
class Wish:
    """What is to be forgotten: a person, or one answer of theirs; and where the answers lie."""

    user_id: str
    question_id: int | None
    database_url: str

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
    """
    counts = {}
    with reading(wish.database_url) as engine, engine.connect() as connection:
        for table in _tables(engine, wish):
            chosen = select(func.count()).select_from(table).where(*_conditions(table, wish))
            counts[table.name] = connection.scalar(chosen) or 0
        counts[FACTS] = counts.get(FACTS, 0) + len(_quoting(engine, connection, wish, words))
    return {name: n for name, n in counts.items() if n}


def read_texts(wish: Wish) -> Texts:
    """Read the answers that go, and the questions and answers that stay.

    Raises:
        NoDatabase: there is none at the URL.
    """
    wanted, common = [], []
    with reading(wish.database_url) as engine, engine.connect() as connection:
        tables = set(inspect(engine).get_table_names()) | set(inspect(engine).get_view_names())
        if UserResponse.__tablename__ in tables:
            r = UserResponse.__table__.c
            rows = connection.execute(select(r.user_id, r.question_id, r.response_text))
            for user_id, question_id, text in rows:
                goes = user_id == wish.user_id and wish.question_id in (None, question_id)
                (wanted if goes else common).append(text or "")
        if Question.__tablename__ in tables:
            common += connection.scalars(select(Question.__table__.c.question_text))
    return Texts(wanted, [text or "" for text in common])


def known_users(database_url: str) -> list[str]:
    """Return the ids in user_responses and users, sorted.

    Raises:
        NoDatabase: there is none at the URL.
    """
    found: set[str] = set()
    wish = Wish("", None, database_url)
    with reading(database_url) as engine, engine.connect() as connection:
        for table in _tables(engine, wish):
            found |= set(connection.scalars(select(table.c.user_id).distinct()))
    return sorted(found)


def delete_rows(wish: Wish, words: Runs) -> dict[str, int]:
    """Delete the rows in one transaction; SQLite overwrites their bytes with zeros.

    Args:
        wish: whose.
        words: as for `count_rows`.

    Returns:
        Rows deleted, by table.

    Raises:
        NoDatabase: the database is locked, read-only or gone.
    """
    counts = {}
    with opened(wish.database_url, write=True) as engine, engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
            connection.commit()
        quoting = _quoting(engine, connection, wish, words)
        facts = Fact.__table__
        mine = (facts.c.user_id == wish.user_id, facts.c.fact_id.in_(quoting))
        counts[FACTS] = connection.execute(delete(facts).where(*mine)).rowcount if quoting else 0
        for table in _tables(engine, wish):
            gone = connection.execute(delete(table).where(*_conditions(table, wish)))
            counts[table.name] = counts.get(table.name, 0) + gone.rowcount
        connection.commit()
    return {name: n for name, n in counts.items() if n}


def compact(database_url: str) -> None:
    """Empty a database file of what was deleted from it: write-ahead log and free pages.

    SQLite is checkpointed and rewritten. PostgreSQL rewrites the project's tables; its logs and
    backups are its keeper's affair, as is any other server's store.

    Raises:
        NoDatabase: another program holds the database; try again when it is closed.
    """
    with opened(database_url, write=True) as engine:
        automatic = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with automatic as connection:
            if engine.dialect.name == "sqlite":
                _empty_log(connection)
                connection.exec_driver_sql("VACUUM")
                _empty_log(connection)
            elif engine.dialect.name == "postgresql":
                _rewrite_tables(engine, connection)


def has_leftovers(database_url: str) -> bool:
    """Tell whether a SQLite file holds bytes of deleted rows: free pages, or a log.

    Raises:
        NoDatabase: there is none at the URL.
    """
    file = database_file(database_url)
    if file is None:
        return False
    log = file.with_name(f"{file.name}-wal")
    with reading(database_url) as engine, engine.connect() as connection:
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar()
    return bool(free) or (log.is_file() and log.stat().st_size > 0)


def _empty_log(connection: Connection) -> None:
    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise NoDatabase(
            "the write-ahead log of the database is being read by another program and still "
            "holds old rows: close that program and run the command again"
        )


def _rewrite_tables(engine: Engine, connection: Connection) -> None:
    there = set(inspect(engine).get_table_names())
    for name in TABLES:
        if name in there:
            connection.exec_driver_sql(f"VACUUM FULL {name}")


def _quoting(engine: Engine, connection: Connection, wish: Wish, words: Runs) -> list[int]:
    """Return the ids of the facts that quote the one answer that is to go."""
    if wish.question_id is None or not inspect(engine).has_table(FACTS):
        return []
    f = Fact.__table__.c
    rows = connection.execute(select(f.fact_id, f.fact).where(f.user_id == wish.user_id))
    return [number for number, text in rows if text_holds(text or "", words)]


def _tables(engine: Engine, wish: Wish) -> list[Any]:
    """Return the tables that the wish concerns, each with the columns it is chosen by."""
    inspector = inspect(engine)
    needed = {"user_id"} | ({"question_id"} if wish.question_id is not None else set())
    there = set(inspector.get_table_names()) | set(inspector.get_view_names())
    found = []
    for name in TABLES:
        if name in there and needed <= {c["name"] for c in inspector.get_columns(name)}:
            found.append(plain_table(name, *(named(column) for column in sorted(needed))))
    return found


def _conditions(table: Any, wish: Wish) -> list[Any]:
    chosen = [table.c.user_id == wish.user_id]
    if wish.question_id is not None:
        chosen.append(table.c.question_id == wish.question_id)
    return chosen
