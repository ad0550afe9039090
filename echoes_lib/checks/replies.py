"""Ask the base model the sample's questions and count what is wrong with its replies.

What it does not do: compare with anybody's real answer (`evaluation`).

Shape: base + known words -> Replies(figures, texts).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from echoes_lib.chat.engine import Engine, Reply
from echoes_lib.measures.encoder import encode
from echoes_lib.measures.words import words
from echoes_lib.models.adapters import Echo
from echoes_lib.models.load import Base
from echoes_lib.params import Generation, persona

__all__ = ["Asked", "ask", "has_loop", "measure_replies", "misspelt", "own_question_found"]

AMONG = 20
LOOP_WORDS, LOOP_TIMES = 6, 3


@dataclass(frozen=True)
class Asked:
    """A question, to whom it was put, and the reply."""

    name: str
    question: str
    reply: Reply


def ask(base: Base, questions: Sequence[str], names: Sequence[str], seed: int) -> list[Asked]:
    """Put each question to the base under the persona of one of the names, in turn.

    Args:
        base: Loaded, without adapter.
        questions: The questions, all different.
        names: First names.
        seed: Same seed, same replies.

    Returns:
        The replies, sampled with the project's generation defaults.
    """
    replies: dict[str, Reply] = {}
    for at, name in enumerate(tqdm(names, "replies", leave=False)):
        own = questions[at :: len(names)]
        answered = _engine(base, name).reply_batch(_talks(own), Generation(), seed=seed + at)
        replies |= zip(own, answered, strict=True)
    persons = [names[at % len(names)] for at in range(len(questions))]
    pairs = zip(persons, questions, strict=True)
    return [Asked(name, question, replies[question]) for name, question in pairs]


def _engine(base: Base, name: str) -> Engine:
    """Let the bare base speak under a persona."""
    card = {"name": name, "system_prompt": persona(name)}
    return Engine(Echo(base.model, base.tokenizer, card, base.info))


def _talks(questions: Sequence[str]) -> list[list[dict[str, str]]]:
    return [[{"role": "user", "content": question}] for question in questions]


def measure_replies(asked: Sequence[Asked], known: frozenset[str], seed: int) -> dict[str, float]:
    """Count what is wrong with replies.

    Args:
        asked: The replies, each to another question.
        known: Every word that is spelt well, in lower case.
        seed: Chooses which other questions each reply is offered.

    Returns:
        Shares, 0-1: `ended` by themselves, `looped`, `own_question_found`, and `misspelt`
        of all words.
    """
    texts = [one.reply.text for one in asked]
    found = own_question_found([one.question for one in asked], texts, seed)
    return {
        "ended": float(np.mean([one.reply.finish_reason == "stop" for one in asked])),
        "looped": float(np.mean([has_loop(text) for text in texts])),
        "own_question_found": found,
        "misspelt": misspelt(texts, known),
    }


def has_loop(text: str) -> bool:
    """Say whether any six words stand in a text three times."""
    spoken = [word.lower() for word in words(text)]
    runs = zip(*(spoken[at:] for at in range(LOOP_WORDS)), strict=False)
    return any(n >= LOOP_TIMES for n in Counter(runs).values())


def misspelt(texts: Sequence[str], known: frozenset[str]) -> float:
    """Return the share of words that are in no list; numbers in digits do not count."""
    spoken = [
        word.lower() for text in texts for word in words(text) if word.isalpha() or "'" in word
    ]
    return sum(word not in known for word in spoken) / max(1, len(spoken))


def own_question_found(questions: Sequence[str], texts: Sequence[str], seed: int) -> float:
    """Measure how many replies are nearer to their own question than to 19 others.

    Args:
        questions: n questions, all different; at least 20.
        texts: The reply to each.
        seed: Chooses the 19 for each.

    Returns:
        The share, 0-1; chance is 1 in 20.
    """
    rng = random.Random(seed)
    nearness = encode(texts) @ encode(questions).T
    hits = 0
    for at in range(len(texts)):
        others = rng.sample([i for i in range(len(questions)) if i != at], AMONG - 1)
        hits += nearness[at, at] > nearness[at, others].max()
    return hits / len(texts)
