"""Languages are told apart, mixtures are shared out, and nothing is guessed of no letters."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import ParamsError
from echoes_lib.measures.language import (
    PIECE_WORDS,
    check_languages,
    known_languages,
    language_shares,
    pieces,
)
from echoes_lib.reflections.sources.sample import read_lines, sample_users
from tests.measures.foreign import ANSWERS


@pytest.mark.parametrize("code", ANSWERS)
def test_eight_languages_are_known_by_one_answer(code):
    assert language_shares(ANSWERS[code]) == {code: 1.0}


@pytest.mark.parametrize("user", sample_users())
def test_every_answer_of_the_sample_is_english_for_more_than_the_default_asks(user):
    shares = [language_shares(line["response_text"]) for line in read_lines(f"answers/{user}")]
    assert min(found.get("en", 0) for found in shares) > 0.8


@pytest.mark.parametrize("code", ANSWERS)
def test_half_and_half_is_below_the_default(code):
    english = read_lines("answers/luke")[9]["response_text"].split()
    foreign = ANSWERS[code]
    mixed = f"{foreign}\n\n{' '.join(english[: len(foreign.split())])}."
    found = language_shares(mixed)
    assert 0.3 < found["en"] < 0.7 and found[code] > 0.3


@pytest.mark.parametrize("text", ["", "  ", "12 34, 5.", "🙂 🙂", "…"])
def test_without_letters_there_is_no_language(text):
    assert language_shares(text) == {}


@settings(deadline=None)  # the first call loads the languages
@given(st.text(st.sampled_from(list("ab é.!? \nЖ漢1")), max_size=200))
def test_shares_sum_to_one_and_pieces_lose_no_word(text):
    found = language_shares(text)
    assert not found or sum(found.values()) == pytest.approx(1)
    assert " ".join(pieces(text)).split() == text.split()
    assert all(len(piece.split()) >= PIECE_WORDS for piece in pieces(text)[:-1])


def test_a_code_that_no_text_can_be_in_is_refused():
    check_languages(["en", "pt"])
    assert {"en", "de", "zh"} <= known_languages()
    with pytest.raises(ParamsError, match="languages='xx' .* ISO 639-1"):
        check_languages(["en", "xx"])
