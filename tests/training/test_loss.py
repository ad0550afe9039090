"""The loss of a piece is the loss of its conversations one by one, and so are its gradients."""

import pytest
import torch

from echoes_lib.models.adapters import new_adapter
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.training import loss as losses
from echoes_lib.training.batches import cut, pack
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.loss import TokenLoss


@pytest.fixture(params=["eager", "sdpa"])  # flash_attention_2 needs a GPU: test_gpu.py
def model(request, tiny_folder):
    params = TrainParams(base_model=str(tiny_folder), attention=request.param, lora_r=4)
    adapted = new_adapter(load_base(params).model, params)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:  # an adapter that is still zero has gradients in one half alone
                weight.normal_(0, 0.05, generator=torch.Generator().manual_seed(1))
    return adapted


@pytest.fixture(scope="module")
def examples(tiny_folder, dataset_dir):
    from echoes_lib.models.load import load_tokenizer

    tokenizer = load_tokenizer(TrainParams(base_model=str(tiny_folder)))
    return load_training_data(dataset_dir, tokenizer, 256).stage1[:6]


def by_hand(model, examples):
    """Plain logits of one conversation at a time, in double precision at the end."""
    total = torch.zeros((), dtype=torch.float64)
    for example in examples:
        logits = model(input_ids=torch.tensor([example.input_ids])).logits[0, :-1].double()
        labels = torch.tensor(example.labels)[1:]
        own = labels != -100
        total = total - torch.log_softmax(logits, -1)[own].gather(1, labels[own][:, None]).sum()
    return total


def gradients(model):
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("budget", [100, 400, 4096])
def test_any_pieces_give_the_loss_and_gradients_of_one_by_one(model, examples, packed, budget):
    model.train()
    expected = by_hand(model, examples)
    expected.backward()
    wanted = gradients(model)
    model.zero_grad()
    taken = TokenLoss(model)
    total = 0.0
    for piece in cut(examples, budget, packed, pad=5):
        loss = taken(piece)
        loss.backward()
        total += loss.item()
    assert total == pytest.approx(expected.item(), rel=1e-5)
    found = gradients(model)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=2e-3, atol=2e-4)


def test_packed_conversations_cannot_see_one_another(model, examples):
    model.eval()
    first, second, other = examples[:3]
    n = len(first.input_ids)
    with torch.no_grad():
        states = [
            model.get_base_model().get_decoder()(
                input_ids=piece.input_ids, position_ids=piece.position_ids, use_cache=False
            )[0]
            for piece in (pack([first, second]), pack([first, other]), pack([other, second]))
        ]
    torch.testing.assert_close(states[0][:, :n], states[1][:, :n])
    m = len(second.input_ids)
    torch.testing.assert_close(states[0][:, -m:], states[2][:, -m:])
    with torch.no_grad():  # the test can fail: without positions the neighbour is seen
        row = pack([first, second])
        seen = model.get_base_model().get_decoder()(input_ids=row.input_ids, use_cache=False)[0]
    assert not torch.allclose(states[0][:, -m:], seen[:, -m:], atol=1e-3)


def test_logits_in_chunks_are_the_same(model, examples, monkeypatch):
    piece = cut(examples, 4096, False, pad=5)[0]
    model.train()
    results = []
    for size in (4096, 7):
        monkeypatch.setattr(losses, "CHUNK_TOKENS", size)
        model.zero_grad()
        loss = TokenLoss(model)(piece)
        loss.backward()
        results.append((loss.item(), gradients(model)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
    for name, gradient in results[0][1].items():
        torch.testing.assert_close(results[1][1][name], gradient, rtol=1e-3, atol=1e-5)


def test_logits_are_made_for_trained_tokens_alone(model, examples):
    piece = cut(examples, 4096, False, pad=5)[0]
    rows = []
    head = model.get_base_model().get_output_embeddings()
    handle = head.register_forward_hook(lambda module, args, out: rows.append(out.shape[0]))
    TokenLoss(model)(piece)
    handle.remove()
    assert sum(rows) == piece.trained_tokens < piece.input_ids.numel()
