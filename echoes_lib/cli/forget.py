"""List what of a person there is, ask, forget it, and say what went and what remains.

Shows places, counts and sizes; never a word of an answer.

Shape: options -> lines on the terminal, exit code.
"""

from collections import Counter

import click
from rich.console import Console

from echoes_lib.cli.answers import recorded_sources
from echoes_lib.deletion.find import Found, check_known, find
from echoes_lib.deletion.forget import Outcome, forget
from echoes_lib.deletion.rows import Wish
from echoes_lib.errors import EchoesError


def forget_and_tell(wish: Wish, dry_run: bool, yes: bool) -> int:
    """Forget a person or one answer.

    Args:
        wish: whom, perhaps which answer, and where the answers lie.
        dry_run: only list.
        yes: do not ask.

    Returns:
        0, or 1 when something remains or the person said no.

    Raises:
        EchoesError: as `deletion.forget`.
    """
    _note_others(wish)
    if dry_run or not yes:
        found = find(wish)
        try:
            check_known(found)
        except EchoesError:
            if not dry_run:  # refuses alike, after emptying what a killed command left
                forget(wish)
            raise
        list_found(found)
        if dry_run:
            click.echo("Nothing was changed; the same command without --dry-run deletes this.")
            return 0
        if not click.confirm("Delete all of this? It cannot be undone"):
            click.echo("Nothing was changed.")
            return 1
    outcome = forget(wish)
    tell(outcome)
    return 1 if outcome.remains else 0


def _note_others(wish: Wish) -> None:
    """Say which chains were made from answers where this command does not look."""
    for profile, source in recorded_sources(wish.user_id).items():
        if source != wish.source:
            click.echo(
                f"note: runs/{profile}/{wish.user_id} was made from answers in {source.responses}, "
                "under names that are not looked for here: run this again with a --profile whose "
                "`source` has them",
                err=True,
            )


def list_found(found: Found) -> None:
    """Print every place that goes, with its size."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"To be forgotten: {_whom(found)}")
    for table, n in found.rows.items():
        console.print(f"  {n} rows of {table}")
    if found.untouched:
        console.print(f"  stays: {', '.join(found.untouched)}, tables that are not the project's")
    for place in found.places:
        console.print(f"  {_size(place.n_bytes):>10}  {place.shown}  ({place.kind})")
    for place in found.shown:
        console.print(f"  outputs of {place.shown}; its cells stay")
    for text, n in Counter(cell.shown for cell in found.cells).items():
        console.print(f"  {n} texts in {text}")
    if found.n_traces:
        console.print(f"  {found.n_traces} traces in mlruns/mlflow.db")
    _list_marked(console, found)
    for place in found.kept:
        console.print(f"  stays: {place.shown} holds words of the answers; delete it by hand")
    total = sum(place.n_bytes for place in found.places)
    console.print(f"  in all {len(found.places)} files and folders, {_size(total)}")


def tell(outcome: Outcome) -> None:
    """Print what went and, on stderr, what remains."""
    found = outcome.found
    rows = ", ".join(f"{n} rows of {table}" for table, n in outcome.rows.items()) or "no rows"
    total = sum(place.n_bytes for place in found.places)
    click.echo(f"forgotten: {_whom(found)}")
    click.echo(f"  {rows}; {len(found.places)} files and folders, {_size(total)}")
    click.echo(f"  marked: {outcome.n_runs} runs, {outcome.n_versions} versions without alias now")
    if not outcome.remains:
        click.echo("  looked again: nothing of it is left")
        if found.wish.question_id is not None:
            click.echo(f"Next: echoes run --user {found.wish.user_id} trains without this answer")
        return
    click.echo("remains:", err=True)
    for line in outcome.remains:
        click.echo(f"  {line}", err=True)
    click.echo("Remove the cause and run the same command again.", err=True)


def _list_marked(console: Console, found: Found) -> None:
    for run in found.tracked.runs:
        name = f"{run.info.run_name} {run.info.run_id}"
        console.print(f"  marked: run {name}; figures and parameters stay")
    for version in found.tracked.versions:
        console.print(f"  marked: {version.name} version {version.version}; it loses its aliases")


def _whom(found: Found) -> str:
    wish = found.wish
    whole = wish.question_id is None
    return wish.user_id if whole else f"the answer of {wish.user_id} to question {wish.shown}"


def _size(n_bytes: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} B"
