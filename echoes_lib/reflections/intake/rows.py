"""What was found in a file, before anybody asks whether it is right.

A row is one answer with what stands beside it; a skip is a place that could not become a row
or an answer, with its reason. Places are line numbers or file names, never words of a person.

Shape: plain values only; nothing is read or computed here.
"""

from dataclasses import dataclass, field
from typing import Any

Place = int | str  # a line number, or the name of a file in a folder


@dataclass(frozen=True)
class Row:
    """Raw values of one answer by field (see `columns.FIELDS`); a missing field is absent."""

    place: Place
    values: dict[str, Any]


@dataclass(frozen=True)
class Skip:
    """A place that was passed over, and why."""

    place: Place
    reason: str


@dataclass(frozen=True)
class Found:
    """What one file or folder holds, as it was understood.

    `columns` maps names of the file to fields; it is empty for Markdown and folders, which
    have none. `note` says what else was recognised, such as the delimiter.
    """

    rows: list[Row]
    skips: list[Skip]
    note: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
