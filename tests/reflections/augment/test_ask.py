"""The asking side: enough wordings for every question, each a sentence of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.reflections.augment.ask import bridge, follow_up, rephrasings
from echoes_lib.reflections.sources.sample import read_lines

QUESTIONS = read_lines("questions")


@pytest.mark.parametrize("line", QUESTIONS, ids=lambda line: str(line["question_id"]))
def test_every_question_of_the_sample_has_wordings_that_are_whole_sentences(line):
    worded = rephrasings(line["question_text"], line["category"])
    assert len(worded) == len(set(worded)) >= 6
    assert line["question_text"] not in worded
    for wording in worded:
        assert wording[0].isupper() and wording[-1] in ".?"
        assert not {"{", "}", "  "} & set(wording) and "??" not in wording and "?." not in wording


@pytest.mark.parametrize(
    ("question", "wording"),
    [
        ("What did your father teach you?", "Tell me what your father taught you."),
        ("How do you remember the dead?", "I'd like to know how you remember the dead."),
        ("What are you still learning?", "Tell me what you are still learning."),
        ("Which place do you miss?", "I wonder which place you miss."),
        ("What is your earliest memory?", "Tell me about your earliest memory."),
        ("Describe the house.", "Help me picture the house."),
        ("Tell me about a meal.", "I'd love to know about a meal."),
    ],
)
def test_free_wordings(question, wording):
    assert wording in rephrasings(question)


def test_where_no_rule_is_sure_the_question_stays_whole():
    question = "What was the first money you earned, and where did it go?"
    assert all(question[1:] in wording for wording in rephrasings(question, "money"))


@given(st.text(), st.text())
def test_any_question_can_be_asked(question, category):
    assert all(isinstance(wording, str) for wording in rephrasings(question, category))
    assert bridge(question, 3)


@pytest.mark.parametrize(
    ("part", "asked"),
    [
        ("Then we left.", "What happened then?"),
        ("But he stayed.", "But?"),
        ("Now I am old.", "And now?"),
        ("Thence it came.", "Go on."),
    ],
)
def test_follow_ups_fit_the_turn(part, asked):
    assert follow_up(part, 0) == asked
