"""The seedling: its template, tokenizer, weights, and training that resumes exactly."""

import json

import pytest

from echoes_lib.models.seedling import SEEDLING_DIR

SYSTEM = {"role": "system", "content": "You are Luke."}
FIRST = [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": " Luke. "}]
SECOND = [{"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "Yes."}]
GOLDEN = {
    "one turn": (FIRST, "<s>[INST] Who are you?[/INST] Luke.</s>"),
    "one turn, system": (
        [SYSTEM, *FIRST],
        "<s>[INST] You are Luke.\n\nWho are you?[/INST] Luke.</s>",
    ),
    "two turns": (
        FIRST + SECOND,
        "<s>[INST] Who are you?[/INST] Luke.</s>[INST] Sure?[/INST] Yes.</s>",
    ),
    "two turns, system": (
        [SYSTEM, *FIRST, *SECOND],
        "<s>[INST] Who are you?[/INST] Luke.</s>[INST] You are Luke.\n\nSure?[/INST] Yes.</s>",
    ),
    "a prompt": ([SYSTEM, FIRST[0]], "<s>[INST] You are Luke.\n\nWho are you?[/INST]"),
}
ODD_TEXTS = [
    "plain words",
    "naïve café — “quotes”, 3½ €",
    "日本語 and العربية",
    "👩‍👧 emoji \U0001f9ff",
    "tabs\tand\r\nlines  with   gaps ",
    "\x00\x07 control",
    "a\u0301 combining, \ufeff mark, \u202e turn",
]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SEEDLING_DIR)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_every_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_control_tokens_have_the_ids_of_the_config(tokenizer):
    config = json.loads((SEEDLING_DIR / "config.json").read_text())
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]) == [
        *range(5)
    ]
    assert (config["bos_token_id"], config["eos_token_id"]) == (1, 2)
    assert config["pad_token_id"] == tokenizer.pad_token_id == 5
    assert len(tokenizer) == config["vocab_size"] == 4096


@pytest.mark.parametrize("case", GOLDEN)
def test_the_template_renders_exactly(tokenizer, case):
    messages, expected = GOLDEN[case]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == expected


@pytest.mark.parametrize("roles", ["uu", "a", "sa", "us", "uaa", "ut"])
def test_roles_out_of_order_are_refused(tokenizer, roles):
    names = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    with pytest.raises(Exception, match="must alternate"):
        tokenizer.apply_chat_template([{"role": names[r], "content": "x"} for r in roles])


