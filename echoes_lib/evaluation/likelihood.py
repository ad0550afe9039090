"""Measure how well a model expects the person's real answers: bits per byte.

    bits per byte = sum of -log2 p(token) over the answer's tokens / bytes of the answer (UTF-8)

given persona prompt and question. A token counts if it holds a character of the answer: the
format's blank before it counts only where it shares a token with the first word, and the
end-of-turn token never, for it is no word of the person's. Per byte, so that models with
different tokenizers compare. Lower is better; 8 is a uniform guess over bytes. Covers no other
likelihood (loss per token depends on the tokenizer).

Shape: model, tokenizer, [(messages, answer)] -> [Bits(bits, bytes)], one per answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from echoes_lib.chat.render import Encoded, Message, encode_chat
from echoes_lib.errors import ModelError


@dataclass(frozen=True)
class Bits:
    """What one answer cost: `bits` in all, over `n_bytes` bytes of UTF-8."""

    bits: float
    n_bytes: int

    @property
    def per_byte(self) -> float:
        """Bits per byte of this answer alone."""
        return self.bits / self.n_bytes


@dataclass(frozen=True)
class Target:
    """What is scored of one answer.

    Attributes:
        ids: Tokens of prompt and answer.
        first: Where the answer's begin.
        n_bytes: How many bytes of UTF-8 they cover.
    """

    ids: list[int]
    first: int
    n_bytes: int


def score_answers(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[Sequence[Message], str]],
    batch_size: int = 8,
    max_length: int = 768,
) -> list[Bits]:
    """Score real answers under a model.

    Args:
        model: a causal language model.
        tokenizer: its fast tokenizer, with a chat template.
        pairs: the messages before an answer (persona, question), and the answer.
        batch_size: answers per forward pass; changes nothing but speed and memory.
        max_length: tokens of prompt and answer that are looked at; what an answer has beyond
            them counts neither in bits nor in bytes.

    Returns:
        The cost of each answer, in the order given.

    Raises:
        ModelError: a prompt alone is longer than `max_length`.
    """
    targets = [answer_tokens(tokenizer, messages, answer, max_length) for messages, answer in pairs]
    # Neighbours of like length waste the least padding.
    order = sorted(range(len(targets)), key=lambda i: len(targets[i].ids))
    found: dict[int, Bits] = {}
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        costs = _batch_bits(model, [targets[i] for i in part])
        found |= {i: Bits(cost, targets[i].n_bytes) for i, cost in zip(part, costs, strict=True)}
    return [found[i] for i in range(len(targets))]


def answer_tokens(
    tokenizer: Any, messages: Sequence[Message], answer: str, max_length: int
) -> Target:
    """Find the tokens of the answer by their place in the rendered text.

    Args:
        tokenizer: its fast tokenizer, with a chat template.
        messages: what stands before the answer.
        answer: the person's words.
        max_length: tokens of prompt and answer that are looked at.

    Raises:
        ModelError: the prompt alone is longer than `max_length`.
    """
    spoken = {"role": "assistant", "content": answer}
    whole = encode_chat(tokenizer, [*messages, spoken], reply_next=False)
    begin, end = whole.answer
    inside = [i for i, (a, b) in enumerate(whole.offsets) if a < end and b > begin]
    kept = [i for i in inside if i < max_length]
    if not kept:
        raise ModelError(
            f"max_length={max_length} tokens end before the answer begins (token {inside[0]}): "
            "raise max_length in 4_evaluate.yaml"
        )
    return Target(whole.ids[: kept[-1] + 1], kept[0], _n_bytes(whole, answer, inside, kept))


def _n_bytes(whole: Encoded, answer: str, inside: list[int], kept: list[int]) -> int:
    if len(kept) == len(inside):
        return len(answer.strip().encode())
    return len(whole.text[whole.answer[0] : whole.offsets[kept[-1]][1]].encode())


def _batch_bits(model: Any, targets: Sequence[Target]) -> list[float]:
    """Sum -log2 p over each answer's tokens; prompts of a batch are padded on the right."""
    width = max(len(t.ids) for t in targets)
    ids = torch.tensor([t.ids + [0] * (width - len(t.ids)) for t in targets])
    seen = torch.tensor([[1] * len(t.ids) + [0] * (width - len(t.ids)) for t in targets])
    with torch.inference_mode():
        inputs = ids.to(model.device), seen.to(model.device)
        logits = model(input_ids=inputs[0], attention_mask=inputs[1], use_cache=False).logits
    return [
        _answer_nats(row, t).item() / math.log(2) for row, t in zip(logits, targets, strict=True)
    ]


def _answer_nats(logits: torch.Tensor, target: Target) -> torch.Tensor:
    """Sum the loss over the answer's tokens; logits `(seq, vocabulary)`, in float32."""
    end = len(target.ids)
    wanted = torch.tensor(target.ids[target.first :], device=logits.device)
    return torch.nn.functional.cross_entropy(
        logits[target.first - 1 : end - 1].float(), wanted, reduction="sum"
    )
