"""Runs hold what was logged, end as their work ended, and do not outlive their process."""

import json
import os
import signal
import subprocess
import sys
import time

import mlflow
import pytest

from echoes_lib.params import TrainParams
from echoes_lib.tracking import NullRun, start_step
from echoes_lib.tracking.interface import Run
from echoes_lib.tracking.reap import end_children, reap_dead
from echoes_lib.tracking.runs import MlflowRun, create_run, flatten
from echoes_lib.tracking.store import experiment_id, prepare_store


@pytest.fixture
def run(home):
    prepare_store()
    return create_run(experiment_id("echo-luke"), "test", {"user": "luke"})


def status(run_id):
    return mlflow.MlflowClient().get_run(run_id).info.status


def test_null_run_has_every_method_of_the_interface(tmp_path):
    wanted = {name for name in vars(Run) if not name.startswith("_")} - {"run_id"}
    assert wanted <= set(dir(NullRun)) and wanted <= set(dir(MlflowRun))
    with NullRun().child("trial", {}) as child:
        child.log_metrics({"loss": 1.0}, step=1)


def test_everything_logged_can_be_read_back(run, tmp_path):
    import matplotlib.pyplot as plt

    data = tmp_path / "train.jsonl"
    data.write_text(json.dumps({"example_id": "1a", "messages": [{"content": "private"}]}) + "\n")
    run.log_params({"lora_r": 16, "generation": {"top_k": 50}, "long": "x" * 9000})
    run.log_metrics({"loss": 2.0}, step=1)
    run.log_metrics({"loss": 1.5}, step=2)
    run.log_table([{"question_id": 1, "bleu": 3.0}], "replies.json")
    run.log_figure(plt.figure(), "loss.png")
    run.log_file(data, "data")
    run.log_dataset(data, "train", "a1b2", "training")
    run.finish()
    client = mlflow.MlflowClient()
    read = client.get_run(run.run_id)
    assert read.info.status == "FINISHED"
    assert (read.data.params["lora_r"], read.data.params["generation.top_k"]) == ("16", "50")
    assert [m.value for m in client.get_metric_history(run.run_id, "loss")] == [2.0, 1.5]
    assert {f.path for f in client.list_artifacts(run.run_id)} == {
        "replies.json",
        "pictures",
        "data",
    }
    dataset = read.inputs.dataset_inputs[0]
    assert (dataset.dataset.name, dataset.dataset.digest) == ("train", "a1b2")
    assert "private" not in dataset.dataset.to_dictionary().__repr__()


def test_child_ends_as_its_body_ends(run):
    with run.child("good", {"lr": 1}) as good:
        pass
    with pytest.raises(ValueError, match="bad"), run.child("bad", {}) as bad:
        raise ValueError("bad")
    assert (status(good.run_id), status(bad.run_id)) == ("FINISHED", "FAILED")
    parents = mlflow.MlflowClient().get_run(good.run_id).data.tags["mlflow.parentRunId"]
    assert parents == run.run_id


def test_a_step_joins_the_run_that_the_chain_opened_and_leaves_its_end_to_it(run, monkeypatch):
    monkeypatch.setenv("ECHOES_RUN_ID", run.run_id)
    joined = start_step("3_train", TrainParams())
    assert joined.run_id == run.run_id
    joined.finish()
    assert status(run.run_id) == "RUNNING"


def test_a_step_on_its_own_records_params_tags_and_the_machine(home):
    run = start_step("3_train", TrainParams(lora_r=4))
    deadline = time.monotonic() + 20
    client = mlflow.MlflowClient()
    while time.monotonic() < deadline:
        metrics = client.get_run(run.run_id).data.metrics
        if "system/cpu_utilization_percentage" in metrics:
            break
        time.sleep(0.5)
    run.finish()
    read = client.get_run(run.run_id)
    assert "system/cpu_utilization_percentage" in read.data.metrics
    assert read.data.params["lora_r"] == "4"
    assert {"step": "3_train", "user": "luke", "profile": "demo"}.items() <= read.data.tags.items()
    assert read.info.status == "FINISHED"


UNFINISHED = """
from echoes_lib.params import TrainParams
from echoes_lib.tracking import start_step
import time
print(start_step("3_train", TrainParams()).run_id, flush=True)
{end}
"""


def test_a_process_that_leaves_without_finish_leaves_a_failed_run(home):
    done = subprocess.run(
        [sys.executable, "-c", UNFINISHED.format(end="raise SystemExit(3)")],
        capture_output=True,
        text=True,
    )
    prepare_store()
    assert status(done.stdout.split()[0]) == "FAILED"


def test_runs_of_a_killed_process_are_ended_and_those_of_a_living_one_are_not(run):
    process = subprocess.Popen(
        [sys.executable, "-c", UNFINISHED.format(end="time.sleep(600)")],
        stdout=subprocess.PIPE,
        text=True,
    )
    killed = process.stdout.readline().strip()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert status(killed) == "RUNNING"
    assert reap_dead(experiment_id("echo-luke")) == [killed]
    assert (status(killed), status(run.run_id)) == ("KILLED", "RUNNING")


def test_end_children_ends_only_the_running_ones(run):
    with run.child("done", {}) as done:
        pass
    open_child = create_run(experiment_id("echo-luke"), "open", {"mlflow.parentRunId": run.run_id})
    end_children(experiment_id("echo-luke"), run.run_id, "FAILED")
    assert (status(done.run_id), status(open_child.run_id)) == ("FINISHED", "FAILED")


def test_flatten():
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}
