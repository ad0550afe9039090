"""Tell which column of a file is which field, whatever case and blanks its header has.

A name that is not known is never guessed at: it is listed as not used, and `--column
answer=Antwort` says what it is. Does not look at values.

Shape: header names, {field: header name} -> Columns(header name -> field, unused names).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from echoes_lib.errors import BadSource

FIELDS = {
    "user_id": ("user_id", "user"),
    "question_id": ("question_id", "qid"),
    "question": ("question", "question_text"),
    "answer": ("answer", "response_text", "text", "response"),
    "word_count": ("word_count", "words"),
    "seconds": ("seconds", "response_time_seconds"),
    "category": ("category",),
}
_FIELD_OF = {name: field for field, names in FIELDS.items() for name in names}
SHOWN = 12
MAX_NAME_CHARS, MAX_NAME_WORDS = 40, 5


@dataclass(frozen=True)
class Columns:
    """What a header was understood to mean: `fields` maps its names to ours."""

    fields: dict[str, str]
    unused: tuple[str, ...] = ()


def parse_mapping(given: Iterable[str]) -> dict[str, str]:
    """Read `--column` options.

    Args:
        given: such as `answer=Antwort`; fields may also go by their column name.

    Returns:
        Field -> the name of the column in the file.

    Raises:
        BadSource: not of that form, an unknown field, or a field given twice.
    """
    mapping: dict[str, str] = {}
    for option in given:
        left, equals, right = option.partition("=")
        field = _FIELD_OF.get(plain(left))
        if not equals or not right.strip() or not field:
            raise BadSource(
                f"--column {shown_name(option)} is not FIELD=COLUMN: FIELD is one of "
                f"{', '.join(FIELDS)}"
            )
        if field in mapping:
            raise BadSource(f"--column names {field} twice: keep one")
        mapping[field] = right
    return mapping


def match_columns(names: Iterable[str], mapping: Mapping[str, str]) -> Columns:
    """Match the names of a header with the fields.

    Args:
        names: as they stand in the file.
        mapping: of `parse_mapping`; a field in it is taken from nowhere else.

    Returns:
        The columns understood, and those that are not used.

    Raises:
        BadSource: a mapped column is not there, two columns mean the same field, or the
            answer or its question is missing.
    """
    names = list(names)
    fields = {_find(names, column, field): field for field, column in mapping.items()}
    for name in names:
        field = _FIELD_OF.get(plain(name))
        if field and field not in mapping and name not in fields:
            fields[name] = field
    _refuse_doubles(names, fields)
    _refuse_missing(names, fields)
    return Columns(fields, tuple(name for name in names if name not in fields))


def known(names: Iterable[str], mapping: Mapping[str, str]) -> int:
    """Count the names that mean a field; for telling a header's delimiter."""
    mapped = {plain(column) for column in mapping.values()}
    return sum(plain(name) in _FIELD_OF or plain(name) in mapped for name in names)


def plain(name: str) -> str:
    """Return a header name without case, blanks and hyphens, such as `question_id`."""
    return re.sub(r"[\s_-]+", "_", name.strip().strip("\ufeff").casefold())


def shown_name(name: str) -> str:
    """Return a header name fit for a message; a long one may be an answer, and is not shown."""
    line = "".join(ch if ch.isprintable() else " " for ch in name).strip()
    is_name = len(line) <= MAX_NAME_CHARS and len(line.split()) <= MAX_NAME_WORDS
    return line if is_name else f"({len(line)} characters)"


def _find(names: list[str], column: str, field: str) -> str:
    found = [name for name in names if plain(name) == plain(column)]
    if not found:
        raise BadSource(
            f"--column {field}={shown_name(column)}: there is no such column (found: "
            f"{_listed(names)})"
        )
    return found[0]


def _refuse_doubles(names: list[str], fields: dict[str, str]) -> None:
    for field in FIELDS:
        columns = [name for name in names if fields.get(name) == field]
        if len(columns) > 1:
            raise BadSource(
                f"columns {_listed(columns)} both mean {field}: rename one, or choose with "
                f"--column {field}={shown_name(columns[0])}"
            )


def _refuse_missing(names: list[str], fields: dict[str, str]) -> None:
    have = set(fields.values())
    if "answer" not in have:
        raise BadSource(
            f"no column holds the answers (found: {_listed(names)}): name it answer or "
            "response_text, or say which it is with --column answer=COLUMN"
        )
    if not have & {"question_id", "question"}:
        raise BadSource(
            f"no column says which question was answered (found: {_listed(names)}): name it "
            "question or question_id, or use --column question=COLUMN"
        )


def _listed(names: Iterable[str]) -> str:
    names = [shown_name(name) or "(empty)" for name in names]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more or "none"
