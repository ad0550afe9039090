"""Splits are disjoint, whole, stable, of the size that was asked, and leak no sentence."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import NoAnswers, TooFewAnswers
from echoes_lib.measures.specificity import specificity
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.dataset import split_kept
from echoes_lib.reflections.filters import Drop
from echoes_lib.reflections.split import assign, split_reflections
from tests.reflections.people import reflections

SEEDS = st.integers(0, 2**32 - 1)
RATIOS = st.sampled_from([0.05, 0.1, 0.12, 0.15, 0.2, 0.3])


@given(SEEDS, RATIOS, RATIOS)
@settings(deadline=None)
def test_every_answer_has_one_place_and_splits_have_their_size(seed, test, validation):
    params = PreprocessParams(seed=seed, test_ratio=test, validation_ratio=validation)
    answers = reflections(range(100))
    splits = split_reflections(answers, params)
    ids = [i for group in splits.ids().values() for i in group]
    assert sorted(ids) == list(range(100))
    assert abs(len(splits.test) - 100 * test) <= 1
    assert abs(len(splits.validation) - 100 * validation) <= 2
    assert abs(len(splits.stage2) - 0.2 * len(splits.stage1 + splits.stage2)) <= 1


@given(SEEDS, st.sets(st.integers(1, 300), min_size=60))
@settings(deadline=None, max_examples=25)
def test_a_question_keeps_its_split_whatever_else_is_answered(seed, ids):
    params = PreprocessParams(seed=seed)
    everywhere = {i: assign(i, params) for i in range(1, 301)}
    for name in ("test", "validation"):
        try:
            found = split_reflections(reflections(sorted(ids)), params).ids()[name]
        except TooFewAnswers:
            return
        assert found == [i for i in sorted(ids) if everywhere[i] == name]


def test_seeds_differ_and_held_out_questions_are_spread():
    tests = [
        split_reflections(reflections(range(1, 118)), PreprocessParams(seed=s)).ids()["test"]
        for s in range(5)
    ]
    assert len({tuple(ids) for ids in tests}) == 5
    for ids in tests:
        assert 11 <= len(ids) <= 12
        assert all(sum(20 * b <= i < 20 * b + 20 for i in ids) == 2 for b in range(1, 5))


def test_stage_2_has_the_most_specific():
    answers = [
        replace(r, text=r.text + " We met Emil in 1994." * (r.question_id % 7))
        for r in reflections(range(1, 61))
    ]
    splits = split_reflections(answers, PreprocessParams())
    scores = {
        name: [specificity(r.text).per_100_words for r in getattr(splits, name)]
        for name in ("stage1", "stage2")
    }
    assert min(scores["stage2"]) >= max(scores["stage1"])


def test_a_training_answer_that_repeats_a_long_held_out_sentence_is_dropped_a_saying_stays():
    params = PreprocessParams()
    answers = reflections(range(1, 61))
    held_out = next(r for r in answers if assign(r.question_id, params) == "test")
    leaky, saying = [r for r in answers if assign(r.question_id, params) == "training"][:2]
    sentence = held_out.text.split(".")[0] + "."
    answers = [
        replace(r, text=f"{r.text} {sentence}")
        if r is leaky
        else replace(r, text=f"{r.text} You check it twice.")
        if r in (saying, held_out)
        else r
        for r in answers
    ]
    splits = split_reflections(answers, params)
    assert [d.question_id for d in splits.drops] == [leaky.question_id]
    assert splits.drops[0].reason == "held_out_sentence"
    assert saying.question_id in splits.ids()["stage1"] + splits.ids()["stage2"]


def test_too_few_answers_says_how_many_which_split_and_how_many_are_needed():
    expected = (
        r"user ada has 3 usable answer\(s\), and split .*test.* would be empty .*test_ratio=0.1"
        r".*about 20 are needed.*params/demo/1_preprocess.yaml"
    )
    params = PreprocessParams(user_id="ada")
    ids = [i for i in range(1, 40) if assign(i, params) == "training"][:3]
    with pytest.raises(TooFewAnswers, match=expected):
        split_reflections(reflections(ids), params)


def test_nothing_left_after_the_filters_says_what_took_it():
    drops = [
        Drop(1, "too_short", 3, 50),
        Drop(2, "too_short", 4, 50),
        Drop(3, "too_fast", 900, 120),
    ]
    with pytest.raises(NoAnswers, match=r"after the filters \(too_short 2, too_fast 1\): loosen"):
        split_kept([], drops, PreprocessParams())
