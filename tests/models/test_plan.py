"""From parameters to a plan: is the base here, what would it need, what is there."""

import json

import pytest

from echoes_lib.errors import ModelError, NotEnoughMemory
from echoes_lib.models.memory import GIB, MIB
from echoes_lib.models.plan import (
    _container_room,
    available_memory,
    find_presence,
    forecast_training,
    largest_batch,
    plan_training,
    setup_of,
)
from echoes_lib.params import TrainParams, load_step
from tests.models.tiny import make_tiny_base

HUB = "mistralai/Mistral-7B-Instruct-v0.3"


def test_the_seedling_is_here_and_its_training_fits_into_a_gibibyte_and_a_half():
    params = TrainParams(max_length=512)
    assert find_presence(params).here and find_presence(params).shape.parameters == 4_196_608
    plan = plan_training(params, int(1.5 * GIB))
    assert plan.checkpointed_layers == 0
    assert plan.base_weights == 4 * 4_196_608


def test_it_checkpoints_only_when_it_must_or_is_asked_to():
    params = TrainParams()
    free = plan_training(params)
    assert (free.checkpointed_layers, free.layers) == (0, 4)
    tight = plan_training(params, free.peak - 100 * MIB)
    assert 0 < tight.checkpointed_layers < 4
    asked = plan_training(params.model_copy(update={"gradient_checkpointing": True}))
    assert asked.checkpointed_layers == 4 and asked.peak < tight.peak
    never = params.model_copy(update={"gradient_checkpointing": False})
    with pytest.raises(NotEnoughMemory, match="0 of 4 layers"):
        plan_training(never, free.peak - 100 * MIB)


def test_what_does_not_fit_is_an_error_or_a_plan_that_says_so():
    with pytest.raises(NotEnoughMemory, match="max_tokens_per_pass"):
        plan_training(TrainParams(), 600 * MIB)
    assert not forecast_training(TrainParams(), 600 * MIB).fits


def test_a_folder_is_read_and_its_missing_weights_are_named(tmp_path):
    folder = make_tiny_base(tmp_path / "base")
    params = TrainParams(base_model=str(folder))
    assert find_presence(params).note == "complete"
    (folder / "model.safetensors").unlink()
    found = find_presence(params)
    assert not found.here and "model.safetensors is missing in base" in found.fault
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model-1.safetensors").touch()
    assert "model-2.safetensors is missing" in find_presence(params).fault
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config.json in base is not readable"):
        find_presence(params)


def test_a_hub_model_is_planned_before_it_is_fetched_and_is_not_fetched(monkeypatch):
    params = load_step("3_train", "rtx5090")
    found = find_presence(params)
    assert (found.place, found.here) == ("hub", False)
    assert "about 13.5 GiB" in found.note and "HF_HUB_OFFLINE" in found.fault
    assert forecast_training(params, 24 * GIB).fits
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert find_presence(params).fault == ""
    with pytest.raises(ModelError, match="nothing is known of its shape: fetch it once"):
        forecast_training(TrainParams(base_model="somebody/unknown"))


def test_a_hub_model_in_the_cache_is_found_there(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--somebody--small"
    make_tiny_base(repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    found = find_presence(TrainParams(base_model="somebody/small"))
    assert (found.place, found.here, found.note) == ("cache", True, "complete")
    (repo / "snapshots" / commit / "model.safetensors").unlink()
    found = find_presence(TrainParams(base_model="somebody/small"))
    assert not found.here and found.fault  # offline, the rest cannot be fetched


def test_the_largest_batch_is_what_the_parameters_allow():
    params = TrainParams(max_tokens_per_pass=300, max_length=100)
    batch = largest_batch(params, setup_of(params))
    assert (batch.tokens, batch.longest, batch.masked) == (300, 100, True)
    long = TrainParams(max_tokens_per_pass=300, max_length=500)
    assert largest_batch(long, setup_of(long)).tokens == 500  # one conversation is never cut
    assert 0 < batch.trained_tokens < batch.tokens


def test_a_container_limits_what_there_is(tmp_path):
    (tmp_path / "memory.max").write_text("4000\n")
    (tmp_path / "memory.current").write_text("1500\n")
    assert _container_room(tmp_path) == 2500
    (tmp_path / "memory.max").write_text("max\n")
    assert _container_room(tmp_path) > 1 << 60
    assert _container_room(tmp_path / "none") > 1 << 60
    assert 100 * MIB < available_memory("cpu") < 1 << 50
