"""Divide a person's answers k times, so that every answer is tested on once.

For figures that do not hang on one draw of twelve questions. Groups of near-duplicates are
never parted: a group is tested where its lowest question id has its place, so a new answer
moves nothing but, at most, the group that it joins. The test answers of all folds together
are all answers; `test_ratio` plays no part.

Shape: reflections (n), k -> k Splits.
"""

import random
from collections.abc import Sequence

from echoes_lib.errors import ParamsError, TooFewAnswers
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.sources.store import Reflection
from echoes_lib.reflections.split import Group, Splits, divide, group_answers, seeded_place


def folds(reflections: Sequence[Reflection], k: int, params: PreprocessParams) -> list[Splits]:
    """Divide answers into k splits.

    Args:
        reflections: the answers that the filters kept.
        k: number of folds, at least 2.
        params: validation_ratio, stage2_ratio, near_duplicate_ratio and the seed.

    Returns:
        One division per fold; each question is in the test answers of exactly one.

    Raises:
        ParamsError: k is below 2.
        TooFewAnswers: a split of a fold would be empty.
    """
    if k < 2:
        raise ParamsError(f"k={k} folds: at least 2 are needed, 5 or 10 are usual")
    groups = group_answers(reflections, params)
    return [_fold(groups, number, k, params) for number in range(k)]


def _fold(groups: Sequence[Group], number: int, k: int, params: PreprocessParams) -> Splits:
    places = [seeded_place(group[0].question_id, params.seed) for group in groups]
    test = [g for g, place in zip(groups, places, strict=True) if place % k == number]
    rest = [g for g, place in zip(groups, places, strict=True) if place % k != number]
    if not test:
        raise TooFewAnswers(
            f"user {params.user_id}: fold {number + 1} of k={k} would have no answer to test on, "
            f"{len(groups)} answer(s) that differ are too few: choose a smaller k"
        )
    validation = _some(rest, params.validation_ratio, f"fold {params.seed} {k} {number}")
    return divide(test, validation, [g for g in rest if g not in validation], params)


def _some(groups: Sequence[Group], ratio: float, seed: str) -> list[Group]:
    """Take groups in an order of their own until their answers are the share that is wanted."""
    wanted = max(1, round(ratio * sum(map(len, groups))))
    taken: list[Group] = []
    for group in sorted(groups, key=lambda g: random.Random(f"{seed} {g[0].question_id}").random()):
        if sum(map(len, taken)) >= wanted:
            break
        taken.append(group)
    return taken
