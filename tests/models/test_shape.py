"""Counts from a configuration equal those of the model itself, built without its weights."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
)

from echoes_lib.errors import ModelError
from echoes_lib.models.find import KNOWN
from echoes_lib.models.shape import PUBLISHED, published_shape, read_shape, targeted
from echoes_lib.params.schema import ALL_LINEAR

# As the model cards give them; SmolLM2's counts its tied table once.
PARAMETERS = {
    "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "meta-llama/Llama-2-7b-chat-hf": 6_738_415_616,
    "codellama/CodeLlama-7b-Instruct-hf": 6_738_546_688,
    "codellama/CodeLlama-34b-Instruct-hf": 33_743_970_304,
    "microsoft/Phi-3-medium-4k-instruct": 13_960_238_080,
}
SMALL = {"hidden_size": 48, "intermediate_size": 112, "num_hidden_layers": 3, "vocab_size": 64}
HEADS = {"num_attention_heads": 6, "num_key_value_heads": 2, "pad_token_id": 0, "eos_token_id": 1}
CONFIGS = [
    MistralConfig(),
    MistralConfig(**SMALL, **HEADS, head_dim=16, tie_word_embeddings=True),
    LlamaConfig(**SMALL, **HEADS, attention_bias=True, mlp_bias=True),
    LlamaConfig(),
    Phi3Config(),
    Phi3Config(**SMALL, **HEADS),
    Qwen2Config(**SMALL, **HEADS),
    LlamaConfig(
        hidden_size=960,
        intermediate_size=2560,
        num_hidden_layers=32,
        num_attention_heads=15,
        num_key_value_heads=5,
        vocab_size=49152,
        tie_word_embeddings=True,
    ),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.model_type}-{c.hidden_size}")
def test_counts_equal_those_of_a_model_on_the_meta_device(config):
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    shape = read_shape(config)
    assert shape.parameters == model.num_parameters()
    linear = {
        name.rpartition(".")[2]: (module.in_features, module.out_features)
        for name, module in model.model.layers[0].named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    assert linear == {part.name: (part.inputs, part.outputs) for part in shape.linears}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_configurations_have_the_published_counts(name):
    assert published_shape(name).parameters == PARAMETERS[name]


def test_every_base_that_is_named_can_be_planned_before_it_is_fetched():
    assert set(KNOWN) - {"seedling"} == set(PUBLISHED)
    assert published_shape("somebody/else") is None


def test_targets_of_fused_layers_and_of_all():
    phi, mistral = read_shape(CONFIGS[5]), read_shape(CONFIGS[1])
    assert targeted(phi, ALL_LINEAR) == phi.linears
    assert [part.name for part in targeted(phi, ["q_proj", "v_proj"])] == ["qkv_proj"]
    assert [part.name for part in targeted(mistral, ["v_proj", "q_proj"])] == ["q_proj", "v_proj"]
    assert targeted(mistral, ["all-linear"]) == mistral.linears
    assert targeted(mistral, ["q_proj", "all-linear"]) == mistral.linears


def test_a_target_that_is_not_there_and_a_family_that_is_not_known():
    with pytest.raises(ModelError, match="qkv_proj, which a mistral model does not have: choose"):
        targeted(read_shape(CONFIGS[0]), ["qkv_proj"])
    with pytest.raises(ModelError, match="model_type=gpt2 is not one of llama, mistral"):
        read_shape(GPT2Config())
