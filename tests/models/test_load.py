import importlib.util

import pytest
import torch

from echoes_lib.errors import ModelError
from echoes_lib.models.adapters import attached, load_echo, new_adapter, save_echo
from echoes_lib.models.hardware import choose_attention, choose_dtype
from echoes_lib.models.load import choose_pad_token, load_base, load_tokenizer
from echoes_lib.params.schema import TrainParams
from tests.models.tiny import make_tiny_base, make_tiny_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def params(folder):
    return TrainParams(base_model=str(folder), lora_r=4, lora_alpha=8)


def logits(model):
    with torch.no_grad():
        return model(torch.tensor([[1, 3, 40, 41, 4]])).logits


def card(base):
    names = ("base_model", "base_revision", "quantization")
    extra = {"double_quantization": True, "dtype": "auto", "attention": "auto", "user_id": "luke"}
    return {name: base.info[name] for name in names} | extra


def test_base_is_described_with_reasons(params):
    base = load_base(params)
    assert base.info["dtype"] == "float32" or torch.cuda.is_available()
    assert base.info["dtype_reason"] and base.info["attention_reason"]
    assert base.info["n_parameters"] == sum(p.numel() for p in base.model.parameters())
    assert base.info["base_revision"].startswith("sha256:")
    assert not base.model.training


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a CPU chooses")
def test_choices_on_a_cpu():
    assert choose_dtype("auto")[0] is torch.float32
    assert choose_attention("auto") == (
        "sdpa",
        "flash_attention_2 needs a CUDA GPU, this is a CPU",
    )
    assert choose_dtype("bfloat16") == (torch.bfloat16, "asked for: dtype=bfloat16")


def test_padding_is_never_the_end_token():
    assert choose_pad_token(make_tiny_tokenizer())[0] == "<pad>"
    own_is_end = make_tiny_tokenizer(pad_token="</s>")
    assert choose_pad_token(own_is_end)[0] == "<pad>"
    bare = make_tiny_tokenizer(pad_token=None)
    bare.get_vocab = dict  # nothing to choose from but the unknown token
    assert choose_pad_token(bare)[0] == "<unk>"
    bare.unk_token = None
    with pytest.raises(ModelError, match="pad_token"):
        choose_pad_token(bare)


def test_quantization_names_the_missing_extra(params, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else found(name)
    )
    with pytest.raises(ModelError, match="gpu extra"):
        load_base(params.model_copy(update={"quantization": "nf4"}))


def test_incomplete_files_are_named(tmp_path, folder):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ModelError, match="incomplete"):
        load_tokenizer(TrainParams(base_model=str(tmp_path)))


def test_adapter_round_trip(params, tmp_path):
    base = load_base(params)
    before = logits(base.model)
    model = new_adapter(base.model, params)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    model.eval()
    after = logits(model)
    assert not torch.equal(before, after)
    save_echo(model, tmp_path / "adapter", card(base))
    echo = load_echo(tmp_path / "adapter")
    assert torch.equal(logits(echo.model), after)
    with echo.base_only():
        assert torch.equal(logits(echo.model), before)
    assert torch.equal(logits(echo.model), after)
    assert echo.echo["user_id"] == "luke"
    assert {p.name for p in (tmp_path / "adapter").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "echo.json",
    }
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".adapter")]


def test_adapter_on_another_base_is_refused(params, tmp_path):
    base = load_base(params)
    save_echo(new_adapter(base.model, params), tmp_path / "adapter", card(base))
    other = make_tiny_base(tmp_path / "other", seed=1)
    with pytest.raises(ModelError, match="run notebook 3_train again"):
        load_echo(tmp_path / "adapter", base_path=other)


def test_attached_leaves_no_trace(params):
    base = load_base(params)
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    with attached(base.model, params) as model:
        assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)
        with pytest.raises(ModelError, match="carries an adapter already"):
            new_adapter(base.model, params)
    after = base.model.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not hasattr(base.model, "peft_config")


def test_missing_target_modules_are_named(params):
    base = load_base(params)
    wrong = params.model_copy(update={"target_modules": ["q_proj", "qkv_proj"]})
    with pytest.raises(ModelError, match=r"qkv_proj.*choose among down_proj"):
        new_adapter(base.model, wrong)


def test_folder_that_is_no_echo(tmp_path):
    with pytest.raises(ModelError, match=r"no readable echo\.json"):
        load_echo(tmp_path)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantized_base_loads(folder, kind):
    pytest.importorskip("bitsandbytes")
    base = load_base(TrainParams(base_model=str(folder), quantization=kind))
    assert torch.isfinite(logits(base.model)).all()
    assert base.info["quantization"] == kind
