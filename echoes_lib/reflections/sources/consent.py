"""Keep on record what a person's words may be used for, since when, and by whose word.

Whoever makes something of the words asks `require` first. Works on somebody's own database,
too: one without the table `consents` grants nothing until `grant` makes the table; a table
`users` is not needed.

Does not stop what was made while the consent held (`echoes forget` takes that away), and does
not judge whether the one who grants may do so.

Shape: database_url, user_id, purpose <-> Consent.
"""

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect

from echoes_lib.errors import DataError, MissingColumn, NoConsent, NoSuchUser
from echoes_lib.reflections.sources import schema
from echoes_lib.reflections.sources.connect import opened, reading
from echoes_lib.reflections.sources.store import list_users

TRAINING = "training"
PURPOSES = {
    TRAINING: "make a training set of the answers, train an echo on it and score it by them",
    "impostor": "hold the answers against other people's echoes, as words of somebody else",
    "memory": "keep the answers beside the echo, which may look them up and quote them",
}
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


@dataclass(frozen=True)
class Consent:
    """One purpose that a person's words may be used for; dates are ISO dates."""

    user_id: str
    purpose: str
    granted_by: str
    granted_on: str
    note: str | None = None
    withdrawn_on: str | None = None

    def as_manifest(self) -> dict[str, str]:
        """Return who allowed what since when; the note stays in the database."""
        kept = asdict(self)
        return {name: kept[name] for name in NEEDED}


def grant(
    database_url: str,
    user_id: str,
    purpose: str,
    granted_by: str,
    granted_on: str | None = None,
    note: str | None = None,
) -> Consent:
    """Record a consent; an earlier one for the same purpose is replaced.

    Args:
        database_url: any SQLAlchemy URL; the table is made when it is missing.
        user_id: whose words.
        purpose: one of `PURPOSES`.
        granted_by: who says so: the person, or one who may speak for them.
        granted_on: ISO date, not after today; today when omitted.
        note: anything worth keeping, such as where the signed paper lies.

    Returns:
        The consent as recorded.

    Raises:
        DataError: the purpose, the name or the date is not one.
        NoSuchUser: the database holds nobody of that name.
        NoDatabase: it is not there or cannot be written.
    """
    today = date.today().isoformat()
    given = Consent(user_id, purpose, granted_by.strip(), granted_on or today, note)
    _check_purpose(purpose)
    if not given.granted_by:
        raise DataError('granted_by is empty: name who allows it, such as --by "Luke"')
    if _iso_date("granted_on", given.granted_on) > today:
        raise DataError(f"granted_on={granted_on} is after today, {today}: record it then")
    _check_user(database_url, user_id)
    with opened(database_url, write=True) as engine:
        _TABLE.create(engine, checkfirst=True)
        known = _columns(engine)
        with engine.begin() as connection:
            connection.execute(_TABLE.delete().where(*_which(user_id, purpose)))
            row = {name: value for name, value in asdict(given).items() if name in known}
            connection.execute(_TABLE.insert().values(row))
    return given


def withdraw(database_url: str, user_id: str, purpose: str | None = None) -> list[Consent]:
    """Record that a consent holds no longer, from today on.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose words.
        purpose: one of `PURPOSES`; all that hold when omitted.

    Returns:
        The consents that were withdrawn, which may be none.

    Raises:
        DataError: no such purpose.
        NoDatabase: it is not there or cannot be written.
    """
    if purpose:
        _check_purpose(purpose)
    today = date.today().isoformat()
    held = [
        consent
        for consent in list_consents(database_url, user_id)
        if not consent.withdrawn_on and purpose in (None, consent.purpose)
    ]
    if not held:
        return []
    with opened(database_url, write=True) as engine:
        _add_withdrawals(engine)
        with engine.begin() as connection:
            for consent in held:
                chosen = _TABLE.update().where(*_which(user_id, consent.purpose))
                connection.execute(chosen.values(withdrawn_on=today))
    return [Consent(**(asdict(consent) | {"withdrawn_on": today})) for consent in held]


def list_consents(database_url: str, user_id: str) -> list[Consent]:
    """Return all that is recorded of a person, withdrawn ones included, by purpose.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: the table consents is not one of consents.
    """
    with reading(database_url) as engine:
        known = _columns(engine)
        if not known:
            return []
        missing = [name for name in NEEDED if name not in known]
        if missing:
            raise MissingColumn(
                f"table consents lacks the column(s) {', '.join(missing)}: add or rename them"
            )
        with engine.connect() as connection:
            return _read(connection, known, user_id)


def require(database_url: str, user_id: str, purpose: str) -> Consent:
    """Return the consent to a purpose, or refuse.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose words.
        purpose: one of `PURPOSES`.

    Returns:
        The consent that holds.

    Raises:
        NoConsent: none is recorded, it was withdrawn, or it begins later; says what to do.
        DataError: no such purpose, or the recorded date is none.
        NoDatabase: there is none at the URL.
    """
    _check_purpose(purpose)
    found = {consent.purpose: consent for consent in list_consents(database_url, user_id)}
    consent = found.get(purpose)
    how = (
        f"if the person agrees, record it with `echoes consent --user {shlex.quote(user_id)} "
        f"--purpose {purpose} --by {_quoted(user_id)}`"
    )
    if consent is None:
        raise NoConsent(f"there is no consent of user {user_id} to {purpose}: {how}")
    if consent.withdrawn_on:
        raise NoConsent(
            f"the consent of user {user_id} to {purpose} was withdrawn on "
            f"{consent.withdrawn_on}: {how}"
        )
    if _iso_date("granted_on", consent.granted_on) > date.today().isoformat():
        raise NoConsent(
            f"the consent of user {user_id} to {purpose} begins on {consent.granted_on}: wait "
            f"until then, or {how}"
        )
    return consent


def _add_withdrawals(engine: Engine) -> None:
    """Add the column to a table that was made before there was one."""
    if "withdrawn_on" in _columns(engine):
        return
    with engine.begin() as connection:
        change = Operations(MigrationContext.configure(connection))
        change.add_column(_TABLE.name, Column("withdrawn_on", String(10)))


def _read(connection: Connection, known: set[str], user_id: str) -> list[Consent]:
    columns = [column for column in _TABLE.columns if column.name in known]
    rows = connection.execute(_TABLE.select().with_only_columns(*columns).where(*_which(user_id)))
    found = [Consent(**_as_text(row)) for row in rows.mappings()]
    return sorted(found, key=lambda consent: consent.purpose)


def _as_text(row: Mapping[str, Any]) -> dict[str, str | None]:
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


def _check_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise DataError(f"purpose={purpose!r} is not one of {', '.join(PURPOSES)}: choose one")


def _check_user(database_url: str, user_id: str) -> None:
    try:
        users = list_users(database_url)
    except MissingColumn:  # the answers lie in tables of other names, which only params know
        return
    if user_id not in users:
        shown = ", ".join(users[:12]) or "nobody"
        raise NoSuchUser(
            f"user_id={user_id!r} is not in the database, which holds {shown}: choose one of "
            "them, or add the person's answers first"
        )


def _iso_date(name: str, value: str) -> str:
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise DataError(f"{name}={value!r} is not an ISO date: write it as 2026-11-29")


def _quoted(user_id: str) -> str:
    name = user_id.capitalize()
    return f'"{name}"' if name.isalnum() else shlex.quote(name)
