"""The table `consents`, as rows: made, widened, read and written.

Stands in any database, the project's or somebody else's, and so points to no table `users`. What
a consent means is known by `consent`.

Shape: open database, user_id <-> one mapping of column -> text per consent.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Engine, MetaData, String, Table, inspect

from echoes_lib.errors import MissingColumn
from echoes_lib.reflections.sources import schema

Row = dict[str, str | None]
NEEDED = ("user_id", "purpose", "granted_by", "granted_on")
# Without the foreign key of the schema: somebody's own database may have no table `users`.
_TABLE = Table(
    schema.Consent.__tablename__,
    MetaData(),
    *(
        Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable)
        for c in schema.Consent.__table__.columns
    ),
)


def read_rows(engine: Engine, user_id: str) -> list[Row]:
    """Return the rows of a person; none where there is no table.

    Raises:
        MissingColumn: the table consents is not one of consents.
    """
    known = _columns(engine)
    if not known:
        return []
    missing = [name for name in NEEDED if name not in known]
    if missing:
        raise MissingColumn(
            f"table consents lacks the column(s) {', '.join(missing)}: add or rename them"
        )
    columns = [column for column in _TABLE.columns if column.name in known]
    wanted = _TABLE.select().with_only_columns(*columns).where(*_which(user_id))
    with engine.connect() as connection:
        return [_as_text(row) for row in connection.execute(wanted).mappings()]


def replace_row(engine: Engine, row: Row) -> None:
    """Write a consent in place of an earlier one; the table is made when it is missing.

    Args:
        engine: open for writing.
        row: column -> value; columns that an older table lacks are left out.
    """
    _TABLE.create(engine, checkfirst=True)
    known = _columns(engine)
    with engine.begin() as connection:
        connection.execute(_TABLE.delete().where(*_which(row["user_id"], row["purpose"])))
        kept = {name: value for name, value in row.items() if name in known}
        connection.execute(_TABLE.insert().values(kept))


def mark_withdrawn(engine: Engine, user_id: str, purposes: Iterable[str], day: str) -> None:
    """Write the day (ISO) on which consents ended; a table of before there was one is widened."""
    if "withdrawn_on" not in _columns(engine):
        with engine.begin() as connection:
            change = Operations(MigrationContext.configure(connection))
            change.add_column(_TABLE.name, Column("withdrawn_on", String(10)))
    with engine.begin() as connection:
        for purpose in purposes:
            chosen = _TABLE.update().where(*_which(user_id, purpose))
            connection.execute(chosen.values(withdrawn_on=day))


def _as_text(row: Mapping[str, Any]) -> Row:
    # Somebody's own table may keep dates as dates.
    return {name: None if value is None else str(value) for name, value in row.items()}


def _which(user_id: str, purpose: str | None = None) -> list[Any]:
    chosen = [_TABLE.c.user_id == user_id]
    return chosen + ([_TABLE.c.purpose == purpose] if purpose else [])


def _columns(engine: Engine) -> set[str]:
    inspector = inspect(engine)
    if not inspector.has_table(_TABLE.name):
        return set()
    return {column["name"] for column in inspector.get_columns(_TABLE.name)}
