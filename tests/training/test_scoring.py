"""The validation loss, against the sum by hand, whatever the pieces."""

import pytest
import torch

from echoes_lib.models.load import load_base
from echoes_lib.params import TrainParams
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.scoring import validation_loss
from tests.models.tiny import make_tiny_base
from tests.training.data import make_dataset


def by_hand(model, examples):
    total = tokens = 0
    for example in examples:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor(example.labels)[1:]
        with torch.no_grad():
            rows = torch.log_softmax(model(ids).logits[0, :-1].double(), -1)
        own = labels != -100
        total -= rows[own].gather(1, labels[own][:, None]).sum().item()
        tokens += int(own.sum())
    return total / tokens


def test_each_trained_token_counts_once(tmp_path):
    base = load_base(TrainParams(base_model=str(make_tiny_base(tmp_path / "base"))))
    dataset = make_dataset(tmp_path / "dataset")
    examples = load_training_data(dataset, base.tokenizer, 256).validation
    expected = by_hand(base.model, examples)
    assert len({len(example.input_ids) for example in examples}) > 2
    for size in (64, 200, 4096):
        found = validation_loss(base.model, examples, max_tokens=size)
        assert found == pytest.approx(expected, rel=1e-5)
