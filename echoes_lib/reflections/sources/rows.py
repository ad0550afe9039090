"""Turn rows, whose values may be of any type, into questions, answers and times.

SQLite gives whatever was put in, a server what its column is declared as: numbers come as text
and as decimals, texts as bytes. What can be read for sure is read; what cannot is an error that
names the row and never shows its text.

Shape: values of one row -> int, str or float; or BadRow.
"""

import math
from typing import Any

from echoes_lib.errors import BadRow

SHOWN_CHARS = 24


def question_id(value: Any, table: str) -> int:
    """Read a question's id.

    Args:
        value: a whole number, or a text or decimal of one.
        table: where it stands, for the error.

    Raises:
        BadRow: it is no whole number.
    """
    try:
        number = int(value)
        if number == float(value):
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    shown = "NULL" if value is None else ascii(value)[:SHOWN_CHARS]
    raise BadRow(
        f"question_id={shown} in table {table} is not a whole number: number the questions, or "
        "map another column in source.columns"
    )


def text(value: Any, column: str, number: int) -> str:
    """Read a text; NULL is empty.

    Args:
        value: text, bytes of UTF-8, or a number that was typed where a text belongs.
        column: its name, for the error.
        number: the question's id, for the error.

    Raises:
        BadRow: its bytes are not UTF-8.
    """
    if value is None:
        return ""
    raw = value if isinstance(value, bytes | bytearray | memoryview) else None
    # The driver of SQLite is told to keep undecodable bytes as lone surrogates.
    found = bytes(raw).decode("utf-8", "surrogateescape") if raw is not None else str(value)
    try:
        found.encode("utf-8")
    except UnicodeEncodeError as error:
        place = len(found[: error.start].encode("utf-8"))
        raise BadRow(
            f"{column} of question {number} is not UTF-8 (byte {place}): convert the column to "
            "UTF-8 and try again"
        ) from None
    return found


def seconds(value: Any, column: str, number: int) -> float | None:
    """Read a time in seconds; None where none is known.

    Args:
        value: a number, or a text or decimal of one; zero and less mean that nobody measured
            and are left to the filters.
        column: its name, for the error.
        number: the question's id, for the error.

    Raises:
        BadRow: it is no number.
    """
    if value is None or value == "":
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise BadRow(
            f"{column}={ascii(value)[:SHOWN_CHARS]} of question {number} is not a number of "
            "seconds: correct it, or set it to NULL"
        ) from None
    return found if math.isfinite(found) else None


def count(value: Any) -> int | None:
    """Read a number of words, which is for the record alone; None where it is none."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
