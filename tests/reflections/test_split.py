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
from echoes_lib.reflections.split import EXPOSURE, assign, split_reflections, split_stages
from tests.reflections.people import reflections

SEEDS = st.integers(0, 2**32 - 1)
RATIOS = st.sampled_from([0.05, 0.1, 0.12, 0.15, 0.2, 0.3])


@given(SEEDS, RATIOS, RATIOS)
@settings(deadline=None, max_examples=30)
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
@settings(deadline=None, max_examples=12)
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


def near_copy(reflection, of):
    """The answer of another question, a few words changed."""
    return replace(reflection, text=of.text.replace("x3x", "y3x", 4))


@given(SEEDS, st.integers(1, 90), st.integers(1, 90))
@settings(deadline=None, max_examples=12)
def test_near_duplicates_share_a_split_and_only_move_towards_training(seed, one, other):
    params = PreprocessParams(seed=seed)
    answers = reflections(range(1, 91))
    before = where(split_reflections(answers, params))
    answers[other - 1] = near_copy(answers[other - 1], answers[one - 1])
    after = where(split_reflections(answers, params))
    assert after[one] == after[other]
    homes = {assign(one, params), assign(other, params)}
    most_exposed = next(name for name in EXPOSURE if name in homes)
    assert (after[one] in ("stage1", "stage2")) == (most_exposed == "training")
    assert most_exposed == "training" or after[one] == most_exposed
    moved = {i for i in before if HELD.get(before[i]) != HELD.get(after[i])}
    assert moved <= {one, other}
    for i in moved:
        assert EXPOSURE.index(HELD.get(after[i], "training")) < EXPOSURE.index(before[i])


HELD = {"test": "test", "validation": "validation"}


def where(splits):
    return {i: name for name, ids in splits.ids().items() for i in ids}


@given(SEEDS, st.integers(60, 90), st.integers(1, 59))
@settings(deadline=None, max_examples=12)
def test_nothing_that_was_ever_trained_on_is_tested_later(seed, new, copied):
    params = PreprocessParams(seed=seed)
    answers = reflections(range(1, 60))
    before = where(split_reflections(answers, params))
    newcomer = near_copy(reflections([new])[0], answers[copied - 1])
    after = where(split_reflections([*answers, newcomer], params))
    trained = {i for i, name in before.items() if name not in HELD}
    assert all(after[i] not in HELD for i in trained)
    assert all(after[i] != "test" for i, name in before.items() if name == "validation")


def test_near_duplicates_are_in_one_stage_and_their_most_specific_answer_speaks_for_both():
    params = PreprocessParams()
    ids = [i for i in range(1, 91) if assign(i, params) == "training"]
    answers = reflections(ids)
    detail = " ".join(f"We met Emil in {1900 + k}." for k in range(9))
    answers[0] = replace(answers[0], text=f"{answers[0].text} {detail}")
    answers[5] = near_copy(answers[5], reflections([ids[0]])[0])
    _, stage2 = split_stages(
        [[answers[0], answers[5]], *[[r] for i, r in enumerate(answers) if i not in (0, 5)]], 0.2
    )
    assert {ids[0], ids[5]} <= {r.question_id for r in stage2}
    assert len(stage2) == round(0.2 * len(answers))


def test_a_shared_sentence_is_hidden_and_the_rest_of_the_answer_stays():
    params = PreprocessParams()
    answers = reflections(range(1, 61))
    held_out = next(r for r in answers if assign(r.question_id, params) == "test")
    leaky = next(r for r in answers if assign(r.question_id, params) == "training")
    sentence = held_out.text.split(".")[0] + "."
    changed = replace(leaky, text=f"{leaky.text} {sentence}")
    splits = split_reflections([changed if r is leaky else r for r in answers], params)
    assert not splits.drops
    assert splits.hidden == {leaky.question_id: {len(leaky.text) + 1}}
    assert leaky.question_id in splits.ids()["stage1"] + splits.ids()["stage2"]


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
