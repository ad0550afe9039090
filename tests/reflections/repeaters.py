"""People who repeat themselves: sayings, whole passages and answers given twice.

The sentences speak of the themes of `nouns.py` in their own words, so that a plain bag of
words can stand in for the sentence encoder and still find themes.
"""

import random

import numpy as np

from echoes_lib.reflections.augment.nouns import NOUNS
from echoes_lib.reflections.sources.store import Reflection

SAYINGS = ("You check it twice.", "Here is the thing.", "Well.", "And that was that!")


def bag_of_words(texts) -> np.ndarray:
    from sklearn.feature_extraction.text import HashingVectorizer

    counter = HashingVectorizer(n_features=256, alternate_sign=False, stop_words="english")
    return counter.transform(texts).toarray()


def sentence(chance: random.Random, number: int, noun: int) -> str:
    gloss = NOUNS[noun].gloss.replace(",", "").split()
    about = " ".join(chance.choices(gloss, k=12))
    return f"I remember the day{number}x{chance.randrange(10**6)} and {about}."


def repeaters(seed: int, n: int, per_answer: int = 6) -> list[Reflection]:
    """Make n answers; a third hold a saying, some a sentence or most of another answer."""
    chance = random.Random(f"repeaters {seed}")
    made: list[Reflection] = []
    for number in range(1, n + 1):
        noun = number % 8
        lines = [sentence(chance, number, noun) for _ in range(per_answer)]
        if chance.random() < 0.35:
            lines.insert(chance.randrange(per_answer), chance.choice(SAYINGS))
        if chance.random() < 0.1:
            lines[0] = f"But {chance.choice(SAYINGS).lower()} {lines[0]}"
        if made and chance.random() < 0.15:
            lines.append(chance.choice(chance.choice(made).text.replace("\n", " ").split(". ")))
            lines[-1] = lines[-1].rstrip(".!") + "."
        if made and chance.random() < 0.1:
            twin = chance.choice(made).text.replace("\n", " ")
            lines = [twin.replace("remember", "recall", 1), lines[0]]
        half = len(lines) // 2
        text = " ".join(lines[:half]) + "\n\n" + " ".join(lines[half:])
        asked = f"What would you say about {NOUNS[noun].phrase}, number {number}?"
        made.append(Reflection(number, f"category{noun % 4}", asked, text.strip(), 240.0))
    return made
