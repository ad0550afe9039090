"""Lay conversations beside one another as tensors, for passes that do not train.

Padding stands on the right, is masked and never counts. Does not pack and does not budget.

Shape: list of Encoded -> [{"input_ids", "attention_mask", "labels"}, each (batch, seq)].
"""

from collections.abc import Sequence

import torch

from echoes_lib.models.render import IGNORED, Encoded


def padded_batches(encoded: Sequence[Encoded], size: int = 8) -> list[dict[str, torch.Tensor]]:
    """Make batches of conversations of like length, the longest first.

    Args:
        encoded: conversations as tokens.
        size: conversations per batch; changes nothing but speed and memory.

    Returns:
        Batches in int64 on the CPU; labels are -100 wherever nothing is trained.
    """
    ordered = sorted(encoded, key=lambda example: -len(example.input_ids))
    return [_pad(ordered[start : start + size]) for start in range(0, len(ordered), size)]


def _pad(examples: Sequence[Encoded]) -> dict[str, torch.Tensor]:
    width = max(len(example.input_ids) for example in examples)
    rows = {"input_ids": [], "attention_mask": [], "labels": []}
    for example in examples:
        n = len(example.input_ids)
        rows["input_ids"].append(example.input_ids + [0] * (width - n))
        rows["attention_mask"].append([1] * n + [0] * (width - n))
        rows["labels"].append(example.labels + [IGNORED] * (width - n))
    return {name: torch.tensor(values) for name, values in rows.items()}
