"""Folds test on every answer once, never part near-duplicates, and stay when answers come."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import ParamsError, TooFewAnswers
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.folds import folds
from tests.reflections.people import reflections

SEEDS = st.integers(0, 2**32 - 1)


def asked_in(made):
    return {i: n for n, splits in enumerate(made) for i in splits.ids()["test"]}


@given(SEEDS, st.integers(2, 8))
@settings(deadline=None, max_examples=4)
def test_every_answer_is_tested_on_once_and_folds_are_even(seed, k):
    made = folds(reflections(range(1, 101)), k, PreprocessParams(seed=seed))
    assert len(made) == k
    for splits in made:
        ids = [i for group in splits.ids().values() for i in group]
        assert sorted(ids) == list(range(1, 101))
        assert abs(len(splits.test) - 100 / k) <= 3
        assert abs(len(splits.validation) - 0.1 * (100 - len(splits.test))) <= 1
    assert sorted(i for splits in made for i in splits.ids()["test"]) == list(range(1, 101))


@given(SEEDS, st.integers(1, 60), st.integers(61, 90))
@settings(deadline=None, max_examples=4)
def test_near_duplicates_are_never_parted_and_a_newcomer_moves_nobody(seed, old, new):
    params = PreprocessParams(seed=seed)
    answers = reflections(range(1, 61))
    before = asked_in(folds(answers, 5, params))
    newcomer = replace(reflections([new])[0], text=answers[old - 1].text.replace("x3x", "y3x", 4))
    made = folds([*answers, newcomer], 5, params)
    for splits in made:
        place = {i: name for name, ids in splits.ids().items() for i in ids}
        assert place[old] == place[new]
    after = asked_in(made)
    assert {i: after[i] for i in before} == before


def test_too_many_or_too_few_folds_are_refused():
    with pytest.raises(ParamsError, match="k=1 folds: at least 2"):
        folds(reflections(range(1, 61)), 1, PreprocessParams())
    with pytest.raises(TooFewAnswers, match="of k=50 would have no answer .* choose a smaller k"):
        folds(reflections(range(1, 31)), 50, PreprocessParams(user_id="ada"))
