"""Two real processes over gloo take the steps of one: same losses, same adapter, one writer."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from echoes_lib.training.team import Team, this_team


def free_port():
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


def launch(processes, *arguments):
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1"]
    command += ["--multi_gpu"] * (processes > 1)  # accelerate's word for processes of their own
    command += ["--num_processes", str(processes), "--main_process_port", str(free_port())]
    command += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "tests.training.work"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("budget", [300, 4096])
def test_two_processes_take_the_steps_of_one(tiny_folder, dataset_dir, tmp_path, budget):
    changes = ["lora_dropout=0.0", f"max_tokens_per_pass={budget}", "stage1_epochs=2.0"]
    for count in (1, 2):
        out = launch(count, tiny_folder, dataset_dir, tmp_path / str(count), *changes)
        assert out.count("done") == count
    one, two = (json.loads((tmp_path / str(n) / "history.json").read_text()) for n in (1, 2))
    for stage in one:
        for first, second in zip(one[stage]["points"], two[stage]["points"], strict=True):
            for name in ("loss", "eval_loss", "learning_rate"):
                assert first.get(name) == pytest.approx(second.get(name), rel=1e-4)
    weights = [load_file(tmp_path / str(n) / "adapter/adapter_model.safetensors") for n in (1, 2)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-2, atol=1e-3)


def test_a_process_alone_is_first_and_takes_all():
    team = this_team()
    assert (team.rank, team.size, team.is_first) == (0, 1, True)
    assert team.share([1, 2, 3]) == [1, 2, 3] and team.any(True) and not team.any(False)
    assert [Team(rank, 2).share("abcde") for rank in (0, 1)] == [["a", "c", "e"], ["b", "d"]]
