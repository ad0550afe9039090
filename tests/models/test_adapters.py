"""Every variant of LoRA on a miniature: begins as the base, learns, is saved, leaves no trace."""

import importlib.util

import pytest
import torch
from peft import LoraConfig, get_peft_model
from pydantic import ValidationError

from echoes_lib.errors import ModelError
from echoes_lib.models import variants
from echoes_lib.models.adapters import attached, load_echo, new_adapter, save_echo
from echoes_lib.models.load import load_base
from echoes_lib.models.padding import padded_batches
from echoes_lib.models.variants import START
from echoes_lib.params.schema import TrainParams
from echoes_lib.training.dataset import load_training_data
from tests.models.tiny import make_tiny_base
from tests.training.data import make_dataset

VARIANTS = {
    "default": {},
    "rslora": {"use_rslora": True, "lora_alpha": 4},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "pissa and rslora": {"init_lora_weights": "pissa", "use_rslora": True, "lora_alpha": 4},
    "pissa and dropout": {"init_lora_weights": "pissa", "lora_dropout": 0.1},
    "eva": {"init_lora_weights": "eva"},
    "eva and dora": {"init_lora_weights": "eva", "use_dora": True},
}
BASES = [("none", "bfloat16"), ("nf4", "float32"), ("int8", "float32")]
CASES = [(variant, "none", "float32") for variant in VARIANTS]
CASES += [(v, *base) for base in BASES for v in ("default", "dora", "pissa")]
CASES.remove(("dora", "int8", "float32"))  # refused, see test_contradictions_are_named
CASES += [("eva", "nf4", "float32")]
NO_BNB = importlib.util.find_spec("bitsandbytes") is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def batches(folder, tmp_path_factory):
    dataset = make_dataset(tmp_path_factory.mktemp("data") / "dataset")
    base = load_base(TrainParams(base_model=str(folder)))
    return padded_batches(load_training_data(dataset, base.tokenizer, 256).stage1, 8)


def make_params(folder, variant="default", **changes):
    fields = {"base_model": str(folder), "lora_r": 4, "lora_alpha": 8}
    return TrainParams(**(fields | VARIANTS[variant] | changes))


def logits(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([[1, 3, 40, 41, 4, 60, 70]])).logits.float()


def card(base):
    names = ("base_model", "base_revision", "quantization", "dtype")
    return {name: base.info[name] for name in names} | {
        "double_quantization": True,
        "attention": "auto",
        "user_id": "luke",
    }


