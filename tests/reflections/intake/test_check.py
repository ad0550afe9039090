"""Rows that are answers, rows that are not, and figures that are not believed."""

import pytest

from echoes_lib.reflections.intake.check import check_rows
from echoes_lib.reflections.intake.rows import Row

GOOD = {"user_id": "ada", "question_id": "3", "question": " Why \n so?", "answer": " a\r\nb\rc "}
SECRET = "quillwort"


def check(values, user_id=None):
    return check_rows([Row(7, values)], user_id)


def test_a_good_row_is_taken_as_it_is_but_for_line_ends():
    (answer,) = check(GOOD | {"seconds": "12.5", "category": " own  theme "}).answers
    assert (answer.place, answer.user_id, answer.question_id) == (7, "ada", 3)
    assert (answer.question, answer.text) == ("Why so?", " a\nb\nc ")
    assert (answer.seconds, answer.category) == (12.5, "own theme")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"answer": " \n\t\u00a0"}, "no answer"),
        ({"answer": None}, "no answer"),
        ({"answer": 5}, "answer is not text"),
        ({"answer": [SECRET]}, "answer is not text"),
        ({"answer": f"{SECRET}\0"}, "answer holds a NUL character"),
        ({"answer": f"{SECRET}\ud800"}, "answer holds half a character (a lone surrogate)"),
        ({"question": f"{SECRET}\udfff"}, "question holds half a character (a lone surrogate)"),
        ({"answer": SECRET * 40_000}, "answer is longer than 200000 characters"),
        ({"question": "x" * 2001}, "question is longer than 2000 characters"),
        ({"question_id": None, "question": ""}, "no question"),
        ({"question_id": "three"}, "question_id is not a whole number"),
        ({"question_id": "-3"}, "question_id is not a whole number"),
        ({"question_id": 3.5}, "question_id is not a whole number"),
        ({"question_id": True}, "question_id is not a whole number"),
        ({"question_id": "٣"}, "question_id is not a whole number"),
        ({"question_id": 2**31}, "question_id is above 2147483647"),
        ({"user_id": ""}, "no user_id"),
        ({"user_id": True}, "no user_id"),
        *(
            ({"user_id": user}, "user_id is not made of up to 64 letters A-Z, digits, and . _ -")
            for user in ("'; drop table users; --", "../ada", "..", "ada b", "адa", "a" * 65, [1])
        ),
    ],
)
def test_rows_that_are_no_answer(values, reason):
    checked = check(GOOD | values)
    assert [(skip.place, skip.reason) for skip in checked.skips] == [(7, reason)]
    assert not checked.answers
    assert SECRET not in repr(checked.skips)


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf", "soon", "1,234", True, [3], "1e999"])
def test_times_that_make_no_sense_are_unknown_and_counted(seconds):
    checked = check(GOOD | {"seconds": seconds})
    assert checked.answers[0].seconds is None
    assert [note.reason for note in checked.notes] == [
        "a time that is no number above 0 is kept as unknown"
    ]


@pytest.mark.parametrize(("given", "meant"), [("12,5", 12.5), (" 9 ", 9.0), (3, 3.0), ("", None)])
def test_times_that_do(given, meant):
    checked = check(GOOD | {"seconds": given})
    assert checked.answers[0].seconds == meant
    assert not checked.notes


@pytest.mark.parametrize(
    ("given", "lies"),
    [("3", 0), (4, 0), ("5", 1), ("many", 1), (None, 0), ("", 0), ([3], 1), ("nan", 1)],
)
def test_word_counts_are_compared_with_the_text(given, lies):
    assert len(check(GOOD | {"word_count": given}).notes) == lies


@pytest.mark.parametrize("category", ["x" * 65, 5, "a\x1bb"])
def test_categories_that_cannot_be_stored(category):
    checked = check(GOOD | {"category": category})
    assert checked.answers[0].category == ""
    assert len(checked.notes) == 1


def test_an_earlier_wrong_conversion_is_told():
    assert "wrong conversion" in check(GOOD | {"answer": "na\ufffdve"}).notes[0].reason


def test_user_given_beside_the_file():
    nobody = {name: value for name, value in GOOD.items() if name != "user_id"}
    assert check(nobody, "bob").answers[0].user_id == "bob"
    assert check(GOOD, "ada").answers[0].user_id == "ada"
    assert check(GOOD, "bob").skips[0].reason == "another person than --user"
    assert check(GOOD | {"user_id": 12}).answers[0].user_id == "12"
