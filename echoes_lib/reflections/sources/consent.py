"""Keep on record what a person's words may be used for, since when, and by whose word.

Whoever makes something of the words asks `require` first. Works on somebody's own database,
too: one without the table `consents` grants nothing until `grant` makes the table; a table
`users` is not needed.

Does not stop what was made while the consent held (`echoes forget` takes that away), and does
not judge whether the one who grants may do so.

Shape: database_url, user_id, purpose <-> Consent.
"""

import shlex
from dataclasses import asdict, dataclass
from datetime import date

from echoes_lib.errors import DataError, NoConsent, NoSuchUser
from echoes_lib.params import Source
from echoes_lib.reflections.sources.connect import opened, reading
from echoes_lib.reflections.sources.consent_rows import (
    NEEDED,
    mark_withdrawn,
    read_rows,
    replace_row,
)
from echoes_lib.reflections.sources.store import list_users

TRAINING = "training"
PURPOSES = {
    TRAINING: "make a training set of the answers, train an echo on it and score it by them",
    "impostor": "hold the answers against other people's echoes, as words of somebody else",
    "memory": "keep the answers beside the echo, which may look them up and quote them",
}


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
    source: Source | None = None,
) -> Consent:
    """Record a consent; an earlier one for the same purpose is replaced.

    Args:
        database_url: any SQLAlchemy URL; the table is made when it is missing.
        user_id: whose words.
        purpose: one of `PURPOSES`.
        granted_by: who says so: the person, or one who may speak for them.
        granted_on: ISO date, not after today; today when omitted.
        note: anything worth keeping, such as where the signed paper lies.
        source: what the tables of people and answers are called; None for the project's own.

    Returns:
        The consent as recorded.

    Raises:
        DataError: the purpose, the name or the date is not one.
        NoSuchUser: the database holds nobody of that name.
        MissingColumn: it has no answers under these names of tables.
        NoDatabase: it is not there or cannot be written.
    """
    today = date.today().isoformat()
    given = Consent(user_id, purpose, granted_by.strip(), granted_on or today, note)
    _check_purpose(purpose)
    if not given.granted_by:
        raise DataError('granted_by is empty: name who allows it, such as --by "Luke"')
    if _iso_date("granted_on", given.granted_on) > today:
        raise DataError(f"granted_on={granted_on} is after today, {today}: record it then")
    _check_user(database_url, user_id, source)
    with opened(database_url, write=True) as engine:
        replace_row(engine, asdict(given))
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
        mark_withdrawn(engine, user_id, [consent.purpose for consent in held], today)
    return [Consent(**(asdict(consent) | {"withdrawn_on": today})) for consent in held]


def list_consents(database_url: str, user_id: str) -> list[Consent]:
    """Return all that is recorded of a person, withdrawn ones included, by purpose.

    Raises:
        NoDatabase: there is none at the URL.
        MissingColumn: the table consents is not one of consents.
    """
    with reading(database_url) as engine:
        found = [Consent(**row) for row in read_rows(engine, user_id)]
    return sorted(found, key=lambda consent: consent.purpose)


def require(database_url: str, user_id: str, purpose: str, profile: str | None = None) -> Consent:
    """Return the consent to a purpose, or refuse.

    Args:
        database_url: any SQLAlchemy URL.
        user_id: whose words.
        purpose: one of `PURPOSES`.
        profile: whose parameters say where the answers lie, for the advice in the error.

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
    chosen = f" --profile {profile}" if profile else ""
    how = (
        f"if the person agrees, record it with `echoes consent --user {shlex.quote(user_id)} "
        f"--purpose {purpose} --by {_quoted(user_id)}{chosen}`"
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


def _check_purpose(purpose: str) -> None:
    if purpose not in PURPOSES:
        raise DataError(f"purpose={purpose!r} is not one of {', '.join(PURPOSES)}: choose one")


def _check_user(database_url: str, user_id: str, source: Source | None) -> None:
    users = list_users(database_url, source)
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
