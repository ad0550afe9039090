"""Lay conversations into batches of near-equal length, each token read once.

A row is one conversation from its beginning, so that every answer is learnt with its question
in view. Now and then conversations are laid end to end up to the full context, so that far
positions are learnt as well.

What it does not do: compute anything with a model (`pretrain`).

Shape: lengths (n,) -> plan: batches of rows of conversation numbers; plan -> tensors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["IGNORED", "Batch", "lay_out", "plan_batches"]

Row = list[int]
Batch = list[Row]
# Cross-entropy passes over targets of this value.
IGNORED = -100
WINDOW = 1024
LONG_EVERY = 8


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, context: int, seed: int = 0
) -> list[Batch]:
    """Decide which conversations are read together, and when.

    Within a window of conversations those of like length share a batch; the windows keep their
    order, so that what is read early does not depend on how much is read in all.

    Args:
        lengths: Tokens of each conversation, `(n,)`.
        batch_tokens: The most that a batch may hold, padding included; a batch has a row at
            least.
        context: Tokens of a row that is filled up.
        seed: Orders the batches of a window.

    Returns:
        Batches of rows; every conversation stands in exactly one.
    """
    plan: list[Batch] = []
    for start in range(0, len(lengths), WINDOW):
        numbers = range(start, min(start + WINDOW, len(lengths)))
        rows = _filled([n for n in numbers if n % LONG_EVERY == 0], lengths, context)
        rows += [[n] for n in numbers if n % LONG_EVERY]
        batches = _together(rows, lengths, batch_tokens)
        order = np.random.default_rng((seed, start)).permutation(len(batches))
        plan += [batches[at] for at in order]
    return plan


def _filled(numbers: list[int], lengths: Sequence[int], context: int) -> list[Row]:
    rows: list[Row] = [[]]
    for number in numbers:
        if rows[-1] and sum(lengths[n] for n in rows[-1]) + lengths[number] > context:
            rows.append([])
        rows[-1].append(number)
    return [row for row in rows if row]


def _together(rows: list[Row], lengths: Sequence[int], batch_tokens: int) -> list[Batch]:
    sized = sorted((sum(lengths[n] for n in row), row) for row in rows)
    batches: list[Batch] = [[]]
    for size, row in sized:
        # Sorted, so the row at hand is the longest and sets the width.
        if batches[-1] and size * (len(batches[-1]) + 1) > batch_tokens:
            batches.append([])
        batches[-1].append(row)
    return [batch for batch in batches if batch]


def lay_out(
    batch: Batch, conversations: Sequence[np.ndarray], context: int, pad: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make the tensors of a batch.

    Args:
        batch: Rows of conversation numbers.
        conversations: Token ids of each.
        context: Longer rows are cut to one token more than this.
        pad: Fills the inputs of shorter rows.

    Returns:
        Inputs and targets, each `(rows, width)`; targets of padding are `IGNORED`.
    """
    rows = [np.concatenate([conversations[n] for n in row])[: context + 1] for row in batch]
    width = max(map(len, rows)) - 1
    inputs = np.full((len(rows), width), pad, dtype=np.int64)
    targets = np.full((len(rows), width), IGNORED, dtype=np.int64)
    for at, row in enumerate(rows):
        inputs[at, : len(row) - 1] = row[:-1]
        targets[at, : len(row) - 1] = row[1:]
    return torch.from_numpy(inputs), torch.from_numpy(targets)
