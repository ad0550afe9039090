"""The tables that reflections are read from, under the names that their owner gave them.

Looks before it reads: a table or column that is missing, renamed or mapped to nothing is one
sentence of advice. Does not read rows; that is `store`.

Shape: engine, Source -> Tables, whose columns carry our names as labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Engine,
    Inspector,
    String,
    TableClause,
    cast,
    column,
    inspect,
    null,
    table,
)
from sqlalchemy.exc import NoSuchTableError

from echoes_lib.errors import MissingColumn
from echoes_lib.params import Source
from echoes_lib.params.schema import COLUMNS

OPTIONAL = ("users",)
SHOWN = 12


@dataclass(frozen=True)
class Tables:
    """The tables that are there, by our names for them."""

    found: dict[str, TableClause]
    is_text: dict[str, bool]  # whether user_id is text, by table
    source: Source

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def __getitem__(self, name: str) -> TableClause:
        return self.found[name]

    def column(self, name: str, field: str) -> ColumnElement:
        """Return a column by our names, labelled with ours."""
        return self.found[name].c[_theirs(self.source, name, field)].label(field)

    def optional(self, name: str, field: str) -> ColumnElement:
        """Return a column as `column` does, or NULL where the table has none of that name."""
        theirs = _theirs(self.source, name, field)
        return self.column(name, field) if theirs in self.found[name].c else null().label(field)

    def is_user(self, name: str, user_id: str) -> ColumnElement:
        """Return the condition that a row is of a person, whatever type the ids are of."""
        ids = self.found[name].c[_theirs(self.source, name, "user_id")]
        return is_person(ids, self.is_text[name], user_id)


def is_person(ids: ColumnElement, is_text: bool, user_id: str) -> ColumnElement:
    """Return the condition that an id is a person's, letter for letter, whatever its type.

    Args:
        ids: the column.
        is_text: whether its type is a text.
        user_id: whose; `07` is not the person of number 7.
    """
    # A comparison of unlike types is an error on some servers; others make a number of the text.
    return (ids if is_text else cast(ids, String)) == user_id


def find_tables(
    engine: Engine,
    source: Source,
    wanted: Mapping[str, tuple[str, ...]] = COLUMNS,
    optional: tuple[str, ...] = OPTIONAL,
) -> Tables:
    """Find the tables and hold their columns against what is read.

    Args:
        engine: an open database.
        source: what the tables and columns are called.
        wanted: what is read of each table, by our names.
        optional: tables that may be missing, or lack a column.

    Returns:
        The tables; an optional one only if the database has it with all columns.

    Raises:
        MissingColumn: a table or column is not there; names what is.
    """
    inspector = inspect(engine)
    named = {
        "user_responses": source.responses,
        "questions": source.questions,
        "users": source.users,
    }
    found: dict[str, TableClause] = {}
    is_text: dict[str, bool] = {}
    for name, theirs in named.items():
        columns = _columns(inspector, theirs) if theirs else None
        fields = {field: _theirs(source, name, field) for field in wanted[name]}
        if theirs and _fits(inspector, name, theirs, fields, columns, name in optional):
            place, _, bare = theirs.rpartition(".")
            found[name] = table(bare, *map(column, columns), schema=place or None)
            ids = columns.get(_theirs(source, name, "user_id"))
            is_text[name] = isinstance(ids, String)
    return Tables(found, is_text, source)


def _fits(
    inspector: Inspector,
    name: str,
    theirs: str,
    fields: Mapping[str, str],
    columns: dict | None,
    is_optional: bool,
) -> bool:
    missing = [column for column in fields.values() if column not in (columns or ())]
    if not missing or is_optional:
        return not missing
    wanted = ", ".join(fields.values())
    if columns is None:
        raise MissingColumn(
            f"the database has no table {theirs} (tables found: {_listed(_names(inspector))}): "
            f"create it with the columns {wanted}, name another as source.{_SETTING[name]} in "
            "1_preprocess.yaml of the --profile, or run `echoes sample` to see one"
        )
    raise MissingColumn(
        f"table {theirs} lacks the column(s) {', '.join(missing)} (found: "
        f"{_listed(sorted(columns))}): add them, or map them in source.columns"
    )


_SETTING = {"user_responses": "responses", "questions": "questions"}


def _theirs(source: Source, name: str, field: str) -> str:
    return source.columns.get(f"{name}.{field}", source.columns.get(field, field))


def _columns(inspector: Inspector, theirs: str) -> dict | None:
    place, _, bare = theirs.rpartition(".")
    try:
        columns = inspector.get_columns(bare, schema=place or None)
    except NoSuchTableError:
        return None
    return {c["name"]: c["type"] for c in columns}


def _names(inspector: Inspector) -> list[str]:
    return sorted([*inspector.get_table_names(), *inspector.get_view_names()])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more
