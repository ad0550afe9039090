"""Import answers: show what was understood, ask, write.

Shows figures, column names, question ids and places, never a word of an answer.

Shape: options -> lines on stdout, and rows in the database if that is agreed to.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from echoes_lib.errors import BadSource, DataError
from echoes_lib.reflections.intake.columns import parse_mapping, shown_name
from echoes_lib.reflections.intake.importing import Preview, preview, write_plan
from echoes_lib.reflections.intake.resolve import at
from echoes_lib.reflections.intake.rows import Place, Skip
from echoes_lib.workspace import workspace

SHOWN_PLACES = 8
SHOWN_PEOPLE = 8
_HOW = {"id": "known by id", "words": "known by their words", "new": "new"}


def import_answers(
    path: str,
    user_id: str | None,
    name: str | None,
    database_url: str | None,
    columns: tuple[str, ...],
    by_text: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Import a file or folder of answers; see the command's help.

    Raises:
        BadSource: the source cannot be understood or contradicts itself or the database.
        DataError: nothing can be imported, or nobody is there to agree.
    """
    url = database_url or workspace().database_url
    shown = preview(Path(path), url, user_id, name, parse_mapping(columns), by_text)
    for line in describe(shown):
        click.echo(line)
    _refuse_nothing(shown)
    if shown.plan.is_empty:
        click.echo("Nothing to write: 0 new, 0 changed.")
    elif dry_run:
        click.echo("Nothing was written (--dry-run).")
        return
    elif not yes and not _agreed():
        click.echo("Nothing was written.")
        return
    else:
        write_plan(shown, url)
        n_new, n_changed = len(shown.plan.new), len(shown.plan.changed)
        click.echo(f"Written: {n_new} new, {n_changed} changed.")
    for line in next_steps(shown):
        click.echo(line)


def describe(shown: Preview) -> Iterator[str]:
    """Yield what was understood, a line each.

    Args:
        shown: of `preview`.
    """
    source, plan, found = shown.source, shown.plan, shown.source.found
    parts = (source.kind, source.encoding, found.note, f"{len(found.rows)} rows")
    yield f"source      {source.name}: {', '.join(part for part in parts if part)}"
    if found.columns:
        pairs = ", ".join(f"{shown_name(c)} -> {field}" for c, field in found.columns.items())
        yield f"columns     {pairs}"
    if found.unused:
        yield f"not used    {_some([shown_name(column) for column in found.unused])}"
    yield f"people      {len(plan.people)}: {_some(plan.people) or 'none'} ({_people(shown)})"
    kinds = ", ".join(f"{plan.known_by[kind]} {words}" for kind, words in _HOW.items())
    where = f" ({_some([at(place) for place in plan.new_at])})" if plan.new_at else ""
    yield f"questions   {sum(plan.known_by.values())}: {kinds}{where}"
    n_changed, n_kept = len(plan.changed), plan.unchanged
    yield f"answers     {len(plan.new)} new, {n_changed} changed, {n_kept} unchanged"
    skips = [*found.skips, *shown.checked.skips, *plan.skips]
    yield f"skipped     {len(skips)}"
    yield from _by_reason(skips)
    if shown.checked.notes:
        yield f"noted       {len(shown.checked.notes)}"
        yield from _by_reason(shown.checked.notes)


def next_steps(shown: Preview) -> Iterator[str]:
    """Yield what is to be done after an import, such as recording consent."""
    if shown.plan.samples:
        yield f"note: {_some(shown.plan.samples)} belongs to the invented sample people."
    for user in shown.plan.without_consent[:SHOWN_PEOPLE]:
        yield (
            f"{user} has not consented to anything yet; record what the words may be used for "
            f"with `echoes consent --user {user} ...` before training."
        )
    if len(shown.plan.without_consent) > SHOWN_PEOPLE:
        yield f"So it is with {len(shown.plan.without_consent) - SHOWN_PEOPLE} more people."


def _people(shown: Preview) -> str:
    plan = shown.plan
    parts = [f"{len(plan.new_people)} new"]
    parts += [f"{user} to be called {name!r}" for user, name in plan.renamed.items()]
    return ", ".join(parts)


def _by_reason(skips: Iterable[Skip]) -> Iterator[str]:
    places: dict[str, list[Place]] = {}
    for skip in skips:
        places.setdefault(skip.reason, []).append(skip.place)
    for reason, found in sorted(places.items(), key=lambda item: -len(item[1])):
        yield f"            {len(found)} {reason} ({_some([at(place) for place in found])})"


def _some(items: Iterable[str]) -> str:
    items = list(items)
    more = f" and {len(items) - SHOWN_PLACES} more" if len(items) > SHOWN_PLACES else ""
    return ", ".join(items[:SHOWN_PLACES]) + more


def _refuse_nothing(shown: Preview) -> None:
    if not shown.plan.people:
        reasons = {skip.reason for skip in [*shown.checked.skips, *shown.plan.skips]}
        way_out = "give --user ID" if "no user_id" in reasons else "see the reasons above"
        raise DataError(f"{shown.source.name} holds no answer that can be imported: {way_out}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise BadSource(
            "nobody is at the terminal to agree, so nothing was written: look at the plan above "
            "and run the same command with --yes"
        )
    return click.confirm("Write this?", default=False)
