import json

import pytest
import torch

from echoes_lib.errors import ModelError
from echoes_lib.models.adapters import attached, load_echo, new_adapter, save_echo
from echoes_lib.models.hardware import this_machine
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
    assert base.info["dtype"] == ("bfloat16" if this_machine().bfloat16 else "float32")
    assert base.info["dtype_reason"] and base.info["attention_reason"]
    assert base.info["n_parameters"] == sum(p.numel() for p in base.model.parameters())
    assert base.info["base_revision"].startswith("sha256:")
    assert not base.model.training


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


def test_incomplete_files_are_named(tmp_path, folder):
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(ModelError, match="incomplete"):
        load_tokenizer(TrainParams(base_model=str(tmp_path)))


def test_missing_weights_are_no_random_ones(tmp_path, folder):
    from safetensors.torch import load_file, save_file

    base = make_tiny_base(tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing, such as model\.layers\.1\.mlp"):
        load_base(TrainParams(base_model=str(base)))


def test_cut_off_weights_are_named(tmp_path):
    base = make_tiny_base(tmp_path / "base")
    whole = (base / "model.safetensors").read_bytes()
    (base / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=r"incomplete.*SafetensorError"):
        load_base(TrainParams(base_model=str(base)))


def test_a_model_that_writes_no_text_is_refused(tmp_path, folder):
    make_tiny_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    with pytest.raises(ModelError, match="kind vit, which does not write text"):
        load_base(TrainParams(base_model=str(tmp_path)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks a CPU for FlashAttention")
def test_impossible_attention_is_refused_before_the_base_is_looked_for():
    params = TrainParams(base_model="/no/such/folder", attention="flash_attention_2")
    with pytest.raises(ModelError, match="needs a CUDA GPU"):
        load_base(params)


@pytest.mark.parametrize("asked", ["auto", "sdpa", "eager"])
def test_a_model_without_sdpa_is_loaded_eager(tmp_path, asked):
    from transformers import BloomConfig, BloomForCausalLM

    tokenizer = make_tiny_tokenizer()
    config = BloomConfig(vocab_size=len(tokenizer), hidden_size=32, n_layer=1, n_head=2)
    BloomForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    params = TrainParams(base_model=str(tmp_path), attention=asked)
    if asked == "sdpa":
        with pytest.raises(ModelError, match=r"BloomForCausalLM has no sdpa; set attention: auto"):
            load_base(params)
        return
    base = load_base(params)
    assert base.info["attention"] == base.model.config._attn_implementation == "eager"
    if asked == "auto":
        assert "BloomForCausalLM has no sdpa" in base.info["attention_reason"]


def test_a_tokenizer_without_a_template_needs_one_by_name(tmp_path):
    folder = make_tiny_base(tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="set chat_template to one of chatml, llama2, mistral_v3"):
        load_tokenizer(TrainParams(base_model=str(folder)))
    base = load_base(TrainParams(base_model=str(folder), chat_template="llama2"))
    assert base.info["chat_template"] == "llama2"
    assert base.info["chat_template_reason"] == "asked for: chat_template=llama2"
    text = base.tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert text == "<s>[INST] Hi [/INST]"


def test_a_template_whose_end_is_no_token_of_the_model_is_refused(folder):
    params = TrainParams(base_model=str(folder), chat_template="phi3")
    with pytest.raises(ModelError, match="choose another chat_template"):
        load_base(params)


def test_an_echo_keeps_the_template_that_was_chosen(tmp_path):
    folder = make_tiny_base(tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    params = TrainParams(base_model=str(folder), chat_template="llama2")
    base = load_base(params)
    extra = card(base) | {"chat_template": params.chat_template}
    save_echo(new_adapter(base.model, params), tmp_path / "adapter", extra)
    assert load_echo(tmp_path / "adapter").info["chat_template"] == "llama2"


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
