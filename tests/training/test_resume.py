"""Killed, crowded out or refused: nothing is lost, and what goes on ends as if undisturbed."""

import random
import subprocess
import sys
import time

import pytest
import torch

from echoes_lib.errors import CannotWrite, TrainingBusy
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import TrainParams
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training.keeper import CHECKPOINT, Keeper, fingerprint
from echoes_lib.training.lock import LOCK, training_lock
from echoes_lib.training.pace import Pace
from echoes_lib.training.stages import train_two_stages
from tests.reflections.disks import tiny_disk  # noqa: F401
from tests.training.data import make_dataset
from tests.training.work import PARAMS

WEIGHTS = "adapter/adapter_model.safetensors"


@pytest.fixture
def begin(tiny_folder, dataset_dir, tmp_path):
    """Return a function that starts a training in a process of its own."""
    started = []

    def start(output, *changes):
        command = [sys.executable, "-m", "tests.training.work"]
        places = [str(tiny_folder), str(dataset_dir), str(output)]
        process = subprocess.Popen(
            [*command, *places, *changes], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, err[-2000:]
    return out.splitlines()


def run(params, dataset_dir, output, run=None, pace=None):
    base = load_base(params)
    return train_two_stages(base, dataset_dir, params, output, run or NullRun(), pace)


@pytest.fixture
def params(tiny_folder):
    return TrainParams(base_model=str(tiny_folder), **PARAMS)


class Stop(Exception):
    """What a test stops a training with."""


class StopAt(NullRun):
    """A run that stops the training at a point, and keeps what it was told."""

    def __init__(self, stage="", step=-1):
        self.at, self.points, self.tags = (stage, step), [], {}

    def set_tags(self, tags):
        self.tags |= tags

    def log_metrics(self, metrics, step=None):
        self.points += [(name, step) for name in metrics if step is not None]
        if any(name.startswith(f"{self.at[0]}/") for name in metrics) and step == self.at[1]:
            raise Stop


@pytest.mark.slow
def test_a_kill_at_any_moment_costs_no_bit_of_the_weights(begin, params, dataset_dir, tmp_path):
    whole = run(params, dataset_dir, tmp_path / "whole")
    draw, output, told, kills = random.Random(11), tmp_path / "killed", [], 0
    while True:
        process = begin(output)
        for line in process.stdout:
            told.append(line.strip())
            if line.startswith("step") and kills < 10 and draw.random() < 0.4:
                time.sleep(draw.random() * 0.03)  # anywhere in the next step or the save
                process.kill()
                kills += 1
                break
        if process.wait() == 0:
            break
    assert kills == 10 and told[-1] == f"done {whole.best_loss!r}"
    assert (output / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert {p.name for p in output.iterdir()} == {"adapter", "history.json", LOCK}
    steps = sum(f.steps for f in whole.stages.values())
    assert steps <= sum(line.startswith("step") for line in told) <= steps + 2 * kills


@pytest.mark.parametrize("at", [("stage1", 24), ("stage2", 6)])
def test_going_on_tells_a_new_run_the_whole_curve(at, params, dataset_dir, tmp_path):
    seen = StopAt()
    whole = run(params, dataset_dir, tmp_path / "whole", seen)
    with pytest.raises(Stop):
        run(params, dataset_dir, tmp_path / "o", StopAt(*at))
    again = StopAt()
    result = run(params, dataset_dir, tmp_path / "o", again)
    assert "resumed_at" in again.tags and sorted(again.points) == sorted(seen.points)
    assert result.best_loss == whole.best_loss


def test_other_data_or_parameters_begin_anew(params, dataset_dir, tmp_path):
    with pytest.raises(Stop):
        run(params, dataset_dir, tmp_path / "o", StopAt("stage2", 0))
    other = StopAt()
    run(params.model_copy(update={"lora_alpha": 4}), dataset_dir, tmp_path / "o", other)
    assert "resumed_at" not in other.tags


def test_a_damaged_checkpoint_is_none(tmp_path):
    mark = fingerprint(a=1)
    keeper = Keeper(tmp_path, mark, 0.0)
    assert keeper.load() is None
    keeper.save({"weights": torch.ones(3)})
    assert torch.equal(keeper.load()["weights"], torch.ones(3))
    assert Keeper(tmp_path, fingerprint(a=2), 0.0).load() is None
    whole = (tmp_path / CHECKPOINT).read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"not a checkpoint"):
        (tmp_path / CHECKPOINT).write_bytes(broken)
        assert keeper.load() is None
    (tmp_path / f".{CHECKPOINT}.7.part").write_bytes(b"half")
    keeper.load()
    assert not list(tmp_path.glob(".*.part"))


def test_a_full_disk_keeps_the_last_checkpoint_and_says_so(params, dataset_dir, tiny_disk):  # noqa: F811
    keeper = Keeper(tiny_disk, fingerprint(a=1), 0.0)
    keeper.save({"weights": torch.ones(3)})
    with pytest.raises(CannotWrite, match=r"checkpoint.pt .* disk is full .* before is untouched"):
        keeper.save({"weights": torch.ones(200_000)})
    assert torch.equal(keeper.load()["weights"], torch.ones(3))
    with pytest.raises(CannotWrite, match="disk is full"):
        run(params.model_copy(update={"lora_r": 32}), dataset_dir, tiny_disk / "3_train")
    assert not list(tiny_disk.rglob("*.part"))


def test_the_second_training_is_refused_and_a_dead_one_holds_nothing(begin, tmp_path):
    first = begin(tmp_path / "o")
    next(line for line in first.stdout if line.startswith("step"))
    with (
        pytest.raises(TrainingBusy, match="wait for it, or stop it"),
        training_lock(tmp_path / "o"),
    ):
        pass
    first.kill()
    first.wait()
    with training_lock(tmp_path / "o"):
        pass


def test_who_is_stopped_for_heat_is_saved_first(params, dataset_dir, tmp_path):
    class Hot(Pace):
        too_hot = True

        def stop(self, checkpoint):
            assert checkpoint == "stage1, step 1"
            raise Stop

    rare = params.model_copy(update={"checkpoint_interval_s": 9999.0})
    with pytest.raises(Stop):
        run(rare, dataset_dir, tmp_path / "o", pace=Hot())
    state = torch.load(tmp_path / "o" / CHECKPOINT, weights_only=True)
    assert (state["name"], state["stage"]["step"]) == ("stage1", 1)


def test_stage_2_repeats_a_share_of_stage_1(params, tmp_path):
    folder = make_dataset(tmp_path / "data", examples=24)
    plain = params.model_copy(update={"stage2_replay_ratio": 0.0})
    steps = {
        ratio: run(p, folder, tmp_path / str(ratio)).stages["stage2"].planned_steps
        for ratio, p in ((0.0, plain), (0.5, params))
    }
    assert steps == {0.0: 8, 0.5: 12}  # four epochs of 8 and of 12 conversations, 4 a step