def test_the_mask_covers_the_answers_and_their_ends(tokenizer):
    messages = [SYSTEM, *FIRST, *SECOND]
    rendered = tokenizer.apply_chat_template(
        messages, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, mask = rendered["input_ids"], rendered["assistant_masks"]
    own = tokenizer.decode([token for token, is_own in zip(ids, mask, strict=True) if is_own])
    assert own == " Luke.</s> Yes.</s>"


def test_the_shipped_weights_load_and_answer(tokenizer):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(SEEDLING_DIR, dtype=torch.float32)
    assert 4e6 <= sum(p.numel() for p in model.parameters()) <= 10e6
    prompt = tokenizer.apply_chat_template(GOLDEN["a prompt"][0], return_tensors="pt")
    with torch.inference_mode():
        logits = model(prompt["input_ids"]).logits
    assert torch.isfinite(logits).all()
    assert sum(path.stat().st_size for path in SEEDLING_DIR.iterdir()) <= 20 * 2**20


def test_the_record_tells_how_the_weights_were_made():
    record = json.loads((SEEDLING_DIR / "training.json").read_text())
    assert record["tokens"] > 0 and record["curve"][-1][1] < record["curve"][0][1]
    assert 0 < record["held_out_bits_per_byte"] < 2
    assert {"seed", "conversations", "pretrain_s", "versions", "precision"} <= record.keys()


@pytest.fixture
def one_thread():
    """A miniature spends its time waiting for a second thread when the cores are busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


TINY = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}


def talks_of(count, seed=0):
    import numpy as np

    rng = np.random.default_rng(seed)
    return [rng.integers(6, 64, rng.integers(4, 20)).astype(np.uint16) for _ in range(count)]


def tiny_run(folder=None, stop_after=None, count=40, model_seed=3):
    from echoes_lib.models.seedling.architecture import new_model, seedling_config
    from echoes_lib.models.seedling.pretrain import PretrainArgs, pretrain

    model = new_model(seedling_config(**TINY), model_seed)
    args = PretrainArgs(
        batch_tokens=64, context=32, checkpoint_every=3, log_every=2, compiled=False
    )
    return model, pretrain(model, talks_of(count), args, folder, stop_after)


def same_weights(one, other):
    import torch

    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_sums_have_one_order_while_training_and_only_then(monkeypatch):
    import torch

    from echoes_lib.models.seedling import pretrain

    seen = []
    step = pretrain._Course.step
    during = torch.are_deterministic_algorithms_enabled
    monkeypatch.setattr(pretrain._Course, "step", lambda self: (seen.append(during()), step(self)))
    tiny_run(stop_after=2)
    assert seen == [True, True]
    assert not during()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("stop_after", [1, 4, 7])
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, stop_after):
    whole, curve = tiny_run()
    tiny_run(tmp_path, stop_after)
    resumed, again = tiny_run(tmp_path, model_seed=99)
    assert same_weights(whole, resumed)
    assert curve[-1][0] == again[-1][0] > 7
    assert not same_weights(whole, tiny_run(model_seed=4)[0])


@pytest.mark.usefixtures("one_thread")
def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    tiny_run(tmp_path)
    with pytest.raises(ValueError, match="belongs to a run"):
        tiny_run(tmp_path, count=80)


def test_every_conversation_is_read_once_and_rows_of_a_batch_are_alike():
    from echoes_lib.models.seedling.batches import plan_batches

    lengths = [len(talk) for talk in talks_of(3000)]
    plan = plan_batches(lengths, 256, 48)
    assert sorted(n for batch in plan for row in batch for n in row) == [*range(3000)]
    sizes = [[sum(lengths[n] for n in row) for row in batch] for batch in plan]
    assert all(max(batch) * len(batch) <= 256 for batch in sizes)
    padded = sum(max(batch) * len(batch) for batch in sizes)
    assert sum(map(sum, sizes)) > 0.9 * padded
    assert max(map(max, sizes)) > 40, "no row is filled up to the context"
    assert (
        plan_batches(lengths[:1024], 256, 48) == plan[: len(plan_batches(lengths[:1024], 256, 48))]
    )


def test_a_batch_has_targets_where_it_has_tokens():
    import numpy as np

    from echoes_lib.models.seedling.batches import IGNORED, lay_out

    talks = [np.array([1, 7, 8, 2]), np.array([1, 9, 2]), np.array([1, 5, 6, 7, 8, 9, 2])]
    inputs, targets = lay_out([[0, 1], [1], [2]], talks, context=6, pad=0)
    assert inputs.tolist() == [[1, 7, 8, 2, 1, 9], [1, 9, 0, 0, 0, 0], [1, 5, 6, 7, 8, 9]]
    ignored = [IGNORED] * 4
    assert targets.tolist() == [[7, 8, 2, 1, 9, 2], [9, 2, *ignored], [5, 6, 7, 8, 9, 2]]


def test_muon_makes_its_steps_orthogonal_in_single_precision():
    import torch

    from echoes_lib.models.seedling.optimizers import orthogonal

    matrices = torch.randn(3, 24, 8, generator=torch.Generator().manual_seed(0))
    made = orthogonal(matrices)
    assert made.dtype == torch.float32 and made.shape == matrices.shape
    values = torch.linalg.svdvals(made)
    assert values.min() > 0.6 and values.max() < 1.3
    # Each matrix is made orthogonal by itself, and a wide one as its transposed.
    assert torch.allclose(made[1], orthogonal(matrices[1:2])[0], atol=1e-5)
    assert torch.allclose(made.mT, orthogonal(matrices.mT), atol=1e-5)


def test_muon_steps_like_that_of_torch():
    import torch

    from echoes_lib.models.seedling.optimizers import Muon

    chance = torch.Generator().manual_seed(0)
    start = [torch.randn(16, 8, generator=chance), torch.randn(8, 8, generator=chance)]
    ours, theirs = ([torch.nn.Parameter(s.clone()) for s in start] for _ in range(2))
    both = (
        Muon(ours, 0.02, 0.1),
        torch.optim.Muon(theirs, 0.02, 0.1, adjust_lr_fn="original"),
    )
    for _ in range(5):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=chance)
            other.grad = one.grad.clone()
        for optimizer in both:
            optimizer.step()
    for one, other, was in zip(ours, theirs, start, strict=True):
        # Theirs computes in bfloat16, which keeps two to three digits.
        assert (one - other).norm() < 0.03 * (one - was).norm()


def test_hidden_tokens_depend_on_the_step_alone():
    import torch

    from echoes_lib.models.seedling.pretrain import PretrainArgs, _hide

    inputs = torch.full((20, 50), 9)
    args = PretrainArgs(token_dropout=0.1)
    first = _hide(inputs, 3, args)
    assert torch.equal(first, _hide(inputs, 3, args))
    assert not torch.equal(first, _hide(inputs, 4, args))
    assert 0.05 < (first == 0).float().mean().item() < 0.15
    assert torch.equal(_hide(inputs, 3, PretrainArgs(token_dropout=0.0)), inputs)


def test_questions_are_hidden_by_a_share_of_their_own_and_control_tokens_never():
    import torch

    from echoes_lib.models.seedling.pretrain import PretrainArgs, _hide

    turn = [3, *[9] * 40, 4, *[8] * 40, 2]
    inputs = torch.tensor([[1, *turn, *turn]] * 20)
    seen = _hide(inputs, 0, PretrainArgs(token_dropout=0.0, question_dropout=0.5))
    assert torch.equal(seen[inputs != 9], inputs[inputs != 9])
    assert 0.4 < (seen[inputs == 9] == 0).float().mean().item() < 0.6
    assert (seen[:, 60:][inputs[:, 60:] == 9] == 0).any(), "the second question is one, too"
    everything = _hide(inputs, 0, PretrainArgs(token_dropout=1.0, question_dropout=1.0))
    assert torch.equal(everything != 0, inputs < 6)


def test_the_first_tokens_of_each_answer_count_more():
    import torch

    from echoes_lib.models.seedling.pretrain import OPENING_TOKENS, PretrainArgs, _weigh

    turn = [3, 9, 9, 4, *[8] * 40, 2]
    weights = _weigh(torch.tensor([[1, *turn, *turn], [5] * 91]), PretrainArgs(opening_weight=3.0))
    heavy = weights[0] == 3.0
    assert heavy.nonzero().flatten().tolist() == [
        *range(4, 4 + OPENING_TOKENS),
        *range(49, 49 + OPENING_TOKENS),
    ]
    assert (weights[1] == 1.0).all()


def test_the_loss_is_the_mean_over_weighted_targets():
    import torch

    from echoes_lib.models.seedling.architecture import new_model, seedling_config
    from echoes_lib.models.seedling.pretrain import _loss

    model = new_model(seedling_config(**TINY), 1)
    rows = torch.randint(6, 64, (2, 9), generator=torch.Generator().manual_seed(0))
    inputs, targets = rows[:, :-1], rows[:, 1:].clone()
    evenly = torch.ones(2, 8)
    expected = model(input_ids=rows, labels=rows).loss
    assert torch.allclose(_loss(model, inputs, targets, evenly), expected, atol=1e-6)
    # A weight of zero is the same as no target at all.
    targets[1, 4:] = -100
    without = _loss(model, inputs, targets, evenly)
    halved = evenly.clone()
    halved[1, 4:] = 0.0
    assert torch.allclose(_loss(model, inputs, rows[:, 1:], halved), without)
    assert not torch.allclose(without, expected)
