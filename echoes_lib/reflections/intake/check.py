r"""Judge the rows of a file one by one: which is an answer, and which is not, and why.

A row without a usable answer, person or question is skipped with a reason. A figure beside
the answer that makes no sense (a time below zero, a word count that is not the text's) costs
the figure, not the answer, and is counted. The text is taken as it is, but for line ends,
which become `\n`; cleaning comes later.

Shape: rows, user_id -> Checked(answers, skips, notes).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from echoes_lib.reflections.intake.decode import unify_line_ends
from echoes_lib.reflections.intake.rows import Place, Row, Skip

USER_ID = re.compile(r"(?!\.+$)[A-Za-z0-9._-]{1,64}")  # also names folders and experiments
SURROGATE = re.compile("[\ud800-\udfff]")
MAX_ANSWER_CHARS = 200_000  # 35,000 words: a long chapter
MAX_QUESTION_CHARS = 2_000
MAX_CATEGORY_CHARS = 64
MAX_QUESTION_ID = 2**31 - 1
_WORD_COUNT_SLACK = 0.1


@dataclass(frozen=True)
class Answer:
    """A usable answer; `question_id` and `question` are as the file gives them, or one of them."""

    place: Place
    user_id: str
    question_id: int | None
    question: str
    text: str
    seconds: float | None
    category: str


@dataclass
class Checked:
    """Usable answers in order, what was skipped, and figures that were not believed."""

    answers: list[Answer] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    notes: list[Skip] = field(default_factory=list)


class _Unusable(Exception):
    """Why a row is no answer."""


def check_rows(rows: Iterable[Row], user_id: str | None = None) -> Checked:
    """Judge rows.

    Args:
        rows: as read from a file.
        user_id: whose answers they are where the row does not say; rows that name somebody
            else are then skipped.

    Returns:
        Answers, skips and notes, each in the order of rows.
    """
    checked = Checked()
    for row in rows:
        try:
            checked.answers.append(_answer(row, user_id, checked.notes))
        except _Unusable as why:
            checked.skips.append(Skip(row.place, str(why)))
    return checked


def _answer(row: Row, user_id: str | None, notes: list[Skip]) -> Answer:
    values = row.values
    text = _text(values, "answer", MAX_ANSWER_CHARS)
    if not text.strip():
        raise _Unusable("no answer")
    question = " ".join(_text(values, "question", MAX_QUESTION_CHARS).split())
    number = _question_id(values.get("question_id"))
    if number is None and not question:
        raise _Unusable("no question")
    seconds, is_usable = _seconds(values.get("seconds"))
    answer = Answer(
        row.place, _user(values, user_id), number, question, text, seconds, _category(row, notes)
    )
    if not is_usable:
        notes.append(Skip(row.place, "a time that is no number above 0 is kept as unknown"))
    if _lies(values.get("word_count"), len(text.split())):
        notes.append(Skip(row.place, "word_count is not the text's: the words were counted"))
    if "\ufffd" in text:
        notes.append(Skip(row.place, "holds the sign � of an earlier wrong conversion"))
    return answer


def _text(values: dict[str, Any], name: str, limit: int) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Unusable(f"{name} is not text")
    if "\0" in value:
        raise _Unusable(f"{name} holds a NUL character")
    if SURROGATE.search(value):
        raise _Unusable(f"{name} holds half a character (a lone surrogate)")
    if len(value) > limit:
        raise _Unusable(f"{name} is longer than {limit} characters")
    return unify_line_ends(value)


def _user(values: dict[str, Any], user_id: str | None) -> str:
    value = values.get("user_id")
    given = "" if value is None or isinstance(value, bool) else str(value).strip()
    if not given and user_id is None:
        raise _Unusable("no user_id")
    if given and not USER_ID.fullmatch(given):
        raise _Unusable("user_id is not made of up to 64 letters A-Z, digits, and . _ -")
    if given and user_id is not None and given != user_id:
        raise _Unusable("another person than --user")
    return given or user_id


def _question_id(value: Any) -> int | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}(?:\.0+)?", text):
        raise _Unusable("question_id is not a whole number")
    number = int(text.split(".")[0])
    if number > MAX_QUESTION_ID:
        raise _Unusable(f"question_id is above {MAX_QUESTION_ID}")
    return number


def _seconds(value: Any) -> tuple[float | None, bool]:
    """Return a time, None where there is none, and whether what was given made sense."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None, True
    text = str(value).strip()
    if re.fullmatch(r"\d+,\d{1,2}", text):  # a decimal comma; with three digits it is unclear
        text = text.replace(",", ".")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    usable = not isinstance(value, bool) and math.isfinite(seconds) and seconds > 0
    return (seconds, True) if usable else (None, False)


def _lies(given: Any, counted: int) -> bool:
    if given is None or (isinstance(given, str) and not given.strip()):
        return False
    try:
        return not abs(float(given) - counted) <= max(1, _WORD_COUNT_SLACK * counted)
    except (TypeError, ValueError, OverflowError):
        return True


def _category(row: Row, notes: list[Skip]) -> str:
    value = row.values.get("category")
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    category = " ".join(value.split()) if isinstance(value, str) else ""
    if not category or len(category) > MAX_CATEGORY_CHARS or not category.isprintable():
        notes.append(Skip(row.place, f"category is not text of {MAX_CATEGORY_CHARS} characters"))
        return ""
    return category
