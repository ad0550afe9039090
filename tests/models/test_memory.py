"""Plans against live tensors and against bitsandbytes' own bytes, and what plans promise."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import MistralConfig, MistralForCausalLM, Phi3Config, Phi3ForCausalLM

from benchmarks.bench_memory import checkpoint_first, train
from echoes_lib.errors import NotEnoughMemory
from echoes_lib.models.activations import Batch, Setup
from echoes_lib.models.adapters import new_adapter
from echoes_lib.models.memory import (
    GIB,
    adapter_parameters,
    base_bytes,
    forecast,
    plan_memory,
)
from echoes_lib.models.shape import Linear, published_shape, read_shape
from echoes_lib.params.schema import ALL_LINEAR, TrainParams
from tests.models.live import LiveBytes

SMALL = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "sliding_window": None,
}
PHI_LINEAR = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
MISTRAL = published_shape("mistralai/Mistral-7B-Instruct-v0.3")
QLORA = Setup(32, tuple(ALL_LINEAR), 0.0, "nf4", True, "bfloat16", "sdpa", "cuda", True)
PIECE = Batch(4096, 1024, 2048)


def test_a_split_base_holds_its_share_and_two_whole_layers():
    one, two, four = (plan_memory(MISTRAL, replace(QLORA, shards=n), PIECE) for n in (1, 2, 4))
    layer = (one.base_weights - MISTRAL.other_parameters * 2) / 32
    assert one.base_weights - two.base_weights == pytest.approx((32 - 16 - 2) * layer)
    assert one.base_weights - four.base_weights == pytest.approx((32 - 8 - 2) * layer)
    assert one.quantization_constants == two.quantization_constants
    assert one.training == two.training


def model_of(family, **changes):
    if family == "phi3":
        return Phi3ForCausalLM._from_config(Phi3Config(**SMALL, **changes))
    return MistralForCausalLM._from_config(MistralConfig(**{**SMALL, **changes}))


@pytest.mark.parametrize("family", ["mistral", "phi3"])
@pytest.mark.parametrize("count", [0, 2, 4])
@pytest.mark.parametrize("vocabulary", [256, 8192], ids=["layers", "logits"])
def test_the_plan_is_the_peak_of_live_tensors(family, count, vocabulary):
    targets = ALL_LINEAR if family == "mistral" else PHI_LINEAR
    changes = {"vocab_size": vocabulary} if family == "mistral" else {}
    base = model_of(family, **changes)
    batch = Batch(1024, 128, 600)
    plan = plan_memory(read_shape(base.config), Setup(8, targets), batch, None, count)
    model = new_adapter(base, TrainParams(lora_r=8, target_modules=targets)).train()
    checkpoint_first(base, count)
    with LiveBytes(model.parameters()) as live:
        train(model, base, batch, rows=8, steps=2)
    ratio = plan.training / (live.peak + plan.adapter_weights)
    assert 0.97 <= ratio <= (1.05 if family == "mistral" else 1.17)  # too much rather than less


@pytest.mark.parametrize("family", ["mistral", "phi3"])
def test_adapters_are_counted_exactly(family):
    targets = ALL_LINEAR if family == "mistral" else ["qkv_proj", "gate_up_proj", "down_proj"]
    base = model_of(family)
    model = new_adapter(base, TrainParams(lora_r=5, target_modules=targets))
    counted = adapter_parameters(read_shape(base.config), Setup(5, targets))
    assert counted == sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.skipif(not importlib.util.find_spec("bitsandbytes"), reason="needs bitsandbytes")
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(("inputs", "outputs"), [(96, 40), (128, 200), (640, 1024)])
def test_nf4_takes_the_bytes_that_bitsandbytes_takes(double, inputs, outputs):
    import bitsandbytes as bnb

    packed, state = bnb.functional.quantize_4bit(
        torch.randn(outputs, inputs), quant_type="nf4", compress_statistics=double
    )
    parts = [state.absmax, state.code]
    if double:
        parts += [state.offset, state.state2.absmax, state.state2.code]
    shape = replace(MISTRAL, layers=1, linears=(Linear("q_proj", inputs, outputs),))
    setup = replace(QLORA, double_quantization=double)
    weights, constants = base_bytes(shape, setup)
    assert weights - 2 * shape.other_parameters == packed.nbytes
    assert constants == sum(part.nbytes for part in parts)


@pytest.mark.parametrize(("quantization", "gib"), [("none", 13.50), ("int8", 7.01), ("nf4", 3.85)])
def test_mistral_7b_takes_what_is_known_of_it(quantization, gib):
    total = sum(base_bytes(MISTRAL, replace(QLORA, quantization=quantization)))
    assert total / GIB == pytest.approx(gib, abs=0.01)


def test_no_layer_is_checkpointed_when_it_fits_and_as_few_as_do_otherwise():
    free = forecast(MISTRAL, QLORA, PIECE, 80 * GIB)
    assert free.checkpointed_layers == 0 and free.fits
    tight = plan_memory(MISTRAL, QLORA, PIECE, 24 * GIB)
    assert 0 < tight.checkpointed_layers < 32
    fewer = forecast(MISTRAL, QLORA, PIECE, 24 * GIB, tight.checkpointed_layers - 1)
    assert tight.peak <= 24 * GIB < fewer.peak


def test_what_does_not_fit_says_so_with_figures_and_the_way_out():
    with pytest.raises(NotEnoughMemory) as caught:
        plan_memory(MISTRAL, QLORA, PIECE, 6 * GIB)
    message = str(caught.value)
    for part in ("32 of 32 layers", "there are 6.0 GiB", "4096 tokens", "lora_r (now 32)"):
        assert part in message
    assert "quantization: nf4" not in message
    with pytest.raises(NotEnoughMemory, match="set quantization: nf4"):
        plan_memory(MISTRAL, replace(QLORA, quantization="none"), PIECE, 6 * GIB)


@settings(deadline=None)  # a busy machine is no fault
@given(
    tokens=st.integers(1, 16384),
    share=st.floats(0, 1),
    count=st.integers(0, 31),
    dropout=st.sampled_from([0.0, 0.1]),
)
def test_more_tokens_need_more_and_more_checkpoints_need_no_more(tokens, share, count, dropout):
    setup = replace(QLORA, lora_dropout=dropout)
    batch = Batch(tokens, 512, round(tokens * share))
    plan = forecast(MISTRAL, setup, batch, None, count)
    assert (
        forecast(MISTRAL, setup, replace(batch, tokens=tokens + 64), None, count).peak >= plan.peak
    )
    assert forecast(MISTRAL, setup, batch, None, count + 1).activations < plan.activations
    assert plan.allocated < plan.peak


def test_a_plan_becomes_parameters_of_a_run():
    plan = plan_memory(MISTRAL, QLORA, PIECE, 24 * GIB)
    params = plan.as_params()
    assert params["memory_plan.available_mib"] == 24 * 1024
    assert params["memory_plan.peak_mib"] == pytest.approx(plan.peak / 2**20, abs=0.1)
    assert params["memory_plan.layers"] == 32
    assert "memory_plan.available_mib" not in forecast(MISTRAL, QLORA, PIECE).as_params()
