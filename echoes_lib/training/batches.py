"""Choose what every optimizer step learns from, and cut a step into pieces that fit the memory.

A step is a fixed number of conversations, drawn by the seed alone: how large the pieces are
changes speed and memory, never what is learnt. Conversations of a length come into one step, so
that padding is small; steps come in random order.

Pieces are either *padded* (rows of nearly one length) or *packed* (one row without padding, each
conversation with positions of its own, by which attention keeps them apart; see `loss`).

Shape: lengths -> steps (lists of indices); Encoded of a step -> pieces of at most
`max_tokens` tokens, padding included.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from echoes_lib.models.render import IGNORED, Encoded

WINDOW_STEPS = 8  # steps whose conversations are sorted together: more pads less and mixes less


@dataclass(frozen=True)
class Piece:
    """What goes through the model at once; all tensors are (rows, tokens).

    A packed piece has one row and no mask; a padded one has a mask and no positions.
    """

    input_ids: torch.Tensor
    labels: torch.Tensor
    attention_mask: torch.Tensor | None = None
    position_ids: torch.Tensor | None = None

    @property
    def trained_tokens(self) -> int:
        """How many tokens the loss is taken over: the first of a row has nobody before it."""
        return int((self.labels[:, 1:] != IGNORED).sum())


def plan_steps(lengths: Sequence[int], size: int, count: int, seed: int) -> list[list[int]]:
    """Draw the conversations of every optimizer step.

    Args:
        lengths: tokens of each conversation.
        size: conversations per step, the effective batch.
        count: steps to plan; epochs follow one another until there are enough.
        seed: decides the draw.

    Returns:
        `count` lists of indices into `lengths`; in an epoch each index occurs once.
    """
    steps: list[list[int]] = []
    epoch = 0
    while len(steps) < count:
        steps += _epoch(lengths, size, random.Random(f"steps {seed} {epoch}"))
        epoch += 1
    return steps[:count]


def cut(examples: Sequence[Encoded], max_tokens: int, packed: bool, pad: int) -> list[Piece]:
    """Cut the conversations of one step, or of a validation set, into pieces.

    Args:
        examples: in any order.
        max_tokens: of a piece, padding included; a longer conversation is a piece of its own.
        packed: pack instead of pad.
        pad: the padding token's id.

    Returns:
        Pieces that hold each conversation once.
    """
    ordered = sorted(examples, key=lambda e: -len(e.input_ids))
    if packed:
        return [pack(group) for group in _fill(ordered, max_tokens)]
    return [pad_rows(group, pad) for group in _slices(ordered, max_tokens)]


def pad_rows(examples: Sequence[Encoded], pad: int) -> Piece:
    """Put conversations into rows, padded on the right."""
    longest = max(len(e.input_ids) for e in examples)
    ids = torch.full((len(examples), longest), pad)
    labels = torch.full((len(examples), longest), IGNORED)
    mask = torch.zeros((len(examples), longest), dtype=torch.long)
    for row, example in enumerate(examples):
        n = len(example.input_ids)
        ids[row, :n] = torch.tensor(example.input_ids)
        labels[row, :n] = torch.tensor(example.labels)
        mask[row, :n] = 1
    return Piece(ids, labels, attention_mask=mask)


def pack(examples: Sequence[Encoded]) -> Piece:
    """Put conversations into one row; positions begin anew with each.

    The first label of each is hidden: it would be foretold by somebody else's last word.
    """
    ids = [token for e in examples for token in e.input_ids]
    labels = [label for e in examples for label in (IGNORED, *e.labels[1:])]
    positions = [i for e in examples for i in range(len(e.input_ids))]
    row = [torch.tensor([values]) for values in (ids, labels, positions)]
    return Piece(row[0], row[1], position_ids=row[2])


def blank(pad: int) -> Piece:
    """Return a piece from which nothing is learnt: two padding tokens, no label."""
    ids = torch.full((1, 2), pad)
    return Piece(ids, torch.full_like(ids, IGNORED), attention_mask=torch.ones_like(ids))


def _epoch(lengths: Sequence[int], size: int, draw: random.Random) -> list[list[int]]:
    order = draw.sample(range(len(lengths)), len(lengths))
    steps = []
    for start in range(0, len(order), size * WINDOW_STEPS):
        window = sorted(order[start : start + size * WINDOW_STEPS], key=lambda i: -lengths[i])
        steps += [window[i : i + size] for i in range(0, len(window), size)]
    return draw.sample(steps, len(steps))


def _slices(ordered: Sequence[Encoded], max_tokens: int) -> list[list[Encoded]]:
    """Cut a list that is sorted from long to short into runs that fit when padded."""
    groups: list[list[Encoded]] = []
    for example in ordered:
        longest = len(groups[-1][0].input_ids) if groups else 0
        if groups and longest * (len(groups[-1]) + 1) <= max_tokens:
            groups[-1].append(example)
        else:
            groups.append([example])
    return groups


def _fill(ordered: Sequence[Encoded], max_tokens: int) -> list[list[Encoded]]:
    """Put each conversation, from long to short, into the first row that has room."""
    groups: list[list[Encoded]] = []
    sizes: list[int] = []
    for example in ordered:
        n = len(example.input_ids)
        place = next((i for i, size in enumerate(sizes) if size + n <= max_tokens), None)
        if place is None:
            groups.append([example])
            sizes.append(n)
        else:
            groups[place].append(example)
            sizes[place] += n
    return groups
