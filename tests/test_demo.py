"""The demo as a user meets it: the real notebooks, the seedling, Luke; minutes, so marked slow.

One chain serves all checks: its training is killed once and must go on, and what it leaves is
then read through MLflow, the commands and the remaining notebook.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from echoes_lib.workspace import PROJECT

pytestmark = pytest.mark.slow
ECHOES = [sys.executable, "-m", "echoes_lib.cli"]
STEPS = ["1_preprocess", "2_search", "3_train", "4_evaluate", "5_register"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Run the demo in a home of its own, killing the kernel of 3_train on the way."""
    home = tmp_path_factory.mktemp("demo")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ECHOES_")}
    environment["ECHOES_HOME"] = str(home)
    subprocess.run([*ECHOES, "sample"], env=environment, check=True)
    killed = subprocess.Popen(
        [*ECHOES, "run", "--profile", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_training(killed, home)
    output, error = killed.communicate(timeout=120)
    assert killed.returncode == 1 and "3_train: the notebook's kernel died" in error
    done = subprocess.run(
        [*ECHOES, "run", "--profile", "demo"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return home, environment, done.stdout


def kill_training(runner, home):
    """Wait until training takes steps, then kill its kernel as the system would."""
    progress = home / "runs" / "demo" / "luke" / ".progress.json"
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and runner.poll() is None:
        time.sleep(0.2)
        done = (home / "runs" / "demo" / "luke" / "2_search" / "best.yaml").exists()
        label = json.loads(progress.read_text())["label"] if progress.exists() else ""
        if done and "stage" in label:
            kernels = psutil.Process(runner.pid).children(recursive=True)
            (kernel,) = [p for p in kernels if "ipykernel_launcher" in " ".join(p.cmdline())]
            os.kill(kernel.pid, signal.SIGKILL)
            return
    raise AssertionError("training never began")


@pytest.fixture
def store(demo, monkeypatch):
    monkeypatch.setenv("ECHOES_HOME", str(demo[0]))
    from echoes_lib.tracking.store import prepare_store

    prepare_store()
    import mlflow

    return mlflow


def test_the_chain_went_on_from_the_step_that_was_killed(demo):
    lines = [line.split()[1:] for line in demo[2].splitlines() if line.startswith("✓")]
    assert [line[0] for line in lines] == STEPS
    assert [line[0] for line in lines if "kept" in line] == STEPS[:2]


def test_the_report_holds_scores_replies_and_what_comes_next(demo):
    text = " ".join(demo[2].split())
    for part in ("bits per byte", "echo − base", "person", "/#/experiments/", "make chat"):
        assert part in text


def test_the_newest_chain_is_whole_and_nothing_is_left_running(demo, store):
    found = store.search_runs(search_all_experiments=True)
    assert "RUNNING" not in set(found["status"])
    chains = found[found["tags.step"] == "chain"].sort_values("start_time")
    newest = chains.iloc[-1]
    steps = found[found["tags.mlflow.parentRunId"] == newest.run_id]
    finished = steps[steps["status"] == "FINISHED"]
    assert sorted(finished["tags.step"]) == STEPS
    assert list(steps[steps["status"] == "FAILED"]["tags.step"]) == ["3_train"]
    scored = finished[finished["tags.step"] == "4_evaluate"].iloc[0]
    for name in ("bits_per_byte", "rougeL", "bleu"):
        for system in ("", "base_", "echo_"):
            assert scored[f"metrics.{system}{name}"] >= 0
    assert scored["metrics.echo_bits_per_byte"] < scored["metrics.base_bits_per_byte"]
    searched = finished[finished["tags.step"] == "2_search"].iloc[0]
    trials = found[found["tags.mlflow.parentRunId"] == searched.run_id]
    assert len(trials) == int(searched["params.n_trials"])


def test_what_the_search_found_is_what_training_used(demo, store):
    import yaml

    best = yaml.safe_load((demo[0] / "runs/demo/luke/2_search/best.yaml").read_text())
    found = store.search_runs(search_all_experiments=True)
    trained = found[(found["tags.step"] == "3_train") & (found["status"] == "FINISHED")].iloc[0]
    for name, value in best.items():
        assert float(trained[f"params.{name}"]) == pytest.approx(float(value))


def test_every_notebook_run_keeps_curves_pictures_dataset_and_the_executed_copy(demo, store):
    client = store.MlflowClient()
    found = store.search_runs(search_all_experiments=True)
    for step in STEPS:
        run = found[(found["tags.step"] == step) & (found["status"] == "FINISHED")].iloc[0]
        top = {f.path for f in client.list_artifacts(run.run_id)}
        assert {"notebook", "pictures"} <= top, step
        assert run["metrics.system/system_memory_usage_megabytes"] > 0
        assert len(run["tags.dataset_hash"]) == 64
        assert (run["tags.base"], run["tags.user"], run["tags.profile"]) == (
            "seedling",
            "luke",
            "demo",
        )
        assert run["tags.git_commit"]
        if step == "3_train":
            assert len(client.get_metric_history(run.run_id, "stage1/loss")) > 3
        if step != "5_register":
            assert client.get_run(run.run_id).inputs.dataset_inputs, step


def test_the_champion_loads_and_answers_in_lukes_name(demo, store):
    model = store.pyfunc.load_model("models:/echo-luke@champion")
    reply = model.predict({"input": [{"role": "user", "content": "What makes you laugh?"}]})
    assert reply["output"][0]["content"][0]["text"].strip()
    assert reply["custom_outputs"]["served_by"] == "echo"


def test_the_terminal_chat_talks_to_the_registered_model(demo):
    done = subprocess.run(
        [*ECHOES, "chat"],
        env=demo[1],
        input="What do you like to cook?\nAre you a real person?\n\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = done.stdout.split("echo> ")[1:]
    assert len(first.split()) > 3
    assert "AI" in second


def test_the_readmes_curl_line_gets_an_answer(demo):
    readme = (PROJECT / "README.md").read_text()
    (line,) = [x for x in readme.splitlines() if x.startswith("curl ")]
    words = shlex.split(line)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = words[1].replace(":5001", f":{port}")
    request = urllib.request.Request(
        address, words[words.index("-d") + 1].encode(), {"Content-Type": "application/json"}
    )
    server = subprocess.Popen(
        [*ECHOES, "serve-model", "--port", str(port)],
        env=demo[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = ask_until_up(request, server)
    finally:
        stop(server)
    assert answer["output"][0]["content"][0]["text"].strip()
    assert answer["custom_outputs"]["served_by"] == "echo"


def ask_until_up(request, server):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server did not come up")


def stop(server):
    family = psutil.Process(server.pid).children(recursive=True)
    server.terminate()
    server.wait(timeout=30)
    psutil.wait_procs(family, timeout=10)
    assert not any(process.is_running() for process in family)


def papermill(step, out, environment, *more):
    files = [str(PROJECT / "params" / "demo" / name) for name in ("common.yaml", f"{step}.yaml")]
    command = [Path(sys.executable).parent / "papermill", PROJECT / f"notebooks/{step}.ipynb", out]
    done = subprocess.run(
        [*command, "-f", files[0], "-f", files[1], *more],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_each_notebook_runs_alone_by_plain_papermill(demo, store, tmp_path):
    quick = {
        "1_preprocess": "-p target_examples 120",
        "2_search": "-p n_trials 1 -p search_examples 16",
        "3_train": "-p stage1_epochs 0.2 -p stage2_epochs 0.2 -p lora_r 4",
        "4_evaluate": "-p bootstrap_resamples 100",
    }
    for step in STEPS:
        more = ["-p", "profile", "alone", *quick.get(step, "").split()]
        papermill(step, tmp_path / f"{step}.ipynb", demo[1], *more)
    found = store.search_runs(search_all_experiments=True)
    alone = found[(found["tags.profile"] == "alone") & found["tags.step"].notna()]
    assert sorted(alone["tags.step"]) == STEPS
    assert set(alone["status"]) == {"FINISHED"}
    assert alone["tags.mlflow.parentRunId"].isna().all()
    trained = alone[alone["tags.step"] == "3_train"].iloc[0]
    assert trained["params.lora_r"] == "4"


def test_a_notebook_runs_as_jupyterlab_runs_it_with_its_own_parameters_cell(demo):
    import nbclient
    import nbformat

    book = nbformat.read(PROJECT / "notebooks" / "6_chat.ipynb", as_version=4)
    client = nbclient.NotebookClient(book, timeout=300, kernel_name="python3")
    client.execute(env=demo[1])
    shown = [o for cell in book.cells for o in cell.get("outputs", ())]
    assert any("AI" in str(output) for output in shown)
    assert not any(output["output_type"] == "error" for output in shown)


def test_notebook_6_plays_a_conversation(demo, tmp_path):
    papermill("6_chat", tmp_path / "out.ipynb", demo[1])


def test_a_second_run_is_done_within_twenty_seconds(demo):
    began = time.monotonic()
    done = subprocess.run([*ECHOES, "run"], env=demo[1], capture_output=True, text=True)
    assert done.returncode == 0 and "All steps are done" in done.stdout
    # A promise of the README with a wide margin; it measures work left out, not speed.
    assert time.monotonic() - began < 20
