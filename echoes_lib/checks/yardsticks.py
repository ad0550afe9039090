"""Measure how well models expect the sample people's words, in bits per byte.

Beside a causal language model stand two that need no training to speak of: a 5-gram model
over the same tokens, and xz, which has read the same text before. All see the same bytes;
the first two are told persona and question, and xz is not told but has the other answers.

What it does not do: train (`models.seedling`), or score an echo's held-out answers
(`evaluation`).

Shape: people's answers + a model -> bits per byte, by person and of all.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from echoes_lib.checks.kneser_ney import KneserNey
from echoes_lib.evaluation.likelihood import answer_tokens, score_answers
from echoes_lib.params import persona
from echoes_lib.reflections.sources.sample import read_lines

__all__ = ["People", "by_ngrams", "by_xz", "by_model", "sample_answers"]

MAX_LENGTH = 768
# A dictionary as large as the text, so that nothing read is forgotten.
XZ_DICTIONARY = 1 << 27
Pair = tuple[list[dict[str, str]], str]
People = Mapping[str, Sequence[Pair]]
Bits = dict[str, float]


def sample_answers() -> dict[str, list[Pair]]:
    """Return what the sample people answered, by first name: (persona and question, answer).

    Answers with a planted flaw are left out: they are not the person's words.
    """
    asked = {row["question_id"]: row["question_text"] for row in read_lines("questions")}
    return {
        person["name"]: [
            (_prompt(person["name"], asked[row["question_id"]]), row["response_text"])
            for row in read_lines(f"answers/{person['user_id']}")
            if not row.get("flaw")
        ]
        for person in read_lines("people")
    }


def _prompt(name: str, question: str) -> list[dict[str, str]]:
    system = {"role": "system", "content": persona(name)}
    return [system, {"role": "user", "content": question}]


def by_model(model: Any, tokenizer: Any, people: People) -> Bits:
    """Score with a causal language model."""
    costs = {
        name: score_answers(model, tokenizer, pairs, max_length=MAX_LENGTH)
        for name, pairs in people.items()
    }
    sums = {
        name: (sum(bits.bits for bits in found), sum(bits.n_bytes for bits in found))
        for name, found in costs.items()
    }
    return _per_byte(sums)


def by_ngrams(model: KneserNey, tokenizer: Any, people: People) -> Bits:
    """Score the same tokens with an n-gram model."""
    sums = {}
    for name, pairs in people.items():
        targets = [answer_tokens(tokenizer, *pair, MAX_LENGTH) for pair in pairs]
        bits = [-model.log2_probabilities(np.array(t.ids), t.first).sum() for t in targets]
        sums[name] = float(sum(bits)), sum(target.n_bytes for target in targets)
    return _per_byte(sums)


def by_xz(text: str, people: People) -> Bits:
    """Score by how much longer xz gets when a person's answers follow the text."""
    spoken = {name: "\n".join(answer for _, answer in pairs) for name, pairs in people.items()}
    with ThreadPoolExecutor(max_workers=2) as pool:
        sizes = list(pool.map(_xz_size, [text, *(text + "\n" + said for said in spoken.values())]))
    sums = {
        name: (8.0 * (size - sizes[0]), len(said.encode()))
        for (name, said), size in zip(spoken.items(), sizes[1:], strict=True)
    }
    return _per_byte(sums)


def _xz_size(text: str) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": XZ_DICTIONARY}]
    return len(lzma.compress(text.encode(), filters=filters))


def _per_byte(sums: Mapping[str, tuple[float, int]]) -> Bits:
    """Divide; `all` weighs each person by their bytes."""
    total = sum(bits for bits, _ in sums.values()), sum(n for _, n in sums.values())
    return {name: bits / n_bytes for name, (bits, n_bytes) in {**sums, "all": total}.items()}
