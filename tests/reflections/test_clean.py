import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.reflections.clean import clean_answers, clean_text
from tests.reflections.people import reflections


@given(st.text())
def test_cleaning_what_is_clean_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)


@given(st.lists(st.text("abcXYZ.,'é", min_size=1), min_size=1))
def test_no_word_is_lost_or_changed(words):
    clean = clean_text("  \u200b".join(words))
    assert clean.split() == [word for word in words if word]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("cafe\u0301", "café"),
        ("One\r\n\r\n\r\n\r\ntwo", "One\n\ntwo"),
        ("a\u00a0\tb  c \n d", "a b c\nd"),
        ("zero\u200bwidth\ufeff\x00\x07", "zerowidth"),
        (" \n\u2028 ", ""),
        ("👩\u200d🚒 — “yes”…", "👩\u200d🚒 — “yes”…"),
    ],
)
def test_examples(raw, clean):
    assert clean_text(raw) == clean


def test_answers_keep_order_and_number():
    answers = reflections([3, 1])
    assert clean_answers(answers) == answers
