"""Read CSV and JSONL: one row, one answer.

The delimiter of a CSV is the one under which its header makes most sense: sniffing the body
fails on prose, which is full of commas and semicolons. Quotes must be closed: a quote left
open would swallow the rest of the file in silence. JSONL has one object a line.

Does not judge values; see `check`.

Shape: text, {field: column} -> Found(rows, skips, columns).
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake.columns import known, match_columns
from echoes_lib.reflections.intake.decode import unify_line_ends
from echoes_lib.reflections.intake.rows import Found, Row, Skip

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MAX_HEADER_CHARS = 20_000
_SEP_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own way to say it


def read_csv(name: str, text: str, mapping: Mapping[str, str]) -> Found:
    """Read a CSV with a header line.

    Args:
        name: of the file, for messages.
        text: its content.
        mapping: field -> column, where the header does not say it.

    Returns:
        A row per line that has as many cells as the header; empty lines count for nothing.

    Raises:
        BadSource: no header, columns that are missing or doubled, or a quote left open.
    """
    told = _SEP_LINE.match(text)
    start = told.end() if told else 0
    if not text[start:].strip(" \t\r\n,;|"):
        raise BadSource(f"{name} is empty: it needs a header line and one line per answer")
    delimiter = told[1] if told else _delimiter(text, mapping)
    # A limit on fields would fall on long answers; the file's own size is limited instead.
    usual = csv.field_size_limit(len(text) + 1)
    try:
        lines = _csv_lines(name, text[start:], delimiter, 1 if told else 0)
        _, header = next(lines)
        columns = match_columns(header, mapping)
        fields = [columns.fields.get(column) for column in header]
        found = [_row(place, cells, fields) for place, cells in lines]
    finally:
        csv.field_size_limit(usual)
    rows = [row for row in found if isinstance(row, Row)]
    skips = [skip for skip in found if isinstance(skip, Skip)]
    note = f"delimiter {DELIMITERS.get(delimiter, delimiter)}"
    return Found(rows, skips, note, columns.fields, columns.unused)


def read_jsonl(name: str, text: str, mapping: Mapping[str, str]) -> Found:
    """Read one JSON object a line; see `read_csv` for the arguments.

    Returns:
        A row per object; a line that is no object is skipped, an empty line counts for
        nothing.

    Raises:
        BadSource: no line is an object, or columns are missing or doubled.
    """
    if text.lstrip().startswith("["):
        raise BadSource(
            f"{name} is one JSON array: write one object a line (`jq -c '.[]' {name} > new.jsonl`)"
        )
    parsed = [
        (number, _json_object(line))
        for number, line in enumerate(unify_line_ends(text).split("\n"), start=1)
        if line.strip()
    ]
    objects = [(number, line) for number, line in parsed if line is not None]
    if not objects:
        raise BadSource(f"{name} holds no JSON object: it needs one a line, for one answer each")
    columns = match_columns(dict.fromkeys(key for _, line in objects for key in line), mapping)
    rows = [
        Row(number, {columns.fields[key]: line[key] for key in line if key in columns.fields})
        for number, line in objects
    ]
    skips = [Skip(number, "not a JSON object") for number, line in parsed if line is None]
    return Found(rows, skips, "", columns.fields, columns.unused)


def _delimiter(text: str, mapping: Mapping[str, str]) -> str:
    """Return the delimiter under which the header holds the most known names."""
    start = text[:MAX_HEADER_CHARS]

    def sense(delimiter: str) -> tuple[int, int]:
        try:
            names = next(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter), [])
        except csv.Error:
            return (0, 0)
        return known(names, mapping), len(names)

    return max(DELIMITERS, key=sense)


def _csv_lines(name: str, text: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list]]:
    """Yield (number of its first line, cells) of each line that has a cell."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    place = skipped + 1
    try:
        for cells in reader:
            if any(cells):
                yield place, cells
            place = skipped + reader.line_num + 1
    except csv.Error:
        raise BadSource(
            f"{name} has a quote that is not closed, or words after a closing one, in the row "
            f'that begins in line {place}: write a quote inside an answer as ""'
        ) from None


def _row(place: int, cells: list[str], fields: list[str | None]) -> Row | Skip:
    if len(cells) != len(fields):
        fault = "fewer" if len(cells) < len(fields) else "more"
        return Skip(place, f"{fault} cells than the header")
    pairs = zip(fields, cells, strict=True)
    return Row(place, {field: cell for field, cell in pairs if field})


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
