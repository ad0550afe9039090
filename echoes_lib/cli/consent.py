"""Show, record or withdraw a person's consents.

Shape: options -> lines on the terminal.
"""

import click

from echoes_lib.params import Source
from echoes_lib.reflections.sources.consent import (
    PURPOSES,
    TRAINING,
    Consent,
    grant,
    list_consents,
    withdraw,
)


def record_consent(
    database_url: str,
    user_id: str,
    purpose: str | None,
    by: str,
    note: str | None,
    source: Source,
) -> None:
    """Record a consent (to training, when no purpose is named) and say so."""
    made = grant(database_url, user_id, purpose or TRAINING, by, note=note, source=source)
    click.echo(f"recorded: {describe(made)}")
    click.echo(f"  it allows to {PURPOSES[made.purpose]}")


def withdraw_consent(database_url: str, user_id: str, purpose: str | None, profile: str) -> None:
    """Withdraw one consent, or all when no purpose is named, and say what stays."""
    gone = withdraw(database_url, user_id, purpose)
    if not gone:
        click.echo(f"nothing to withdraw: no consent of {user_id} holds")
        return
    for consent in gone:
        click.echo(f"withdrawn: {describe(consent)}")
    click.echo(
        "What was made while it held is still there: "
        f"`echoes forget --user {user_id} --profile {profile} --dry-run` lists it, without "
        "--dry-run it goes."
    )


def show_consents(database_url: str, user_id: str) -> None:
    """Print what is recorded of a person, and the purposes there are."""
    found = {consent.purpose: consent for consent in list_consents(database_url, user_id)}
    if not found:
        click.echo(f"nothing is recorded of {user_id}")
    for consent in found.values():
        click.echo(describe(consent) + (f" ({consent.note})" if consent.note else ""))
    for purpose in PURPOSES.keys() - found.keys():
        click.echo(f"not asked: {purpose}, to {PURPOSES[purpose]}")


def describe(consent: Consent) -> str:
    """Say a consent in one line."""
    until = f", withdrawn on {consent.withdrawn_on}" if consent.withdrawn_on else ""
    return (
        f"{consent.user_id}, {consent.purpose}: granted by {consent.granted_by} on "
        f"{consent.granted_on}{until}"
    )
