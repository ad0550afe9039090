"""Out of memory: the same step in smaller pieces, the same losses, and an end that says so."""

from types import SimpleNamespace

import pytest
import torch

from echoes_lib.errors import NotEnoughMemory
from echoes_lib.models.adapters import new_adapter
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.training import loop as loops
from echoes_lib.training import retreat as retreats
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.fit import Settings, fit
from echoes_lib.training.loss import TokenLoss
from echoes_lib.training.retreat import Retreat, check_can_retreat, is_out_of_memory

ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"),
    MemoryError(),
]


class Scarce(TokenLoss):
    """A loss that fails for pieces above a number of tokens, in training or scoring."""

    limit = {True: 10**9, False: 10**9}
    error = ERRORS[0]
    failed = 0

    def forward(self, piece):
        loss = super().forward(piece)
        if piece.input_ids.numel() > self.limit[self.model.training]:
            Scarce.failed += 1
            loss.sum().backward() if loss.requires_grad else None  # gradients that must not stay
            raise self.error
        return loss


@pytest.fixture(scope="module")
def params(tiny_folder):
    return TrainParams(
        base_model=str(tiny_folder), lora_r=4, max_length=256, per_device_train_batch_size=8
    )


def train(params, dataset_dir, **changes):
    params = params.model_copy(update=changes)
    base = load_base(params)
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    model = new_adapter(base.model, params)
    recomputed = -1 if params.gradient_checkpointing is True else 0
    settings = Settings("stage1", 0.01, 1.0, 1, params, recomputed_layers=recomputed)
    return fit(model, base.tokenizer, data.stage1, data.validation, settings), model


def curve(fitted):
    names = ("loss", "eval_loss")
    return [value for point in fitted.points for name, value in point.items() if name in names]


@pytest.fixture
def scarce(monkeypatch):
    monkeypatch.setattr(loops, "TokenLoss", Scarce)
    monkeypatch.setattr(Scarce, "failed", 0)
    # A whole collection takes a second in a process that has imported everything.
    monkeypatch.setattr(retreats, "gc", SimpleNamespace(collect=lambda: 0))
    return lambda **limits: monkeypatch.setattr(
        Scarce, "limit", {True: limits.get("training", 10**9), False: limits.get("scoring", 10**9)}
    )


@pytest.fixture(scope="module")
def plain(params, dataset_dir):
    """What a training with memory enough does."""
    return train(params, dataset_dir)[0]


def test_a_step_is_replayed_in_smaller_pieces_with_the_same_losses(
    plain, params, dataset_dir, scarce
):
    scarce(training=200)
    small, _ = train(params, dataset_dir)
    assert Scarce.failed > 0 and small.max_tokens <= 200 < plain.max_tokens
    assert curve(small) == pytest.approx(curve(plain), rel=1e-4)
    assert small.steps == plain.steps


def test_scoring_that_does_not_fit_changes_nothing_about_training(
    plain, params, dataset_dir, scarce
):
    scarce(scoring=200)
    small, _ = train(params, dataset_dir)
    assert Scarce.failed > 0 and small.max_tokens == plain.max_tokens
    assert small.recomputed_layers == plain.recomputed_layers == 0
    assert curve(small) == pytest.approx(curve(plain), rel=1e-5)
    scarce(scoring=1)
    with pytest.raises(NotEnoughMemory, match="does not fit the memory when it is scored"):
        train(params, dataset_dir)


def test_layers_are_recomputed_when_pieces_cannot_be_smaller_and_then_it_ends(
    plain, params, dataset_dir, scarce
):
    scarce(training=1)
    with pytest.raises(NotEnoughMemory, match="every layer recomputed: lower max_length"):
        train(params, dataset_dir)
    scarce()
    recomputed, _ = train(params, dataset_dir, gradient_checkpointing=True)
    assert (plain.recomputed_layers, recomputed.recomputed_layers) == (0, 2)
    assert curve(recomputed) == pytest.approx(curve(plain), rel=1e-5)


def test_some_layers_alone_can_be_recomputed(tiny_folder):
    params = TrainParams(base_model=str(tiny_folder), lora_r=4)
    model = new_adapter(load_base(params).model, params)
    retreat = Retreat(model, 512, 1)
    assert [layer.gradient_checkpointing for layer in retreat.layers] == [True, False]
    retreat.restore({"max_tokens": 64, "recomputed_layers": 0})
    assert not any(layer.gradient_checkpointing for layer in retreat.layers)


def test_other_errors_are_not_taken_for_it(params, dataset_dir, scarce, monkeypatch):
    assert all(is_out_of_memory(error) for error in ERRORS)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))
    scarce(training=200)
    monkeypatch.setattr(Scarce, "error", RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        train(params, dataset_dir)


def test_a_base_that_is_split_has_no_retreat():
    with pytest.raises(NotEnoughMemory, match=r"a piece of 512 tokens .* split over processes"):
        check_can_retreat(ERRORS[0], 512, is_split=True)
    check_can_retreat(ERRORS[0], 512, is_split=False)
