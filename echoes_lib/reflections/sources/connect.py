"""Open the reflections database, and say in one sentence why it cannot be opened.

Any SQLAlchemy URL will do. A relative SQLite path is taken from the workspace's home, never
from the current folder. Reading opens SQLite files read-only and never makes one.

Shape: database_url -> SQLAlchemy Engine, as a context.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from echoes_lib.errors import NoDatabase
from echoes_lib.workspace import workspace

_TOUCH = "select count(*) from sqlite_master"


@contextmanager
def reading(database_url: str) -> Iterator[Engine]:
    """Open a database for reading.

    Args:
        database_url: any SQLAlchemy URL.

    Yields:
        An engine; a SQLite file behind it is opened read-only.

    Raises:
        NoDatabase: no such file, not a database, no driver, or no connection.
    """
    with opened(database_url, write=False) as engine:
        yield engine


@contextmanager
def opened(database_url: str, write: bool) -> Iterator[Engine]:
    """Open a database; see `reading`. With `write`, a missing SQLite file is made."""
    url = _parse(database_url)
    file = sqlite_file(url)
    if file and write:
        file.parent.mkdir(parents=True, exist_ok=True)
    elif file and not file.is_file():
        raise NoDatabase(
            f"there is no database at {file}: run `echoes sample` to write the sample people "
            "there, or set database_url to your own"
        )
    shown = str(file or url.render_as_string(hide_password=True))
    engine = _engine(url, file, write)
    try:
        with engine.connect() as connection:
            # SQLite opens anything; only a look at the schema tells a database from a photo.
            connection.exec_driver_sql(_TOUCH if file else "select 1")
        yield engine
    except DatabaseError as error:
        raise NoDatabase(_why(shown, error)) from None
    finally:
        engine.dispose()


def database_file(database_url: str) -> Path | None:
    """Return the SQLite file behind a database_url, or None where there is no file.

    Raises:
        NoDatabase: it is no SQLAlchemy URL.
    """
    return sqlite_file(_parse(database_url))


def sqlite_file(url: URL) -> Path | None:
    """Return the file behind a SQLite URL, or None for servers and databases in memory."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    if url.database.startswith("file:"):
        return None
    return workspace().home / Path(url.database).expanduser()


def _parse(database_url: str) -> URL:
    try:
        url = make_url(database_url)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError):
        raise NoDatabase(
            "database_url is not a SQLAlchemy URL: write it as sqlite:////full/path/file.db or "
            "postgresql+psycopg://user@host/name"
        ) from None
    except ImportError as error:
        raise NoDatabase(
            f"database_url needs the driver {error.name}, which is not installed: run "
            f"`pip install {error.name}`"
        ) from None
    return url


def _engine(url: URL, file: Path | None, write: bool) -> Engine:
    if not file:
        return create_engine(url)
    mode = "rwc" if write else "ro"
    place = f"file:{quote(str(file))}?mode={mode}"
    return create_engine("sqlite://", creator=lambda: _connected(place))


def _connected(place: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place, uri=True)
    # Bytes that are not UTF-8 stay visible as lone surrogates, for `rows.text` to name the row;
    # the driver's own error would quote the text.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _why(shown: str, error: DatabaseError) -> str:
    # The driver's own words, never SQLAlchemy's: those quote the statement and its values.
    lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    reason = lines[0].rstrip(".")
    if "not a database" in reason:
        return f"{shown} is not a database: set database_url to one, or run `echoes sample`"
    if "locked" in reason:
        return f"{shown} is locked by another program: close it there and try again"
    return f"the database {shown} cannot be used ({reason}): check database_url and the server"
