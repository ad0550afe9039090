"""Empty a database of the bytes of deleted rows.

SQLite is checkpointed and rewritten. PostgreSQL rewrites the tables that held rows of people, if
their owner runs the command; its logs and backups are its keeper's affair, as is any other
server's store, and what lies behind a view.

Shape: database_url -> the same database without what was deleted from it.
"""

from sqlalchemy import Connection, Engine

from echoes_lib.deletion.tables import find_answers, held_tables
from echoes_lib.errors import NoDatabase
from echoes_lib.params import Source
from echoes_lib.reflections.sources.connect import database_file, opened, reading


def compact(database_url: str, source: Source | None = None) -> None:
    """Empty a database of what was deleted from it: write-ahead log, free pages, dead rows.

    Args:
        database_url: any SQLAlchemy URL.
        source: what the tables of answers are called; None for the project's own names.

    Raises:
        NoDatabase: another program holds the database; try again when it is closed.
        MissingColumn: a server has no answers under these names.
    """
    with opened(database_url, write=True) as engine:
        automatic = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        with automatic as connection:
            if engine.dialect.name == "sqlite":
                _empty_log(connection)
                connection.exec_driver_sql("VACUUM")
                _empty_log(connection)
            elif engine.dialect.name == "postgresql":
                _rewrite_tables(engine, connection, source or Source())


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


def _rewrite_tables(engine: Engine, connection: Connection, source: Source) -> None:
    quoted = engine.dialect.identifier_preparer.format_table
    for held in held_tables(engine, find_answers(engine, source)):
        if not held.is_view:
            connection.exec_driver_sql(f"VACUUM FULL {quoted(held.table)}")
