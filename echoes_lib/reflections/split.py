"""Divide a person's answers before anything is made of them.

Every question has a home that depends on its id, the seed and the ratios alone. Ids are taken
in blocks of twenty; a seeded shuffle gives each question a place in its block, and places are
dealt out evenly: with a ratio of 0.1 every tenth place is test. So the held-out questions are
spread over the questionnaire, and two people with the same seed are tested on the same
questions and can be compared.

Near-duplicate answers of a person are never parted. A group of them goes to the most exposed
of its members' homes: to training if any has its home there, else to validation, else to test.
So when answers are added, edited or dropped

- a question whose answer is like no other keeps its split;
- a question at home in training stays there, always;
- a held-out question can only move towards training, and only when a near-duplicate of its
  answer has its home there. The other way round, an echo that was trained before would be
  tested on what it has seen.

Which of the training answers are the most specific is a matter of rank: stage 1 and stage 2
may exchange answers when others are added. Sentences that training and held-out answers share
are hidden from training (`leaks.py`).

Shape: reflections (n) -> Splits: test + validation + stage1 + stage2 + drops = n.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from echoes_lib.errors import TooFewAnswers
from echoes_lib.measures.near_duplicates import near_duplicate_groups
from echoes_lib.measures.specificity import specificity
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.filters import Drop
from echoes_lib.reflections.leaks import find_leaks
from echoes_lib.reflections.sources.store import Reflection

BLOCK = 20
NAMES = ("test", "validation", "stage1", "stage2")
EXPOSURE = ("training", "validation", "test")  # the first has the first claim on a group
Group = list[Reflection]


@dataclass(frozen=True)
class Splits:
    """A person's answers by what they are used for, each in order of question id.

    `drops` are answers that are in no split, `cuts` those of which sentences are hidden, and
    `hidden` says which: question id -> where these sentences start.
    """

    test: list[Reflection]
    validation: list[Reflection]
    stage1: list[Reflection]
    stage2: list[Reflection]
    drops: list[Drop] = field(default_factory=list)
    cuts: list[Drop] = field(default_factory=list)
    hidden: dict[int, frozenset[int]] = field(default_factory=dict)

    def ids(self) -> dict[str, list[int]]:
        """Return the question ids of each split."""
        return {name: [r.question_id for r in getattr(self, name)] for name in NAMES}


def split_reflections(reflections: Sequence[Reflection], params: PreprocessParams) -> Splits:
    """Divide answers into test, validation, stage 1 and stage 2.

    Args:
        reflections: the answers that the filters kept.
        params: the ratios and the seed.

    Returns:
        Disjoint lists.

    Raises:
        TooFewAnswers: a split would be empty.
    """
    dealt: dict[str, list[Group]] = {name: [] for name in EXPOSURE}
    for group in group_answers(reflections, params):
        homes = {assign(reflection.question_id, params) for reflection in group}
        dealt[next(name for name in EXPOSURE if name in homes)].append(group)
    return divide(dealt["test"], dealt["validation"], dealt["training"], params)


def divide(
    test: Sequence[Group],
    validation: Sequence[Group],
    training: Sequence[Group],
    params: PreprocessParams,
) -> Splits:
    """Hide what training shares with the held-out answers, and part it into two stages.

    Raises:
        TooFewAnswers: a split would be empty.
    """
    held_out = [_flat(test), _flat(validation)]
    leaks = find_leaks(_flat(training), held_out[0] + held_out[1])
    lost = {drop.question_id for drop in leaks.drops}
    kept = [[r for r in group if r.question_id not in lost] for group in training]
    stages = split_stages([group for group in kept if group], params.stage2_ratio)
    splits = Splits(*held_out, *stages, leaks.drops, leaks.cuts, leaks.hidden)
    _check(splits, sum(map(len, [*test, *validation, *training])), params)
    return splits


def group_answers(reflections: Sequence[Reflection], params: PreprocessParams) -> list[Group]:
    """Group answers that are near-duplicates; see `measures.near_duplicates`.

    Returns:
        Groups in order of their first question; most hold one answer.
    """
    answers = sorted(reflections, key=lambda r: r.question_id)
    groups = near_duplicate_groups([r.text for r in answers], params.near_duplicate_ratio)
    return [[answers[i] for i in group] for group in groups]


def assign(question_id: int, params: PreprocessParams) -> str:
    """Say which split a question has its home in, whoever answers it.

    Args:
        question_id: any integer.
        params: test_ratio, validation_ratio and seed.

    Returns:
        `test`, `validation` or `training`.
    """
    place = seeded_place(question_id, params.seed)
    test = Fraction(str(params.test_ratio))  # exact, where 0.1 as a float is not
    if _is_dealt(place, test):
        return "test"
    place_in_rest = place - floor(place * test)
    validation = Fraction(str(params.validation_ratio)) / (1 - test)
    return "validation" if _is_dealt(place_in_rest, validation) else "training"


def seeded_place(question_id: int, seed: int) -> int:
    """Return a question's place after every block of twenty ids is shuffled by itself."""
    block, within = divmod(question_id, BLOCK)
    order = list(range(BLOCK))
    random.Random(f"split {seed} {block}").shuffle(order)
    return block * BLOCK + order[within]


def split_stages(
    training: Sequence[Group], stage2_ratio: float
) -> tuple[list[Reflection], list[Reflection]]:
    """Give the most specific answers to stage 2, the rest to stage 1.

    Args:
        training: groups of answers that are not held out; no group is parted, its most
            specific answer speaks for it.
        stage2_ratio: share of the answers for stage 2; at least one group.

    Returns:
        Stage 1 and stage 2, each in order of question id.
    """
    wanted = max(1, round(sum(map(len, training)) * stage2_ratio))
    ranked = sorted(training, key=lambda group: (-_most_specific(group), group[0].question_id))
    specific: list[Group] = []
    for group in ranked:
        n = sum(map(len, specific))
        if n == 0 or n + len(group) <= wanted:
            specific.append(group)
    chosen = {r.question_id for group in specific for r in group}
    return _flat([g for g in training if g[0].question_id not in chosen]), _flat(specific)


def _most_specific(group: Group) -> float:
    return max(specificity(reflection.text).per_100_words for reflection in group)


def _flat(groups: Sequence[Group]) -> list[Reflection]:
    return sorted((r for group in groups for r in group), key=lambda r: r.question_id)


def _is_dealt(place: int, ratio: Fraction) -> bool:
    return floor((place + 1) * ratio) > floor(place * ratio)


def _check(splits: Splits, n: int, params: PreprocessParams) -> None:
    empty = [name for name in NAMES if not getattr(splits, name)]
    if not empty:
        return
    needed = ceil(2 / min(params.test_ratio, params.validation_ratio, params.stage2_ratio))
    raise TooFewAnswers(
        f"user {params.user_id} has {n} usable answer(s), and split {', '.join(empty)} would be "
        f"empty (test_ratio={params.test_ratio}, validation_ratio={params.validation_ratio}, "
        f"stage2_ratio={params.stage2_ratio}): about {needed} are needed. Answer more questions, "
        f"or raise the ratios in params/{params.profile}/1_preprocess.yaml"
    )
