"""Take the loss of a piece over the person's own tokens, and make logits for those alone.

On a GPU the forward pass runs under autocast where the base computes in half precision.

The vocabulary is the widest matrix of a small model and the largest activation of a big one;
most tokens of a conversation are questions and prompts, of which no logit is ever needed.

Does not average: sums add up over pieces and processes to the loss of a whole step.

Shape: Piece (rows, tokens) -> summed negative log-likelihood, nats, a scalar in float32.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from echoes_lib.models.render import IGNORED
from echoes_lib.training.batches import Piece

CHUNK_TOKENS = 1024  # logits are made, used and forgotten this many at a time
# Models that bend their logits after the head; the head alone would be wrong there.
_BENT = ("final_logit_softcapping", "logits_scaling", "logit_scale")


class TokenLoss(nn.Module):
    """A causal language model with its loss at the end, as one module."""

    def __init__(self, model: Any):
        """Take a causal language model of transformers, with or without an adapter."""
        super().__init__()
        self.model = model
        self.device = next(model.parameters()).device
        self.half = _half(model, self.device)
        self._plain = model.get_base_model() if hasattr(model, "get_base_model") else model
        config = self._plain.config
        self._is_bent = any(getattr(config, name, None) not in (None, 1, 1.0) for name in _BENT)

    def forward(self, piece: Piece) -> torch.Tensor:
        """Return the summed loss of a piece, which may lie on another device."""
        with torch.autocast(self.device.type, self.half, enabled=self.half is not None):
            return self._loss(placed(piece, self.device))

    def _loss(self, piece: Piece) -> torch.Tensor:
        given = {"attention_mask": piece.attention_mask, "position_ids": piece.position_ids}
        wanted = piece.labels[:, 1:] != IGNORED
        targets = piece.labels[:, 1:][wanted]
        if self._is_bent:
            logits = self._plain(input_ids=piece.input_ids, use_cache=False, **given).logits
            return _nll(logits[:, :-1][wanted], targets)
        decoder = self._plain.get_decoder()
        states = decoder(input_ids=piece.input_ids, use_cache=False, **given)[0]
        return self._in_chunks(states[:, :-1][wanted], targets)

    def _in_chunks(self, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        head = self._plain.get_output_embeddings()
        if len(targets) <= CHUNK_TOKENS:
            return _nll(head(states), targets)
        parts = zip(states.split(CHUNK_TOKENS), targets.split(CHUNK_TOKENS), strict=True)
        chunk = lambda s, t: _nll(head(s), t)  # noqa: E731
        return sum(checkpoint(chunk, s, t, use_reentrant=False) for s, t in parts)


def placed(piece: Piece, device: torch.device) -> Piece:
    """Return the piece with its tensors on a device."""
    return Piece(**{k: v if v is None else v.to(device) for k, v in vars(piece).items()})


def _half(model: Any, device: torch.device) -> torch.dtype | None:
    """Return the half precision that a GPU computes in; None where float32 is computed in."""
    dtype = model.get_input_embeddings().weight.dtype
    return dtype if device.type == "cuda" and dtype is not torch.float32 else None


def _nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits.float(), targets, reduction="sum")
