"""Put passages of several answers together that speak of one theme.

The question is asked about the theme; the answer is two or three passages, each from another
answer, each a paragraph. It opens with the passage nearest to the theme and goes on with the
one nearest to the passage before, so that neighbours have something in common.

Shape: themes, the answers of one split -> examples of kind `theme`, all themes by turns.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np

from echoes_lib.reflections.augment.examples import Example, Turn
from echoes_lib.reflections.augment.nouns import theme_questions
from echoes_lib.reflections.augment.parts import PARAGRAPH, Answer
from echoes_lib.reflections.augment.passages import Passage
from echoes_lib.reflections.augment.themes import Theme

PASSAGES, MAX_WORDS = 3, 150


def gathered(
    themes: Sequence[Theme], answers: Sequence[Answer], chance: random.Random
) -> list[Example]:
    """Make the examples of all themes from the answers of one split.

    Args:
        themes: of the whole training set.
        answers: of one split; passages of other answers are left alone.
        chance: decides which question of a theme comes first.

    Returns:
        One example of each theme, then a second of each, while passages last; a passage is
        in one example at most.
    """
    allowed = {answer.question_id for answer in answers}
    rows = [list(_of_theme(theme, allowed, chance.randrange(1000))) for theme in themes]
    return [example for row in zip_longest(*rows) for example in row if example]


def _of_theme(theme: Theme, allowed: set[int], first: int) -> Iterator[Example]:
    left = [i for i, p in enumerate(theme.passages) if p.question_id in allowed]
    worded = theme_questions(theme.noun)
    slug = theme.noun.phrase.replace(" ", "_")
    n = 0
    while chosen := _choose(theme, left):
        left = [i for i in left if i not in chosen]
        passages = [theme.passages[i] for i in chosen]
        turn = Turn(worded[(first + n) % len(worded)], _joined(passages))
        n += 1
        ids = "-".join(str(p.question_id) for p in passages)
        yield Example(f"{ids}-theme-{slug}-{n}", "theme", theme.noun.phrase, (turn,))


def _choose(theme: Theme, left: list[int]) -> list[int]:
    """Choose up to three passages of as many answers; none when there are not two."""
    chosen = left[:1]
    while chosen and len(chosen) < PASSAGES:
        used = {theme.passages[i].question_id for i in chosen}
        n_words = sum(len(theme.passages[i].text.split()) for i in chosen)
        others = [
            i
            for i in left
            if theme.passages[i].question_id not in used
            and n_words + len(theme.passages[i].text.split()) <= MAX_WORDS
        ]
        if not others:
            break
        near = np.round(theme.vectors[others] @ theme.vectors[chosen[-1]], 4)
        chosen.append(others[int(near.argmax())])
    return chosen if len(chosen) > 1 else []


def _joined(passages: Sequence[Passage]) -> tuple:
    leads = ["", *[PARAGRAPH] * (len(passages) - 1)]
    return tuple(p.part(lead) for p, lead in zip(passages, leads, strict=True))