def train(model, batches, steps=6, learning_rate=5e-3):
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, weight_decay=0.1)
    losses = []
    for step in range(steps):
        model.train()
        loss = model(**batches[step % len(batches)], use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def loss_of(model, batches):
    with torch.no_grad():
        return sum(model.eval()(**batch, use_cache=False).loss.item() for batch in batches)


@pytest.mark.parametrize(("variant", "kind", "dtype"), CASES)
def test_a_variant_begins_as_the_base_learns_and_is_the_same_after_saving(
    folder, batches, variant, kind, dtype, tmp_path
):
    if kind != "none" and NO_BNB:
        pytest.skip("bitsandbytes is not installed")
    params = make_params(folder, variant, quantization=kind, dtype=dtype)
    base = load_base(params)
    before = logits(base.model)
    model = new_adapter(base.model, params, batches)
    assert {p.dtype for n, p in model.named_parameters() if "lora_" in n} == {torch.float32}
    near = {"float32": 1e-5, "bfloat16": 0.02}[dtype]
    assert (logits(model) - before).abs().max() < near
    first = loss_of(model, batches)
    train(model, batches)
    assert loss_of(model, batches) < first - 0.1
    trained = logits(model)
    assert (trained - before).abs().max() > 10 * near
    echo = load_echo(save_echo(model, tmp_path / "adapter", card(base)))
    assert {p.dtype for n, p in echo.model.named_parameters() if "lora_" in n} == {torch.float32}
    assert (logits(echo.model) - trained).abs().max() < near
    with echo.base_only():
        assert torch.equal(logits(echo.model), before)
    with model.disable_adapter():
        assert torch.equal(logits(model), before)


@pytest.mark.parametrize("variant", VARIANTS)
def test_attached_leaves_the_base_bit_for_bit(folder, batches, variant):
    params = make_params(folder, variant)
    base = load_base(params)
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    answer = logits(base.model)
    with attached(base.model, params, batches) as model:
        train(model, batches, steps=2)
    after = base.model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(logits(base.model), answer)
    assert not hasattr(base.model, "peft_config")


@pytest.mark.parametrize("variant", ["pissa", "eva"])
def test_the_same_seed_begins_the_same(folder, batches, variant):
    params = make_params(folder, variant)
    found = []
    for _ in range(2):
        model = new_adapter(load_base(params).model, params, batches)
        found.append({n: p.clone() for n, p in model.named_parameters() if "lora_" in n})
    assert found[0].keys() == found[1].keys()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_pissa_learns_what_pefts_own_learns(folder, batches):
    """Same losses, step by step, as PEFT's, which takes the directions out of the base."""
    params = make_params(folder, "pissa")
    ours = train(new_adapter(load_base(params).model, params), batches)
    config = LoraConfig(
        r=4, lora_alpha=8, init_lora_weights="pissa", target_modules=params.target_modules
    )
    theirs = train(get_peft_model(load_base(params).model, config), batches)
    assert ours == pytest.approx(theirs, abs=2e-4)
    plain = train(new_adapter(load_base(params).model, make_params(folder)), batches)
    assert ours != pytest.approx(plain, abs=2e-3)


def test_what_pissa_subtracts_stays_frozen(folder, batches):
    params = make_params(folder, "pissa")
    model = new_adapter(load_base(params).model, params)
    with model.disable_adapter():
        logits(model)
    frozen = {n: p for n, p in model.named_parameters() if f".{START}." in n}
    before = {name: weight.clone() for name, weight in frozen.items()}
    assert frozen and not any(weight.requires_grad for weight in frozen.values())
    train(model, batches, steps=2)
    assert all(torch.equal(before[name], weight) for name, weight in frozen.items())


def test_pissa_is_saved_as_a_plain_lora(folder, tmp_path):
    params = make_params(folder, "pissa and rslora")
    base = load_base(params)
    saved = save_echo(new_adapter(base.model, params), tmp_path / "adapter", card(base))
    config = LoraConfig.from_pretrained(saved)
    assert (config.r, config.init_lora_weights, config.use_rslora) == (8, True, True)
    assert config.lora_alpha / 8**0.5 == pytest.approx(4 / 4**0.5)


def test_eva_begins_with_directions_of_the_data(folder, batches):
    params = make_params(folder, "eva")
    eva = new_adapter(load_base(params).model, params, batches)
    rows = next(p for n, p in eva.named_parameters() if n.endswith("q_proj.lora_A.default.weight"))
    assert torch.allclose(rows @ rows.T, torch.eye(4), atol=1e-3)  # PCA's are orthonormal
    assert {config.r for config in eva.peft_config.values()} == {4}
    assert not eva.peft_config["default"].rank_pattern


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_dora": True, "init_lora_weights": "pissa"}, "use_dora=true and init_lora_weights"),
        ({"use_dora": True, "quantization": "int8"}, "set quantization: nf4, or use_dora: false"),
        ({"init_lora_weights": "olora"}, "'default', 'pissa' or 'eva'"),
    ],
)
def test_contradictions_are_named(folder, changes, message):
    with pytest.raises(ValidationError, match=message):
        make_params(folder, **changes)


def test_what_does_not_suit_the_beginning_is_named_and_leaves_the_base_free(folder, batches):
    base = load_base(make_params(folder))
    eva = make_params(folder, "eva")
    cases = [
        (make_params(folder, "pissa", lora_r=40), None, r"lora_r=40 is above 32, .*k_proj: lower"),
        (eva.model_copy(update={"lora_r": 40}), batches, "lora_r=40 is above 32"),
        (eva, None, "was given none: hand new_adapter batches"),
        (eva, [{"labels": torch.tensor([[-100, 5, 6]])}], "batches of at least 8 trained tokens"),
    ]
    for params, given, message in cases:
        with pytest.raises(ModelError, match=message):
            new_adapter(base.model, params, given)
        assert not hasattr(base.model, "peft_config")


def test_eva_that_finds_no_steady_directions_ends_with_a_sentence(folder, batches, monkeypatch):
    monkeypatch.setattr(variants, "EVA_PASSES", 0)  # one look, and no second one to compare with
    base = load_base(make_params(folder))
    before = logits(base.model)
    with pytest.raises(ModelError, match="no steady directions .* lower lora_r, or set init_lora"):
        new_adapter(base.model, make_params(folder, "eva"), batches)
    assert not hasattr(base.model, "peft_config")
    assert torch.equal(logits(base.model), before)
