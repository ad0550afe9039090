"""Every conversation once an epoch, pieces within their budget, and nothing seen across them."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.models.render import IGNORED, Encoded
from echoes_lib.training.batches import cut, pack, pad_rows, plan_steps

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=80)


def encoded(n, first=10):
    ids = list(range(first, first + n))
    return Encoded(ids, [IGNORED if i < n // 2 else token for i, token in enumerate(ids)])


def tokens(piece):
    kept = piece.attention_mask.bool() if piece.attention_mask is not None else ...
    return sorted(piece.input_ids[kept].reshape(-1).tolist())


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 16), st.integers(0, 5))
def test_an_epoch_holds_each_conversation_once(lengths, size, seed):
    per_epoch = -(-len(lengths) // size)
    steps = plan_steps(lengths, size, 2 * per_epoch, seed)
    for epoch in (steps[:per_epoch], steps[per_epoch:]):
        assert sorted(i for step in epoch for i in step) == list(range(len(lengths)))
        assert all(len(step) <= size for step in epoch)
    assert plan_steps(lengths, size, 2 * per_epoch, seed) == steps


def test_steps_hold_conversations_of_a_length_and_come_in_another_order_each_epoch():
    lengths = [10, 400] * 32
    first, second = (plan_steps(lengths, 8, 16, 3)[k : k + 8] for k in (0, 8))
    assert all(len({lengths[i] for i in step}) == 1 for step in first)
    assert first != second and plan_steps(lengths, 8, 8, 4) != first


@settings(deadline=None)
@given(LENGTHS, st.integers(32, 1024), st.booleans())
def test_pieces_keep_every_token_and_the_budget(lengths, budget, packed):
    starts = [10 + sum(lengths[:i]) for i in range(len(lengths))]
    examples = [encoded(n, start) for n, start in zip(lengths, starts, strict=True)]
    pieces = cut(examples, budget, packed, pad=0)
    assert sorted(t for piece in pieces for t in tokens(piece)) == sorted(
        t for e in examples for t in e.input_ids
    )
    longest = max(lengths)
    assert all(piece.input_ids.numel() <= max(budget, longest) for piece in pieces)
    # The first token of a conversation has nobody before it that could foretell it.
    wanted = sum(label != IGNORED for e in examples for label in e.labels[1:])
    assert sum(piece.trained_tokens for piece in pieces) == wanted


def test_packed_positions_begin_anew_and_the_first_label_is_hidden():
    two = pack([Encoded([5, 6, 7], [5, 6, 7]), Encoded([8, 9], [8, 9])])
    assert two.position_ids.tolist() == [[0, 1, 2, 0, 1]]
    assert two.labels.tolist() == [[IGNORED, 6, 7, IGNORED, 9]]
    assert two.attention_mask is None


def test_padding_is_masked_and_never_trained():
    rows = pad_rows([Encoded([5, 6, 7], [IGNORED, 6, 7]), Encoded([8, 9], [IGNORED, 9])], pad=1)
    assert rows.input_ids.tolist() == [[5, 6, 7], [8, 9, 1]]
    assert rows.attention_mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert rows.labels[1].tolist() == [IGNORED, 9, IGNORED]
    assert rows.input_ids.dtype == torch.long
