"""Bytes that autograd really keeps on miniatures, against the counts made from the shape."""

import importlib.util

import pytest
import torch
from transformers import AutoModelForCausalLM, MistralConfig, Phi3Config

from echoes_lib.models.activations import Batch, Setup, kept_per_token
from echoes_lib.models.adapters import new_adapter
from echoes_lib.models.load import load_base
from echoes_lib.models.shape import read_shape
from echoes_lib.params.schema import ALL_LINEAR, TrainParams
from tests.models.tiny import make_tiny_base

ROWS, LENGTH, RANK = 2, 48, 8
TARGETS = {"mistral": ALL_LINEAR, "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]}


def config(family, layers):
    fields = {
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 96,
        "num_hidden_layers": layers,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "sliding_window": None,
    }
    return {"mistral": MistralConfig, "phi3": Phi3Config}[family](**fields)


def kept(family, layers, setup, masked, base=None):
    """Add up the storages that a forward pass saves for its backward, weights left out."""
    if base is None:
        base = AutoModelForCausalLM.from_config(
            config(family, layers), attn_implementation=setup.attention
        ).to(getattr(torch, setup.dtype))
    params = TrainParams(
        lora_r=RANK, target_modules=list(setup.target_modules), lora_dropout=setup.lora_dropout
    )
    model = new_adapter(base, params).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    lora = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    found, alive = {}, []

    def keep(tensor):
        alive.append(tensor)  # or its address might be used again
        found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    ids, mask = torch.ones(ROWS, LENGTH, dtype=torch.long), torch.ones(ROWS, LENGTH)
    mask[0, -5:] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=setup.autocast),
    ):
        last = base.model(ids, attention_mask=mask if masked else None, use_cache=False)
    assert last[0].requires_grad
    casts = 2 * lora if setup.autocast else 0  # autocast keeps its copies of the weights
    return sum(size for place, size in found.items() if place not in weights) - casts


@pytest.mark.parametrize("family", TARGETS)
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("masked", [False, True], ids=["unmasked", "masked"])
@pytest.mark.parametrize("dropout", [0.0, 0.1], ids=["whole", "dropout"])
@pytest.mark.parametrize(
    ("dtype", "autocast"),
    [("float32", False), ("bfloat16", False), ("bfloat16", True)],
    ids=["float32", "bfloat16", "autocast"],
)
def test_a_layer_keeps_what_was_counted(family, attention, masked, dropout, dtype, autocast):
    setup = Setup(
        RANK, TARGETS[family], dropout, dtype=dtype, attention=attention, autocast=autocast
    )
    batch = Batch(ROWS * LENGTH, LENGTH, ROWS * LENGTH, masked)
    # Of two and three layers, so that what lies before the first and after the last drops out.
    measured = kept(family, 3, setup, masked) - kept(family, 2, setup, masked)
    counted = kept_per_token(read_shape(config(family, 1)), setup, batch) * ROWS * LENGTH
    assert counted == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize("names", [["q_proj", "v_proj"], ["down_proj"], ["o_proj", "up_proj"]])
def test_fewer_adapters_keep_less(names):
    setup = Setup(RANK, names)
    batch = Batch(ROWS * LENGTH, LENGTH, ROWS * LENGTH, masked=False)
    measured = kept("mistral", 3, setup, False) - kept("mistral", 2, setup, False)
    shape = read_shape(config("mistral", 1))
    counted = kept_per_token(shape, setup, batch) * ROWS * LENGTH
    assert counted == pytest.approx(measured, rel=0.005)
    assert counted < kept_per_token(shape, Setup(RANK, ALL_LINEAR), batch) * ROWS * LENGTH


@pytest.mark.skipif(not importlib.util.find_spec("bitsandbytes"), reason="needs bitsandbytes")
@pytest.mark.parametrize(
    ("autocast", "dropout", "device"),
    [
        (False, 0.0, "cpu"),
        (False, 0.1, "cpu"),
        (True, 0.0, "cpu"),
        (True, 0.1, "cpu"),
        (True, 0.0, "cuda"),
    ],
)
def test_adapters_on_nf4_layers_keep_what_was_counted(
    tmp_path, monkeypatch, autocast, dropout, device
):
    if device == "cuda":  # what PEFT asks for before it casts; everything else runs here
        real = torch.is_autocast_enabled
        monkeypatch.setattr(torch, "is_autocast_enabled", lambda *on: real(*on) if on else True)
    setup = Setup(RANK, ALL_LINEAR, dropout, "nf4", True, "bfloat16", "sdpa", device, autocast)
    measured, batch = [], Batch(ROWS * LENGTH, LENGTH, ROWS * LENGTH, masked=False)
    for layers in (3, 2):
        folder = make_tiny_base(tmp_path / str(layers), num_hidden_layers=layers)
        params = TrainParams(base_model=str(folder), quantization="nf4", dtype="bfloat16")
        base = load_base(params)
        shape = read_shape(base.model.config)
        measured.append(kept("mistral", layers, setup, False, base.model))
    counted = kept_per_token(shape, setup, batch) * ROWS * LENGTH
    assert counted == pytest.approx(measured[0] - measured[1], rel=0.02)
