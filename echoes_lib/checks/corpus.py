"""Write the seedling's training text again, and count in it.

The text is made from a seed, so it need not be kept: the record beside the weights says how
much of it was read, and the hash of the tokens proves that this is the same text.

What it does not do: compose it (`models.seedling.corpus`).

Shape: training.json -> Corpus.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from echoes_lib.errors import ModelError
from echoes_lib.measures.words import sentences, words
from echoes_lib.models.seedling.build import read_corpus

__all__ = ["Corpus", "read_training_text", "repeated_share"]

LONG_WORDS = 8
CONVERSATIONS = 10_000
LETTERS = re.compile(r"[a-z]")


@dataclass(frozen=True)
class Corpus:
    """What the seedling has read.

    Attributes:
        tokens: Its ids in the order of reading, `(n,)`.
        text: What was said in it, a line a message.
        words: Every word in it, in lower case.
        repeated: Share of the people's long sentences that occur more than once in the
            first 10,000 conversations, 0-1.
    """

    tokens: np.ndarray
    text: str
    words: frozenset[str]
    repeated: float


def read_training_text(folder: Path, tokenizer: Any) -> Corpus:
    """Write the text that the weights in a folder were trained on.

    Args:
        folder: Holds training.json.
        tokenizer: The one beside it.

    Raises:
        ModelError: The text is another one by now: its hash is not that of the record.
    """
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    made = read_corpus(tokenizer, record["conversations"], record["seed"])
    if made.sha256() != record["tokens_sha256"]:
        raise ModelError(
            "the seedling's material has changed since its weights were trained: run "
            "`make seedling`, or check out the material that it was trained on"
        )
    said = [message["content"] for talk in made.messages for message in talk]
    known = frozenset(word.lower() for text in said for word in words(text))
    tokens = np.concatenate(made.tokens)
    return Corpus(tokens, "\n".join(said), known, repeated_share(made.messages))


def repeated_share(conversations: list[list[dict[str, str]]]) -> float:
    """Measure how many long sentences of the people's are said more than once.

    Args:
        conversations: The first 10,000 of them are looked at.

    Returns:
        Of the sentences of more than eight words, the share whose wording occurs twice or
        more often, every occurrence counted.
    """
    first = islice(conversations, CONVERSATIONS)
    spoken = (m["content"] for talk in first for m in talk if m["role"] == "assistant")
    long = (s for text in spoken for s in sentences(text) if len(s.split()) > LONG_WORDS)
    counts = Counter(" ".join(sentence.split()) for sentence in long)
    return sum(n for n in counts.values() if n > 1) / max(1, sum(counts.values()))
