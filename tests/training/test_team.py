"""Two real processes over gloo take the steps of one: same losses, same adapter, one writer."""

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

from echoes_lib.training.team import Team, this_team
from echoes_lib.workspace import PROJECT, workspace


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def launch(processes, *arguments, module="tests.training.work"):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1"]
    command += ["--multi_gpu"] * (processes > 1)  # accelerate's word for processes of their own
    command += ["--num_processes", str(processes), "--main_process_port", str(free_port())]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", module]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("budget", [300, 4096])
def test_two_processes_take_the_steps_of_one(tiny_folder, dataset_dir, tmp_path, budget):
    changes = ["lora_dropout=0.0", f"max_tokens_per_pass={budget}", "stage1_epochs=2.0"]
    for count in (1, 2):
        out = launch(count, tiny_folder, dataset_dir, tmp_path / str(count), *changes)
        assert out.count("done") == count
    one, two = (json.loads((tmp_path / str(n) / "history.json").read_text()) for n in (1, 2))
    for stage in one:
        for first, second in zip(one[stage]["points"], two[stage]["points"], strict=True):
            assert first.keys() == second.keys()
            for name in first.keys() & {"loss", "eval_loss", "learning_rate"}:
                assert first[name] == pytest.approx(second[name], rel=1e-4)
    weights = [load_file(tmp_path / str(n) / "adapter/adapter_model.safetensors") for n in (1, 2)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.slow
def test_the_command_of_the_guide_trains_a_profile_and_records_one_run(
    tiny_folder, dataset_dir, home, tmp_path, monkeypatch
):
    profile = tmp_path / "project" / "params" / "mini"
    shutil.copytree(PROJECT / "params" / "demo", profile)
    common = (profile / "common.yaml").read_text().replace("profile: demo", "profile: mini")
    common = common.replace("base_model: seedling", f"base_model: {tiny_folder}")
    (profile / "common.yaml").write_text(common)
    monkeypatch.setenv("ECHOES_PROJECT", str(tmp_path / "project"))
    steps = workspace().chain_dir("mini", "luke")
    shutil.copytree(dataset_dir, steps / "1_preprocess" / "dataset")
    out = launch(2, "--profile", "mini", "--user", "luke", module="echoes_lib.training")
    assert out.count("validation loss") == 1
    assert (steps / "3_train/adapter/adapter_model.safetensors").is_file()
    client = MlflowClient(workspace().tracking_uri)
    (found,) = client.search_experiments(filter_string="name = 'echo-luke'")
    (run,) = client.search_runs([found.experiment_id])
    assert run.info.status == "FINISHED"
    assert "stage2/best_eval_loss" in run.data.metrics


def test_a_process_alone_is_first_and_takes_all():
    team = this_team()
    assert (team.rank, team.size, team.is_first) == (0, 1, True)
    assert team.share([1, 2, 3]) == [1, 2, 3] and team.any(True) and not team.any(False)
    assert [Team(rank, 2).share("abcde") for rank in (0, 1)] == [["a", "c", "e"], ["b", "d"]]
