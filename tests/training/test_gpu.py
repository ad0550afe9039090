"""What only a CUDA GPU can show; skipped elsewhere, with the reason.

make test-gpu
"""

import gc
import importlib.util
import json

import pytest
import torch
from safetensors.torch import load_file

from echoes_lib.models.adapters import load_echo, new_adapter
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training.batches import pack
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.fit import Settings, fit
from echoes_lib.training.monitor import Monitor, open_sensors
from echoes_lib.training.stages import train_two_stages
from tests.models.families import make_family
from tests.training.data import make_dataset
from tests.training.test_team import FSDP, launch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not torch.cuda.is_available(),
        reason="needs a CUDA GPU: `make test-gpu` on a machine with one",
    ),
]
WIDE = {"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8}
WIDE |= {"num_key_value_heads": 4, "intermediate_size": 1536}


class Figures(NullRun):
    """A run that keeps its metrics."""

    def __init__(self):
        self.metrics = {}

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = make_family(tmp_path_factory.mktemp("wide") / "base", "mistral", **WIDE)
    return TrainParams(
        base_model=str(folder),
        dtype="float32",
        lora_r=8,
        max_length=1024,
        per_device_train_batch_size=64,
        max_tokens_per_pass=65536,
    )


@pytest.fixture(scope="module")
def conversations(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data") / "set", examples=64, sentences=6)


def train(params, folder):
    """Train for two steps; returns what it did and the most that the allocator held."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    base = load_base(params)
    data = load_training_data(folder, base.tokenizer, params.max_length)
    model = new_adapter(base.model, params)
    settings = Settings("gpu", 0.001, 2.0, 2, params)
    fitted = fit(model, base.tokenizer, data.stage1, data.validation, settings)
    return fitted, torch.cuda.max_memory_reserved()


def losses(fitted):
    return [v for point in fitted.points for k, v in point.items() if k in ("loss", "eval_loss")]


def test_with_less_memory_the_steps_are_the_same_in_smaller_pieces(wide, conversations):
    free, peak = train(wide, conversations)
    total = torch.cuda.get_device_properties(0).total_memory
    try:
        torch.cuda.set_per_process_memory_fraction(0.6 * peak / total)
        capped, held = train(wide, conversations)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert held <= 0.6 * peak
    assert capped.max_tokens < free.max_tokens or capped.recomputed_layers > 0
    assert losses(capped) == pytest.approx(losses(free), rel=1e-3)


def test_a_four_bit_base_trains_in_bfloat16_is_saved_and_answers(
    tiny_folder, dataset_dir, tmp_path
):
    params = TrainParams(
        base_model=str(tiny_folder),
        quantization="nf4",
        dtype="bfloat16",
        lora_r=8,
        learning_rate=0.01,
        max_length=256,
        per_device_train_batch_size=4,
    )
    run = Figures()
    result = train_two_stages(load_base(params), dataset_dir, params, tmp_path / "out", run)
    assert result.stages["stage1"].best_loss < result.stages["stage1"].first_loss
    assert run.metrics["memory/measured_gib"] > 0
    weights = load_file(result.adapter_dir / "adapter_model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    echo = load_echo(result.adapter_dir)
    ids = torch.tensor([[5, 9, 11]], device="cuda")
    reply = echo.model.generate(input_ids=ids, max_new_tokens=4, do_sample=False)
    assert reply.shape[1] > 3


@pytest.mark.skipif(
    importlib.util.find_spec("flash_attn") is None, reason="flash-attn is not installed"
)
def test_packed_conversations_cannot_see_one_another_in_flash_attention(wide, conversations):
    params = wide.model_copy(update={"dtype": "bfloat16", "attention": "flash_attention_2"})
    base = load_base(params)
    rows = load_training_data(conversations, base.tokenizer, params.max_length).stage1[:3]
    first, second, other = rows
    decoder = base.model.get_decoder()
    with torch.no_grad():
        states = []
        for piece in (pack([first, second]), pack([other, second])):
            ids, places = piece.input_ids.cuda(), piece.position_ids.cuda()
            states.append(decoder(input_ids=ids, position_ids=places, use_cache=False)[0])
    n = len(second.input_ids)
    torch.testing.assert_close(states[0][:, -n:], states[1][:, -n:], rtol=2e-2, atol=2e-2)


def test_the_sensors_of_a_real_card_are_read():
    with Monitor(open_sensors()) as monitor:
        figures = monitor.sample()
    assert 0 < figures["system/gpu_0_temperature_celsius"] < 120
    assert 0 < figures["system/gpu_0_memory_gib"] <= figures["system/gpu_0_memory_total_gib"]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA GPUs")
@pytest.mark.parametrize("config", [None, FSDP], ids=["copies", "split"])
def test_two_gpus_take_the_steps_of_one(tiny_folder, dataset_dir, tmp_path, config):
    given = ["lora_dropout=0.0", 'quantization="nf4"', 'dtype="float32"']
    for count in (1, 2):
        by, cards = (config, "0,1") if count == 2 else (None, "0")
        folder = tmp_path / str(count)
        launch(count, tiny_folder, dataset_dir, folder, *given, config=by, cards=cards)
    one, two = (json.loads((tmp_path / n / "history.json").read_text()) for n in "12")
    for stage in one:
        assert one[stage]["best_loss"] == pytest.approx(two[stage]["best_loss"], rel=1e-3)
