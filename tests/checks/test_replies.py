"""What is counted in replies is what a reader would object to."""

import pytest

from echoes_lib.checks.replies import has_loop, misspelt, own_question_found

LISTED = """
bread dogs trains hats rain money sleep football chess onions bicycles school paint ships tea
candles shoes letters snow teeth bees clocks
"""
THINGS = LISTED.split()


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("one two three four five six. " * 3, True),
        ("One two three four five six. " * 2, False),
        ("I came home and I came home and then I left", False),
        ("", False),
    ],
)
def test_a_loop_is_six_words_three_times(text, loops):
    assert has_loop(text) is loops


def test_misspelt_words_are_those_in_no_list():
    known = frozenset({"my", "cat", "isn't", "well"})
    assert misspelt(["My cat isn't wel, 12."], known) == pytest.approx(1 / 4)
    assert misspelt([""], known) == 0.0


def test_replies_on_the_question_are_found_and_shuffled_ones_are_not():
    questions = [f"What do you think about {thing}?" for thing in THINGS]
    replies = [f"When it comes to {thing}, I have always liked {thing}." for thing in THINGS]
    assert own_question_found(questions, replies, seed=0) > 0.9
    assert own_question_found(questions, replies[7:] + replies[:7], seed=0) < 0.2
