"""Bring the reflections tables up to the version that this code writes.

Alembic keeps the number of the last change in a table of its own, so that it may stand beside
tables of other programs. All changes of one run are one transaction, which a second process waits
for. Databases that are only read are never changed.

Shape: engine -> the same database, its tables made or changed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from echoes_lib.errors import SchemaTooNew
from echoes_lib.reflections.sources.connect import opened

MIGRATIONS = Path(__file__).with_name("migrations")
LOCK = 5_070_613  # any number that all versions of the project share


@contextmanager
def writing(database_url: str) -> Iterator[Engine]:
    """Open a database for writing, with its tables up to date; a missing SQLite file is made.

    Args:
        database_url: any SQLAlchemy URL.

    Yields:
        An engine.

    Raises:
        NoDatabase: it cannot be opened or written.
        SchemaTooNew: a newer version of the project has changed its tables.
    """
    with opened(database_url, write=True) as engine:
        upgrade(engine)
        yield engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Open a transaction in which what is read stays true until it is written.

    Args:
        engine: of `writing`.

    Yields:
        A session; it is committed at the end, and nothing of it stays after an error.
    """
    with Session(engine) as session, session.begin():
        _wait_for_turn(session.connection())
        yield session


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Make or change the tables.

    Args:
        engine: of `opened` with `write`.
        revision: the change to stop after.

    Raises:
        SchemaTooNew: the database is at a change that this version does not know.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with engine.connect() as connection:
        _wait_for_turn(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise SchemaTooNew(
                "the tables of this database were changed by a newer version of Echoes of Me: "
                f"update this one, or take another database_url ({error})"
            ) from None
        connection.commit()


def _wait_for_turn(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("begin immediate")
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"select pg_advisory_xact_lock({LOCK})")
