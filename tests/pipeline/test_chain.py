"""The chain: order, what is kept, what runs again, and how a broken one goes on.

Real papermill, real kernels, a real MLflow store; the notebooks are small stand-ins.
"""

import os
import signal
import subprocess
import sys
import time

import mlflow
import pytest
from filelock import FileLock

from echoes_lib.errors import (
    ChainBusy,
    NoConsent,
    NoDatabase,
    NoSuchUser,
    ParamsError,
    StepFailed,
)
from echoes_lib.pipeline import chain
from echoes_lib.pipeline.chain import run_chain
from echoes_lib.reflections.sources.consent import grant, withdraw
from echoes_lib.reflections.sources.sample import write_sample
from echoes_lib.workspace import workspace
from tests.pipeline.project import STEPS, make_project, write_notebook


@pytest.fixture
def project(home, tmp_path, monkeypatch):
    folder = make_project(tmp_path / "project")
    monkeypatch.setenv("ECHOES_PROJECT", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    workspace().data.mkdir()
    write_sample(workspace().database_url)
    return folder


def leave_out(*steps):
    """Take steps out of the profile: each is a kernel to start."""
    for step in steps:
        (workspace().profiles / "demo" / f"{step}.yaml").unlink()


def executed(home):
    log = home / "executed.txt"
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


def runs_by_name():
    found = mlflow.search_runs(search_all_experiments=True)
    return dict(zip(found["tags.mlflow.runName"], found["status"], strict=True)), found


def test_runs_in_order_then_keeps_everything_then_only_what_changed(project, home):
    first = run_chain("demo")
    assert executed(home) == first.ran == list(STEPS)
    second = run_chain("demo")
    assert executed(home) == second.ran == []
    assert (second.kept, second.parent_run) == (list(STEPS), first.parent_run)
    # What the search found is what training got, and -p wins over it.
    trained = workspace().step_dir("demo", "luke", "3_train") / "out.txt"
    assert trained.read_text() == "24"
    third = run_chain("demo", overrides=["3_train.lora_r=8"])
    assert executed(home) == third.ran == ["3_train", "4_evaluate", "5_register"]
    assert trained.read_text() == "8"
    # The newest chain shows all five: those kept from before with a pointer to who did the work.
    found = mlflow.search_runs(search_all_experiments=True)
    newest = found[found["tags.mlflow.parentRunId"] == third.parent_run]
    assert sorted(newest["tags.step"]) == list(STEPS)
    assert set(newest["status"]) == {"FINISHED"}
    assert newest["tags.kept_from_run"].notna().sum() == 2


def test_a_lost_file_is_made_again(project, home):
    leave_out("2_search", "3_train")
    run_chain("demo")
    executed(home)
    (workspace().step_dir("demo", "luke", "4_evaluate") / "out.txt").write_text("tampered")
    assert run_chain("demo").ran == ["4_evaluate"]


def test_a_failed_notebook_is_kept_named_and_marked_and_the_chain_goes_on_from_there(project, home):
    leave_out("2_search", "5_register")
    write_notebook(project, "3_train", "raise ValueError('a secret of Luke')")
    with pytest.raises(
        StepFailed, match=r"3_train: cell In \[\d+\] failed with ValueError"
    ) as caught:
        run_chain("demo")
    assert "secret" not in str(caught.value)
    assert executed(home) == ["1_preprocess", "3_train"]
    copy = workspace().chain_dir("demo", "luke") / "3_train.ipynb"
    assert "ValueError" in copy.read_text()
    names, found = runs_by_name()
    assert names["3_train"] == names["chain demo luke"] == "FAILED"
    failed = found[found["tags.mlflow.runName"] == "3_train"].iloc[0]
    kept = mlflow.MlflowClient().list_artifacts(failed.run_id, "notebook")
    assert [f.path for f in kept] == ["notebook/3_train.ipynb"]
    write_notebook(project, "3_train")
    assert run_chain("demo").ran == ["3_train", "4_evaluate"]
    assert len(set(runs_by_name()[1]["tags.mlflow.parentRunId"].dropna())) == 1


def test_the_projects_own_errors_come_through_whole(project, home):
    write_notebook(
        project,
        "1_preprocess",
        "from echoes_lib.errors import TooFewAnswers\nraise TooFewAnswers('found 3, needed 10')",
    )
    with pytest.raises(StepFailed, match="1_preprocess: found 3, needed 10"):
        run_chain("demo")


def test_a_killed_kernel_fails_its_step_and_leaves_no_run_running(project, home):
    leave_out("2_search", "5_register")
    tags = "{'mlflow.parentRunId': os.environ['ECHOES_RUN_ID']}"
    write_notebook(
        project,
        "3_train",
        "import mlflow, signal\nfrom echoes_lib.tracking.store import prepare_store\n"
        f"prepare_store()\nmlflow.MlflowClient().create_run('1', tags={tags})\n"
        "os.kill(os.getpid(), signal.SIGKILL)",
    )
    with pytest.raises(StepFailed, match="3_train: the notebook's kernel died"):
        run_chain("demo")
    _, found = runs_by_name()
    assert len(found) == 4 and "RUNNING" not in set(found["status"])
    write_notebook(project, "3_train")
    assert run_chain("demo").ran == ["3_train", "4_evaluate"]


def test_no_chain_begins_and_none_goes_on_without_consent(project, home):
    url = workspace().database_url
    withdraw(url, "luke")
    with pytest.raises(NoConsent, match="withdrawn on .* `echoes consent --user luke"):
        run_chain("demo")
    assert executed(home) == [] and not (home / "mlruns").exists()
    grant(url, "luke", "training", "Luke")
    withdrawn = "update consents set withdrawn_on = '2026-11-20' where user_id = 'luke'"
    leave = (
        f"import sqlite3\nwith sqlite3.connect({str(home / 'data' / 'reflections.db')!r}) as c:\n"
    )
    leave += f"    c.execute({withdrawn!r})"
    write_notebook(project, "2_search", leave)
    with pytest.raises(NoConsent, match="withdrawn on 2026-11-20"):
        run_chain("demo")
    assert executed(home) == ["1_preprocess", "2_search"]
    assert "RUNNING" not in set(runs_by_name()[1]["status"])


def test_another_consent_makes_another_dataset(project, home):
    leave_out(*STEPS[1:])
    run_chain("demo")
    assert run_chain("demo").ran == []
    executed(home)
    assert run_chain("demo", force=True).ran == executed(home) == ["1_preprocess"]
    grant(workspace().database_url, "luke", "training", "Luke", "2026-11-05")
    assert run_chain("demo").ran == ["1_preprocess"]


@pytest.mark.slow
def test_a_killed_runner_is_taken_up_by_the_next(project, home):
    leave_out("4_evaluate", "5_register")
    write_notebook(project, "2_search", "time.sleep(600)")
    runner = subprocess.Popen([sys.executable, "-m", "echoes_lib.cli", "run"], cwd=home)
    deadline = time.monotonic() + 60
    while (
        "2_search" not in (home / "executed.txt").read_text().split()
        if (home / "executed.txt").exists()
        else True
    ):
        assert time.monotonic() < deadline and runner.poll() is None
        time.sleep(0.2)
    with pytest.raises(ChainBusy, match="another command is running the chain of user luke"):
        run_chain("demo")
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    executed(home)
    write_notebook(project, "2_search")
    assert run_chain("demo").ran == ["2_search", "3_train"]
    assert "RUNNING" not in set(runs_by_name()[1]["status"])


def test_a_profile_without_a_search_trains_with_its_own_values(project, home):
    leave_out("2_search", "4_evaluate", "5_register")
    assert run_chain("demo").ran == ["1_preprocess", "3_train"]
    trained = workspace().step_dir("demo", "luke", "3_train") / "out.txt"
    assert trained.read_text() == "16"


def test_processes_train_before_the_notebook_shows_what_they_trained(project, home, monkeypatch):
    leave_out("2_search", "4_evaluate", "5_register")
    seen = []
    monkeypatch.setattr(
        chain, "launch_training", lambda params, env: seen.append((params.lora_r, executed(home)))
    )
    assert run_chain("demo", overrides=["lora_r=4"]).ran == ["1_preprocess", "3_train"]
    assert seen == [(4, ["1_preprocess"])] and executed(home) == ["3_train"]


def test_a_lock_left_by_a_dead_process_does_not_hold(project, home):
    folder = workspace().chain_dir("demo", "luke")
    folder.mkdir(parents=True)
    code = (
        f"import filelock, os; filelock.FileLock({str(folder / '.lock')!r}).acquire(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code])
    with FileLock(folder / ".lock", timeout=0):
        pass


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"profile": "huge"}, ParamsError, "'huge' is not one of demo"),
        ({"overrides": ["lora_rr=4"]}, ParamsError, "no step of the chain has this parameter"),
        ({"overrides": ["lora_r"]}, ParamsError, "has no '='"),
        ({"overrides": ["9_fly.lora_r=4"]}, ParamsError, "'9_fly' is not one of 1_preprocess"),
        ({"overrides": ["lora_r=0", "test_ratio=2"]}, ParamsError, "(?s)test_ratio=2.*lora_r=0"),
        ({"overrides": ["database_url=sqlite:////nowhere/x.db"]}, NoDatabase, "nowhere"),
        ({"user_id": "lukas"}, NoSuchUser, "(?s)lukas.*luke"),
    ],
)
def test_mistakes_are_found_before_anything_runs(project, home, arguments, error, message):
    with pytest.raises(error, match=message):
        run_chain(**{"profile": "demo", **arguments})
    assert executed(home) == []
    assert not (home / "mlruns").exists()
