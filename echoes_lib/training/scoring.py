"""Take the loss over conversations that nobody trains on, in pieces that fit the memory.

Each trained token counts once, whatever piece it is in. When memory runs out the pieces get
smaller, here alone: training's own pieces and layers stay as they are.

Compares no systems and draws no intervals (see `evaluation`).

Shape: model + list of Encoded -> nats per trained token.
"""

from collections.abc import Sequence
from typing import Any

import torch

from echoes_lib.errors import NotEnoughMemory
from echoes_lib.models.render import Encoded
from echoes_lib.training.batches import blank, cut
from echoes_lib.training.loss import TokenLoss
from echoes_lib.training.retreat import check_can_retreat, give_back
from echoes_lib.training.team import this_team

MAX_TOKENS = 2048


class Scorer:
    """Scores conversations under one model, and remembers how large a piece may be."""

    def __init__(self, loss: TokenLoss, pad: int, max_tokens: int = MAX_TOKENS):
        """Score with `loss`, in pieces of at most `max_tokens` tokens padded with `pad`."""
        self.loss, self.pad, self.max_tokens = loss, pad, max_tokens
        self.team = this_team()

    def mean(self, examples: Sequence[Encoded]) -> float:
        """Return the mean negative log-likelihood, in nats per trained token.

        Puts the model into eval mode and leaves it there.

        Args:
            examples: conversations with at least one trained token.

        Raises:
            NotEnoughMemory: not even the longest conversation fits by itself.
        """
        self.loss.model.eval()
        while True:
            try:
                total, tokens = self._sums(examples)
                return total / tokens
            except (RuntimeError, MemoryError) as error:
                check_can_retreat(error, self.max_tokens, self.team.is_split)
            self._shrink(max(len(e.input_ids) for e in examples))

    def _sums(self, examples: Sequence[Encoded]) -> tuple[float, int]:
        pieces = cut(examples, self.max_tokens, False, self.pad)
        sums = torch.zeros(2, dtype=torch.float64, device=self.loss.device)
        with torch.no_grad():
            for piece in self.team.share(pieces, blank(self.pad)):
                sums[0] += self.loss(piece).double()
                sums[1] += piece.trained_tokens
        self.team.add_up([sums])
        return sums[0].item(), int(sums[1].item())

    def _shrink(self, longest: int) -> None:
        if self.max_tokens <= longest:
            raise NotEnoughMemory(
                f"a single conversation of {longest} tokens does not fit the memory when it is "
                "scored: lower max_length in 1_preprocess.yaml and 3_train.yaml, or set "
                "quantization: nf4"
            )
        self.max_tokens = max(longest, self.max_tokens // 2)
        give_back()


def validation_loss(
    model: Any, examples: Sequence[Encoded], pad: int = 0, max_tokens: int = MAX_TOKENS
) -> float:
    """Score conversations under a model, with or without an adapter; leaves it in eval mode.

    Args:
        model: a causal language model.
        examples: conversations with at least one trained token.
        pad: fills short rows; what it is changes nothing.
        max_tokens: of a piece; changes nothing but speed and memory.

    Returns:
        The mean negative log-likelihood, in nats per trained token.

    Raises:
        NotEnoughMemory: not even the longest conversation fits by itself.
    """
    return Scorer(TokenLoss(model), pad, max_tokens).mean(examples)
