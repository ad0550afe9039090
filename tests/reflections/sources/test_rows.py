"""Values of any type become an id, a text or a time, or an error that shows no text."""

import math
from decimal import Decimal

import pytest

from echoes_lib.errors import BadRow
from echoes_lib.reflections.sources import rows


@pytest.mark.parametrize("value", [17, "17", 17.0, Decimal(17), " 17 "])
def test_whole_numbers_of_any_type(value):
    assert rows.question_id(value, "questions") == 17


@pytest.mark.parametrize(
    "value", [None, "", "seventeen", 17.5, "17.5", b"x", math.inf, math.nan, [], "9" * 5000]
)
def test_what_is_no_whole_number(value):
    with pytest.raises(BadRow, match="in table questions is not a whole number: number") as caught:
        rows.question_id(value, "questions")
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "value, expected",
    [(None, ""), ("é", "é"), ("é".encode(), "é"), (memoryview(b"a"), "a"), (12, "12")],
)
def test_texts(value, expected):
    assert rows.text(value, "response_text", 3) == expected


@pytest.mark.parametrize(
    "value, byte",
    [(b"my secret \xff", 10), ("my secret \udcff", 10), ("é\ud800", 2), ("a".encode("utf-16"), 0)],
)
def test_a_text_that_is_not_utf_8_is_not_shown(value, byte):
    with pytest.raises(BadRow, match=rf"response_text of question 3 is not UTF-8 \(byte {byte}\)"):
        rows.text(value, "response_text", 3)


@pytest.mark.parametrize(
    "value, expected",
    [(None, None), ("", None), (3, 3.0), ("3.5", 3.5), (Decimal("2"), 2.0), (-4, -4.0)]
    + [(math.inf, None), (math.nan, None)],
)
def test_times(value, expected):
    assert rows.seconds(value, "response_time_seconds", 3) == expected


def test_what_is_no_time():
    with pytest.raises(BadRow, match="='quick' of question 3 is not a number of seconds"):
        rows.seconds("quick", "response_time_seconds", 3)
