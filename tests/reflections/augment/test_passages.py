"""Passages stand alone: no fragment, nothing that points at what was not said."""

import pytest

from echoes_lib.measures.words import sentence_spans
from echoes_lib.reflections.augment.parts import usable
from echoes_lib.reflections.augment.passages import find_passages, points_within, stands_alone
from tests.reflections.repeaters import repeaters


@pytest.mark.parametrize(
    "sentence",
    [
        "I learned to row before I learned to read.",
        "My mother said that she would never sell the house.",
        "On the last day of school we buried a tin of pennies.",
        "People think the rope breaks, and it never does.",
    ],
)
def test_what_can_open(sentence):
    assert stands_alone(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "She would never sell the house to my uncle.",
        "But I learned to row before I could read.",
        "Dark, most of the year.",
        "I never let her near the stove again, not once.",
        "In the mornings I am no good for that.",
        "Did I ever learn to row a boat properly?",
        '"I never row," said my father to me at once.',
        "That was the year my brother left for the coast.",
    ],
)
def test_what_cannot(sentence):
    assert not stands_alone(sentence)


def test_later_sentences_must_not_point_outside_either():
    assert points_within("I met a man on the ferry. He had lost his hat.")
    assert not points_within("I hung the doors again. When she came home she laughed.")


def test_passages_are_whole_sentences_of_one_paragraph_and_share_none():
    answers = [usable(r) for r in repeaters(4, 40)]
    texts = {a.question_id: a.reflection.text for a in answers}
    found = find_passages(answers)
    assert found
    seen = set()
    for passage in found:
        text = texts[passage.question_id]
        end = passage.start + len(passage.text)
        assert text[passage.start : end] == passage.text and "\n\n" not in passage.text
        covered = {
            (passage.question_id, a)
            for a, b in sentence_spans(text)
            if a < end and b > passage.start
        }
        assert not covered & seen
        assert 24 <= len(passage.text.split()) <= 80
        seen |= covered


def test_hidden_sentences_are_in_no_passage():
    reflections = repeaters(4, 40)
    hidden = {r.question_id: {sentence_spans(r.text)[3][0]} for r in reflections}
    for passage in find_passages([usable(r, hidden[r.question_id]) for r in reflections]):
        start = next(iter(hidden[passage.question_id]))
        assert not passage.start <= start < passage.start + len(passage.text)
