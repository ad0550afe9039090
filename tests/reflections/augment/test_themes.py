"""Themes: clusters with a name, questions in good English, passages put together."""

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.measures.encoder import encode
from echoes_lib.reflections.augment.gather import MAX_WORDS, gathered
from echoes_lib.reflections.augment.nouns import NOUNS, theme_questions
from echoes_lib.reflections.augment.parts import usable
from echoes_lib.reflections.augment.themes import cluster, find_themes
from echoes_lib.reflections.sources.sample import read_lines
from echoes_lib.reflections.sources.store import Reflection
from tests.reflections.repeaters import bag_of_words, repeaters

PLURAL = re.compile(
    r"^(?:your (?:friends|neighbours|grandparents)|the (?:people|strangers|things) )"
)


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.phrase)
def test_every_theme_can_be_asked_about_in_whole_sentences(noun):
    asked = theme_questions(noun)
    assert len(set(asked)) == len(asked) >= 4
    for question in asked:
        assert question[0].isupper() and question.endswith("?") and noun.phrase in question
        assert not {"{", "}"} & set(question) and "  " not in question
        singular = re.search(r"\b(?:has|does|is) " + re.escape(noun.phrase), question)
        assert not (singular and PLURAL.match(noun.phrase)), "a plural with a singular verb"


def test_themes_are_named_once():
    assert len({noun.phrase for noun in NOUNS}) == len(NOUNS) >= 60


def test_clusters_are_found_where_there_are_some_and_none_where_nothing_differs():
    centres = np.eye(16)[:4]
    chance = np.random.default_rng(0)
    points = np.repeat(centres, 12, axis=0) + chance.normal(0, 0.02, (48, 16))
    labels = cluster(points / np.linalg.norm(points, axis=1, keepdims=True))
    assert [len(set(labels[i * 12 : i * 12 + 12])) for i in range(4)] == [1] * 4
    assert len(set(labels)) == 4
    assert set(cluster(np.ones((20, 4)) / 2)) == {0}


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=8)
def test_themes_hold_passages_of_several_answers_and_are_the_same_again(seed):
    answers = [usable(r) for r in repeaters(seed, 40)]
    themes, again = (find_themes(answers, bag_of_words) for _ in range(2))
    assert [(t.noun, t.keywords, t.passages) for t in themes] == [
        (t.noun, t.keywords, t.passages) for t in again
    ]
    for theme in themes:
        assert len(theme.question_ids) > 1 and theme.keywords
        assert len(theme.passages) == len(theme.vectors)


def test_few_passages_make_no_theme():
    assert find_themes([usable(r) for r in repeaters(1, 2)], bag_of_words) == []
    assert find_themes([], bag_of_words) == []


def test_an_example_of_a_theme_holds_each_answer_once_and_only_those_of_its_split():
    answers = [usable(r) for r in repeaters(2, 60)]
    themes = find_themes(answers, bag_of_words)
    made = gathered(themes, answers[:30], random.Random(1))
    assert made
    for example in made:
        (turn,) = example.turns
        ids = [part.question_id for part in turn.parts]
        assert 2 <= len(ids) == len(set(ids)) <= 3 and max(ids) <= 30
        assert len(turn.said.split()) <= MAX_WORDS
        assert turn.said.count("\n\n") == len(ids) - 1
        noun = next(n for n in NOUNS if n.phrase == example.category)
        assert turn.asked in theme_questions(noun)
    assert len({e.example_id for e in made}) == len(made)


@pytest.mark.slow
def test_themes_of_the_sample_are_found_by_the_sentence_encoder():
    questions = {line["question_id"]: line["question_text"] for line in read_lines("questions")}
    answers = [
        usable(Reflection(i, "c", questions[i], line["response_text"], None))
        for line in read_lines("answers/luke")
        if (i := line["question_id"]) and "flaw" not in line
    ]
    found = {theme.noun.phrase: theme.question_ids for theme in find_themes(answers, encode)}
    assert len(found) >= 10
    assert "How do you start a working day?" in [questions[i] for i in found["a working day"]]
