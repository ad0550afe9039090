"""Divide a person's answers before anything is made of them.

Test and validation depend on the question's id, the seed and the ratios alone. Ids are taken
in blocks of twenty; a seeded shuffle gives each question a place in its block, and places are
dealt out evenly: with a ratio of 0.1 every tenth place is test. So

- a question keeps its split when answers are added, edited or dropped;
- the held-out questions are spread over the questionnaire, and with it over its categories;
- two people with the same seed are tested on the same questions, and can be compared.

Of the rest the most specific go to stage 2. A training answer that repeats a long sentence of
a held-out one is dropped (`held_out_sentence`); short sayings that a person keeps coming back
to stay, they are what an echo is to learn.

Shape: reflections (n) -> Splits: test + validation + stage1 + stage2 + drops = n.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from echoes_lib.errors import TooFewAnswers
from echoes_lib.measures.specificity import specificity
from echoes_lib.measures.words import sentences, words
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.filters import Drop
from echoes_lib.reflections.store import Reflection

BLOCK = 20
NAMES = ("test", "validation", "stage1", "stage2")
LONG_SENTENCE_WORDS = 8


@dataclass(frozen=True)
class Splits:
    """A person's answers by what they are used for, each in order of question id."""

    test: list[Reflection]
    validation: list[Reflection]
    stage1: list[Reflection]
    stage2: list[Reflection]
    drops: list[Drop] = field(default_factory=list)

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
    groups: dict[str, list[Reflection]] = {"test": [], "validation": [], "training": []}
    for reflection in reflections:
        groups[assign(reflection.question_id, params)].append(reflection)
    training, drops = _without_leaks(groups["training"], groups["test"] + groups["validation"])
    stage1, stage2 = split_stages(training, params.stage2_ratio)
    splits = Splits(groups["test"], groups["validation"], stage1, stage2, drops)
    _check(splits, len(reflections), params)
    return splits


def assign(question_id: int, params: PreprocessParams) -> str:
    """Say which split a question belongs to, whoever answers it.

    Args:
        question_id: any integer.
        params: test_ratio, validation_ratio and seed.

    Returns:
        `test`, `validation` or `training`.
    """
    block, within = divmod(question_id, BLOCK)
    order = list(range(BLOCK))
    random.Random(f"split {params.seed} {block}").shuffle(order)
    place = block * BLOCK + order[within]
    test = Fraction(str(params.test_ratio))  # exact, where 0.1 as a float is not
    if _is_dealt(place, test):
        return "test"
    place_in_rest = place - floor(place * test)
    validation = Fraction(str(params.validation_ratio)) / (1 - test)
    return "validation" if _is_dealt(place_in_rest, validation) else "training"


def split_stages(
    training: Sequence[Reflection], stage2_ratio: float
) -> tuple[list[Reflection], list[Reflection]]:
    """Give the most specific answers to stage 2, the rest to stage 1.

    Args:
        training: answers that are not held out.
        stage2_ratio: share of them for stage 2; at least one answer.

    Returns:
        Stage 1 and stage 2, each in order of question id.
    """
    n = max(1, round(len(training) * stage2_ratio))
    ranked = sorted(training, key=lambda r: (-specificity(r.text).per_100_words, r.question_id))
    chosen = {r.question_id for r in ranked[:n]}
    broad = [r for r in training if r.question_id not in chosen]
    return broad, [r for r in training if r.question_id in chosen]


def _is_dealt(place: int, ratio: Fraction) -> bool:
    return floor((place + 1) * ratio) > floor(place * ratio)


def _without_leaks(
    training: Sequence[Reflection], held_out: Sequence[Reflection]
) -> tuple[list[Reflection], list[Drop]]:
    hidden = {line for r in held_out for line in _long_sentences(r.text)}
    kept: list[Reflection] = []
    drops: list[Drop] = []
    for reflection in training:
        shared = [len(line) for line in _long_sentences(reflection.text) if line in hidden]
        if shared:
            drops.append(
                Drop(reflection.question_id, "held_out_sentence", max(shared), LONG_SENTENCE_WORDS)
            )
        else:
            kept.append(reflection)
    return kept, drops


def _long_sentences(text: str) -> list[tuple[str, ...]]:
    lines = (tuple(words(sentence.lower())) for sentence in sentences(text))
    return [line for line in lines if len(line) >= LONG_SENTENCE_WORDS]


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
