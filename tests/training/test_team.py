"""Two real processes over gloo take the steps of one: same losses, same adapter, one writer.

With the base in each of them, and with the base split over both.
"""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file

from echoes_lib.errors import StepFailed
from echoes_lib.models.load import load_base
from echoes_lib.params import load_step
from echoes_lib.params.schema import TrainParams
from echoes_lib.pipeline.launch import launch_training
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training.course import Course
from echoes_lib.training.keeper import CHECKPOINT
from echoes_lib.training.lock import LOCK
from echoes_lib.training.stages import train_two_stages
from echoes_lib.training.team import Team, this_team
from echoes_lib.workspace import PROJECT, workspace
from tests.training.work import PARAMS


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


FSDP = PROJECT / "params" / "two-gpus" / "accelerate.yaml"


def launch(processes, *arguments, module="tests.training.work", config=None, cards="", code=0):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1"]
    if config:
        command += ["--config_file", str(config)]
    else:
        command += ["--multi_gpu"] * (processes > 1)  # accelerate's word for several processes
        command += ["--main_process_port", str(free_port())]
    command += ["--num_processes", str(processes)]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", module]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": cards}
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def alone(tiny_folder, dataset_dir, tmp_path_factory):
    """Train in this very process, once for the same parameters; pieces change nothing."""
    made = {}

    def train(**changes):
        key = json.dumps(changes)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("alone")
            params = TrainParams(base_model=str(tiny_folder), **(PARAMS | changes))
            train_two_stages(load_base(params), dataset_dir, params, made[key], NullRun())
        return made[key]

    return train


@pytest.mark.slow
@pytest.mark.parametrize(
    "config, pieces, changes",
    [
        (None, {"max_tokens_per_pass": 300}, {}),
        (None, {"max_tokens_per_pass": 4096}, {}),
        (FSDP, {"max_tokens_per_pass": 300, "gradient_checkpointing": True}, {}),
        (FSDP, {}, {"quantization": "nf4", "init_lora_weights": "pissa"}),
    ],
    ids=["copies", "whole steps", "split", "split, four bits"],
)
def test_two_processes_take_the_steps_of_one(
    tiny_folder, dataset_dir, tmp_path, alone, config, pieces, changes
):
    changes = {"lora_dropout": 0.0, "stage1_epochs": 2.0, **changes}
    given = [f"{name}={json.dumps(value)}" for name, value in {**pieces, **changes}.items()]
    out = launch(2, tiny_folder, dataset_dir, tmp_path, *given, config=config)
    assert out.count("done") == 2
    assert out.count("split") == (2 if config else 0)
    folders = (alone(**changes), tmp_path)
    one, two = (json.loads((folder / "history.json").read_text()) for folder in folders)
    for stage in one:
        for first, second in zip(one[stage]["points"], two[stage]["points"], strict=True):
            assert first.keys() == second.keys()
            for name in first.keys() & {"loss", "eval_loss", "learning_rate"}:
                assert first[name] == pytest.approx(second[name], rel=1e-4)
    weights = [load_file(folder / "adapter/adapter_model.safetensors") for folder in folders]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_all_processes_stop_at_the_step_at_which_one_is_too_hot(
    tiny_folder, dataset_dir, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOT", "1 3")
    launch(2, tiny_folder, dataset_dir, tmp_path, "checkpoint_interval_s=9999.0", code=1)
    state = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert (state["name"], state["stage"]["step"]) == ("stage1", 3)


@pytest.fixture
def mini(tiny_folder, dataset_dir, home, tmp_path, monkeypatch):
    """A profile `mini` on a miniature, with its dataset made; returns its steps' folder."""
    profile = tmp_path / "project" / "params" / "mini"
    shutil.copytree(PROJECT / "params" / "demo", profile)
    common = (profile / "common.yaml").read_text().replace("profile: demo", "profile: mini")
    common = common.replace("base_model: seedling", f"base_model: {tiny_folder}")
    (profile / "common.yaml").write_text(common)
    monkeypatch.setenv("ECHOES_PROJECT", str(tmp_path / "project"))
    steps = workspace().chain_dir("mini", "luke")
    shutil.copytree(dataset_dir, steps / "1_preprocess" / "dataset")
    return steps


@pytest.mark.slow
def test_the_command_of_the_guide_trains_a_profile_and_records_one_run(mini):
    out = launch(2, "--profile", "mini", "--user", "luke", module="echoes_lib.training")
    assert out.count("validation loss") == 1
    assert (mini / "3_train/adapter/adapter_model.safetensors").is_file()
    client = MlflowClient(workspace().tracking_uri)
    (found,) = client.search_experiments(filter_string="name = 'echo-luke'")
    (run,) = client.search_runs([found.experiment_id])
    assert run.info.status == "FINISHED"
    assert "stage2/best_eval_loss" in run.data.metrics


@pytest.mark.slow
def test_the_chain_trains_on_the_processes_of_a_profile_and_shows_the_result(mini, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    shutil.copy(FSDP, workspace().profiles / "mini" / "accelerate.yaml")
    params = load_step("3_train", "mini", {"lora_r": 4})
    launch_training(params, {"OMP_NUM_THREADS": "1"})
    output, dataset = mini / "3_train", mini / "1_preprocess" / "dataset"
    assert {path.name for path in output.iterdir()} == {"adapter", "history.json", LOCK}
    monkeypatch.setattr(Course, "go", None)  # what is trained is not trained again
    result = train_two_stages(load_base(params), dataset, params, output, NullRun())
    assert result.stages["stage2"].steps > 0

    (dataset / "manifest.json").unlink()
    with pytest.raises(StepFailed, match=r"^3_train: .*manifest"):
        launch_training(params, {"OMP_NUM_THREADS": "1"})
    assert "manifest" in (output / "launch.log").read_text()


def test_a_process_alone_is_first_and_takes_all():
    team = this_team()
    assert (team.rank, team.size, team.is_first) == (0, 1, True)
    assert team.share([1, 2, 3], 0) == [1, 2, 3] and team.any(True) and not team.any(False)
    assert [Team(rank, 2).share("abcde", "") for rank in (0, 1)] == [
        ["a", "c", "e"],
        ["b", "d", ""],
    ]
    assert [Team(rank, 3).share("", "") for rank in (0, 1, 2)] == [[], [], []]
