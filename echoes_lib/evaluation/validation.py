"""Measure the loss by which training chose its best point, of any model and at any time.

The same figure as in training's curves: each trained token of the validation split counts
once, whatever batch it is in. Compares no systems and draws no intervals.

Shape: model + list of Encoded -> nats per trained token.
"""

from collections.abc import Sequence
from typing import Any

import torch

from echoes_lib.models.padding import padded_batches
from echoes_lib.models.render import IGNORED, Encoded


def validation_loss(model: Any, encoded: Sequence[Encoded], batch_size: int = 8) -> float:
    """Score conversations under a model.

    Args:
        model: a causal language model, with or without an adapter, in eval mode.
        encoded: conversations with at least one trained token.
        batch_size: conversations per pass; changes nothing but speed and memory.

    Returns:
        The mean negative log-likelihood, in nats per trained token.
    """
    total, tokens = 0.0, 0
    for batch in padded_batches(encoded, batch_size):
        nats, counted = _score(model, {name: t.to(model.device) for name, t in batch.items()})
        total, tokens = total + nats, tokens + counted
    return total / tokens


def _score(model: Any, batch: dict[str, torch.Tensor]) -> tuple[float, int]:
    """Sum the loss of a batch; only rows of logits that have a label become float32."""
    wanted = batch["labels"][:, 1:]  # (batch, seq - 1)
    own = wanted != IGNORED
    with torch.inference_mode():
        logits = model(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
        ).logits
        rows = logits[:, :-1][own].float()  # (trained tokens, vocabulary)
        nats = torch.nn.functional.cross_entropy(rows, wanted[own], reduction="sum")
    return nats.double().item(), int(own.sum())
