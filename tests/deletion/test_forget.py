"""Forgetting, on a home that the real writers made: what goes, what stays, in which order."""

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import mlflow
import nbformat
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filelock import FileLock, Timeout
from mlflow.entities import ViewType

from echoes_lib.cli import main
from echoes_lib.deletion.forget import forget, nobody_else
from echoes_lib.deletion.rows import Wish
from echoes_lib.errors import ChainBusy, DataError, Forgotten, NoConsent, NoSuchUser
from echoes_lib.params import PreprocessParams
from echoes_lib.reflections.dataset import build_dataset
from echoes_lib.reflections.intake.drafts import Draft, Drafts, draft_files
from echoes_lib.reflections.sources.consent import require
from echoes_lib.reflections.sources.store import read_person
from echoes_lib.registry.load import find_version, load_champion, load_echo_model
from echoes_lib.tracking.runs import create_run, step_tags
from echoes_lib.tracking.store import experiment_id, prepare_store
from echoes_lib.workspace import Workspace, workspace
from tests.chat.echoes import make_echo_folder
from tests.deletion.home import (
    ANSWERED,
    IDS,
    make_scores,
    nonce,
    write_chain,
    write_notebook,
    write_people,
)
from tests.deletion.search import files_with, snapshot
from tests.reflections.people import reflections, write

ASKED = {"input": [{"role": "user", "content": "What is number 3?"}]}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Give the test notebooks of its own, of which one was run in JupyterLab."""
    folder = tmp_path / "project"
    (folder / "notebooks" / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "params" / "demo").mkdir(parents=True)
    (folder / "params" / "demo" / "common.yaml").touch()
    monkeypatch.setenv("ECHOES_PROJECT", str(folder))
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    return make_echo_folder(tmp_path_factory.mktemp("echo"))


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory):
    """Make the store's tables once; that is most of the time a new home takes."""
    place = Workspace(tmp_path_factory.mktemp("store"), Path())
    prepare_store(place)
    return place.mlruns / "mlflow.db"


@pytest.fixture
def lives(project):
    return write_people()


@pytest.fixture
def both(lives, monkeypatch, adapter, empty_store):
    workspace().mlruns.mkdir()
    shutil.copy(empty_store, workspace().mlruns)
    for user_id in ("luke", "agnes"):
        write_chain(lives, user_id, monkeypatch, adapter)
    return lives


def scatter(home, text):
    """Leave copies where nothing points to them, in shapes that hide them."""
    odd = home / "runs" / "odd"
    odd.mkdir()
    (odd / "utf16.txt").write_text(text, encoding="utf-16")
    (odd / "excerpt.txt").write_text(text[:120].upper().replace(" ", "\n") + " …")
    with zipfile.ZipFile(odd / "pack.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json", json.dumps({"text": text}))
    np.savez(odd / "texts.npz", texts=np.array([text]))
    pd.DataFrame({"text": [text]}).to_parquet(odd / "texts.parquet")
    (odd / "log.gz").write_bytes(gzip.compress(text.encode()))
    (odd / "innocent.txt").write_text("nothing of anybody's")
    (home / "mlruns" / "artifacts" / "lost.json").write_text(json.dumps([text]))
    return odd


def trace(text, experiment):
    prepare_store()
    mlflow.set_experiment(experiment)
    mlflow.trace(lambda question: f"answer: {text}")("What?")
    mlflow.flush_trace_async_logging()


def test_a_person_is_forgotten_and_nobody_else(both, home, project):
    text = both.answers["luke"][ANSWERED]
    odd = scatter(home, text)
    trace(text, "echo-luke")
    trace(text, "somebody else's experiment")
    client, others = mlflow.MlflowClient(), experiment_id("echo-agnes")
    noted = next(r for r in client.search_runs([others]) if r.info.run_name == "3_train")
    client.set_tag(noted.info.run_id, "mlflow.note.content", f"Luke once wrote: {text}")
    (hidden,) = [r for r in runs_of("luke") if r.info.run_name == "4_evaluate"]
    client.delete_run(hidden.info.run_id)
    loose = write_notebook(home / "runs" / "out.ipynb", "luke", scores_of(both))
    words = both.sentences("luke")
    before = files_with(home, words)
    assert {"data/reflections.db", "mlruns/mlflow.db", "runs/out.ipynb"} <= before
    assert {f"runs/odd/{n}" for n in ("utf16.txt", "pack.zip", "texts.npz", "log.gz")} <= before
    assert "runs/odd/texts.parquet" in before and "mlruns/artifacts/lost.json" in before
    for name in ("1_preprocess/dataset/test.jsonl", "4_evaluate/scores.json", "4_evaluate.ipynb"):
        assert f"runs/demo/luke/{name}" in before
    kept = snapshot(home / "runs" / "demo" / "agnes", home / "mlruns" / "artifacts" / "echo-agnes")
    person, figures = read_person(both.url, "agnes"), figures_of("luke")

    outcome = forget(Wish("luke", None, both.url))

    assert outcome.remains == []
    assert files_with(home, [*words, *(nonce("luke", i) for i in IDS)]) == set()
    assert not (home / "runs" / "demo" / "luke").exists() and not loose.exists()
    assert [p.name for p in odd.iterdir()] == ["innocent.txt"]
    assert (
        snapshot(*(p for p in (home / "runs" / "demo" / "agnes",)))
        | snapshot(home / "mlruns" / "artifacts" / "echo-agnes")
        == kept
    )
    assert read_person(both.url, "agnes") == person
    require(both.url, "agnes", "training")
    with pytest.raises(NoConsent):
        require(both.url, "luke", "training")
    assert figures_of("luke") == figures, "figures and parameters stay"
    assert {r.data.tags["forgotten_questions"] for r in runs_of("luke")} == {"all"}
    assert not [r for r in runs_of("agnes") if "forgotten_on" in r.data.tags]
    assert client.get_run(noted.info.run_id).data.tags["mlflow.note.content"] == "[forgotten]"
    assert not [p for p in (home / "mlruns/artifacts/echo-luke").rglob("*") if p.is_file()]
    assert not list(project.rglob("*.part"))
    with sqlite3.connect(home / "data" / "reflections.db") as database:
        for table in ("users", "consents", "user_responses", "facts", "probes"):
            (left,) = database.execute(f"select count(*) from {table} where user_id = 'luke'")
            assert left == (0,)
    again = forget(Wish("luke", None, both.url))
    assert (again.remains, again.n_runs, again.rows) == ([], 0, {})


def scores_of(lives):
    return make_scores(lives, "luke", "0" * 64)


def runs_of(user_id):
    prepare_store()
    return mlflow.MlflowClient().search_runs(
        [experiment_id(f"echo-{user_id}")], run_view_type=ViewType.ALL
    )


def figures_of(user_id):
    return {r.info.run_id: (r.data.metrics, r.data.params) for r in runs_of(user_id)}


def test_one_answer_takes_what_was_made_with_it_and_leaves_the_others(both, home, monkeypatch):
    words = [*both.sentences("luke", ANSWERED), nonce("luke", ANSWERED)]
    others = {i: t for i, t in both.answers["luke"].items() if i != ANSWERED}
    assert len(files_with(home, words)) > 5
    digest = read_person(both.url, "luke").row_hashes[ANSWERED]  # would confirm a guess
    assert files_with(home, [digest])
    outcome = forget(Wish("luke", ANSWERED, both.url))
    assert outcome.remains == []
    assert outcome.rows == {"user_responses": 1, "probes": 1}
    assert files_with(home, [*words, digest]) == set()
    person = read_person(both.url, "luke")
    assert {a.question_id: a.text for a in person.reflections} == others
    assert not (home / "runs" / "demo" / "luke").exists()
    assert {r.data.tags["forgotten_questions"] for r in runs_of("luke")} == {str(ANSWERED)}
    # What is made from the answers that are left is not touched by asking again.
    params = PreprocessParams(user_id="luke", min_coherence=-1.0, min_prose_ratio=0.0)
    made = build_dataset(params, lambda talk: sum(len(m["content"].split()) for m in talk))
    run = create_run(experiment_id("echo-luke"), "3_train", step_tags("3_train", params))
    run.set_tags({"dataset_hash": made.manifest["dataset_hash"]})
    run.log_file(made.folder / "manifest.json")
    run.end("FINISHED")
    before = snapshot(made.folder)
    again = forget(Wish("luke", ANSWERED, both.url))
    assert again.remains == [] and snapshot(made.folder) == before
    assert "forgotten_on" not in mlflow.MlflowClient().get_run(run.run_id).data.tags
    forget(Wish("luke", 23, both.url))
    said = {r.info.run_id: r.data.tags["forgotten_questions"] for r in runs_of("luke")}
    assert said.pop(run.run_id) == "23" and set(said.values()) == {f"{ANSWERED}, 23"}


def test_an_answer_that_no_dataset_held_takes_its_row_alone(both, home):
    write(reflections([90]), "luke", "Luke", both.url)
    before = snapshot(home / "runs")
    assert forget(Wish("luke", 90, both.url)).rows == {"user_responses": 1}
    assert snapshot(home / "runs") == before
    assert not [r for r in runs_of("luke") if "forgotten_on" in r.data.tags]


def test_a_version_serves_nobody_from_then_on(lives, home, monkeypatch, adapter):
    write_chain(lives, "luke", monkeypatch, adapter, versions=2)
    client, loaded = mlflow.MlflowClient(), load_echo_model("luke")
    assert loaded.predict(ASKED)["custom_outputs"]["served_by"] == "echo"
    assert client.get_registered_model("echo-luke").aliases.keys() == {"champion", "challenger"}
    outcome = forget(Wish("luke", ANSWERED, lives.url))
    assert (outcome.remains, outcome.n_versions) == ([], 2)
    assert client.get_registered_model("echo-luke").aliases == {}
    for alias in ("champion", "challenger", "1", "2"):
        with pytest.raises(Forgotten, match="taken back on .*`echoes run --user luke`"):
            find_version("luke", alias)
    with pytest.raises(Forgotten):
        load_champion("luke")
    with pytest.raises(Forgotten, match="learnt from answers that were taken back"):
        mlflow.pyfunc.load_model("models:/echo-luke/1")  # as `mlflow models serve` does
    for ask in (loaded.predict, lambda asked: list(loaded.predict_stream(asked))):
        with pytest.raises(mlflow.MlflowException, match="taken back"):
            ask(ASKED)  # by a process that had it in memory
    client.set_registered_model_alias("echo-luke", "champion", "2")
    with pytest.raises(Forgotten):
        find_version("luke")
    for version in client.search_model_versions("name = 'echo-luke'"):
        assert version.tags["score.echo_bits_per_byte"] and "Forgotten on" in version.description
    assert not list((home / "mlruns").rglob("*.safetensors"))
    result = CliRunner().invoke(main, ["chat", "--user", "luke"])
    assert result.exit_code == 1 and "echoes run --user luke" in result.stderr


DIE = """
import os, sys
from echoes_lib.deletion import forget as room
def die(*_, **__): os._exit(9)
room.{point} = die
from echoes_lib.deletion.rows import Wish
room.forget(Wish("luke", None, {url!r}))
"""


@pytest.mark.slow
def test_killed_anywhere_the_same_command_goes_on(both, home):
    words = both.sentences("luke")
    scatter(home, both.answers["luke"][ANSWERED])
    for point in ("mark_runs", "clear_outputs", "delete_rows", "compact", "find_cells"):
        code = DIE.format(point=point, url=both.url)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if point != "find_cells":
            assert done.returncode == 9, done.stderr[-2000:]
        if point in ("mark_runs", "clear_outputs", "delete_rows"):
            assert read_person(both.url, "luke").reflections, "the words go last"
    assert forget(Wish("luke", None, both.url)).remains == []
    assert files_with(home, words) == set()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_killed_before_the_file_was_emptied_a_repeat_empties_it(lives, home, mode):
    words = lives.sentences("luke")
    path = home / "data" / "reflections.db"
    database = sqlite3.connect(path)
    database.execute(f"pragma journal_mode = {mode}")
    database.execute("pragma secure_delete = off")
    old = "the heron under the seventh bridge never once looked up at us " * 400
    for text in (old, "x"):
        database.execute("update user_responses set response_text = ? where user_id='luke'", [text])
        database.commit()
    database.close()
    code = DIE.format(point="compact", url=lives.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr[-2000:]
    assert files_with(home, ["seventh bridge never once"])
    again = CliRunner().invoke(main, ["forget", "--user", "luke"])
    assert again.exit_code == 1 and "holds agnes" in again.stderr
    assert files_with(home, ["seventh bridge never once", *words]) == set()


def test_a_locked_database_is_named_and_the_next_try_ends_it(both, home, impatient):
    words = both.sentences("luke")
    holder = sqlite3.connect(home / "data" / "reflections.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    ask = ["forget", "--user", "luke", "--yes"]
    try:
        result = CliRunner().invoke(main, ask)
    finally:
        holder.close()
    assert result.exit_code == 1 and "is locked by another program" in result.stderr
    assert "40 rows of user_responses" in result.stderr
    assert files_with(home, words) == {"data/reflections.db"}
    done = CliRunner().invoke(main, ask)
    assert done.exit_code == 0 and "nothing of it is left" in done.output
    assert files_with(home, words) == set()


@pytest.mark.slow  # MLflow waits for a lock for twenty seconds
def test_a_locked_store_ends_it_before_anything_is_gone(both, home):
    holder = sqlite3.connect(home / "mlruns" / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    before = snapshot(home / "runs" / "demo" / "luke")
    try:
        result = CliRunner().invoke(main, ["forget", "--user", "luke", "--yes"])
    finally:
        holder.close()
    assert result.exit_code == 1 and "nothing was deleted" in result.stderr
    assert "Traceback" not in result.stderr
    assert snapshot(home / "runs" / "demo" / "luke") == before
    assert forget(Wish("luke", None, both.url)).remains == []


@pytest.fixture
def immovable(tmp_path):
    """Return a function that makes a file one that even root cannot delete."""
    held = []
    if not shutil.which("chattr"):
        pytest.skip("no chattr here to make a file that cannot be deleted")

    def hold(path):
        done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"this file system or user cannot hold a file: {done.stderr.strip()}")
        held.append(path)

    yield hold
    for path in held:
        subprocess.run(["chattr", "-i", str(path)], check=False)


def test_a_file_that_will_not_go_is_named_and_the_rest_goes(both, home, immovable):
    stuck = home / "runs" / "demo" / "luke" / "4_evaluate" / "scores.json"
    immovable(stuck)
    result = CliRunner().invoke(main, ["forget", "--user", "luke", "--yes"])
    assert result.exit_code == 1
    assert "runs/demo/luke/4_evaluate/scores.json" in result.stderr
    assert files_with(home, both.sentences("luke")) == {"runs/demo/luke/4_evaluate/scores.json"}
    subprocess.run(["chattr", "-i", str(stuck)], check=True)
    assert forget(Wish("luke", None, both.url)).remains == []
    assert not stuck.exists()


def test_nothing_is_deleted_while_a_chain_or_notebook_is_at_work(both, home):
    lock = FileLock(workspace().chain_lock("demo", "luke"))
    with lock:
        before = snapshot(home)
        with pytest.raises(ChainBusy, match="profile demo"):
            forget(Wish("luke", None, both.url))
        assert snapshot(home) == before
    params = PreprocessParams(user_id="luke")
    run = create_run(experiment_id("echo-luke"), "3_train", step_tags("3_train", params))
    with pytest.raises(ChainBusy, match="3_train of user luke is at work"):
        forget(Wish("luke", None, both.url))
    run.end("FINISHED")
    assert read_person(both.url, "luke").reflections
    assert forget(Wish("luke", None, both.url)).remains == []


def test_a_chain_cannot_begin_meanwhile_under_any_profile(lives, project):
    (project / "params" / "laptop").mkdir()
    with nobody_else("luke"):
        for profile in ("demo", "laptop"):
            with pytest.raises(Timeout):
                FileLock(workspace().chain_lock(profile, "luke"), timeout=0).acquire()
    assert not workspace().runs.exists()


def test_dry_run_lists_everything_and_changes_nothing(both, home, project):
    book = write_notebook(project / "notebooks" / "4_evaluate.ipynb", "luke", scores_of(both))
    before = snapshot(home, project)
    result = CliRunner().invoke(main, ["forget", "--user", "luke", "--dry-run"])
    assert result.exit_code == 0
    for part in (
        "40 rows of user_responses",
        "1 rows of facts",
        "runs/demo/luke/1_preprocess  (dataset)",
        "runs/demo/luke/3_train  (adapter)",
        "runs/demo/luke/4_evaluate.ipynb  (executed notebook)",
        "replies.json  (artifact of a run)",
        "marked: run 2_search",
        "marked: run trial 0",
        "KiB",
        "Nothing was changed",
        str(book),
    ):
        assert part in result.output, part
    assert not [s for s in both.sentences("luke") if s in result.output]
    assert "agnes" not in result.output
    after = snapshot(home, project)
    assert {p: b for p, b in after.items() if p.suffix != ".lock"} == {
        p: b for p, b in before.items() if p.suffix != ".lock"
    }


def test_outputs_of_the_projects_notebooks_go_and_their_cells_stay(lives, project):
    book = write_notebook(project / "notebooks" / "4_evaluate.ipynb", "luke", scores_of(lives))
    copy = project / "notebooks" / ".ipynb_checkpoints" / "4_evaluate-checkpoint.ipynb"
    shutil.copy(book, copy)
    other = write_notebook(project / "notebooks" / "6_chat.ipynb", "agnes", scores_of(lives))
    before = other.read_bytes()
    assert forget(Wish("luke", None, lives.url)).remains == []
    assert files_with(project, lives.sentences("luke", ANSWERED)) == {"notebooks/6_chat.ipynb"}
    assert other.read_bytes() == before
    for path in (book, copy):
        cells = nbformat.read(path, as_version=4).cells
        assert [c.source for c in cells][1] == "display(replies)" and not cells[1].outputs


def test_a_copy_under_data_is_named_and_left_to_its_owner(lives, home):
    mine = home / "data" / "letters.txt"
    mine.write_text(lives.answers["luke"][ANSWERED])
    result = CliRunner().invoke(main, ["forget", "--user", "luke", "--yes"])
    assert result.exit_code == 1 and "data/letters.txt" in result.stderr
    assert mine.exists()
    mine.unlink()
    again = CliRunner().invoke(main, ["forget", "--user", "luke", "--yes"])
    assert again.exit_code == 1 and "nothing was made of them" in again.stderr


def test_answers_that_were_begun_go_as_well(both, home):
    for user in ("luke", "agnes"):
        Drafts(workspace().database_url, user).keep(ANSWERED, Draft("Half a thought.", 3.0))
        Drafts(workspace().database_url, user).keep(ANSWERED + 1, Draft("Another.", 3.0))
    CliRunner().invoke(main, ["forget", "--user", "luke", f"--question={ANSWERED}", "--yes"])
    assert [len(draft_files(user)) for user in ("luke", "agnes")] == [1, 2]
    CliRunner().invoke(main, ["forget", "--user", "luke", "--yes"])
    assert [len(draft_files(user)) for user in ("luke", "agnes")] == [0, 2]


def test_without_a_store_none_is_made(lives, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow would make one of its own accord
    assert forget(Wish("luke", ANSWERED, lives.url)).remains == []
    assert forget(Wish("luke", None, lives.url)).remains == []
    assert not [p for p in tmp_path.rglob("*") if p.name == "mlflow.db"]
    assert not (home / "mlruns").exists() and not (home / "runs").exists()


def test_saying_no_changes_nothing(lives, home):
    before = snapshot(home)
    result = CliRunner().invoke(main, ["forget", "--user", "luke"], input="n\n")
    assert result.exit_code == 1 and "Nothing was changed" in result.output
    assert snapshot(home) == before
    done = CliRunner().invoke(main, ["forget", "--user", "luke"], input="y\n")
    assert done.exit_code == 0 and files_with(home, lives.sentences("luke")) == set()


def test_who_or_what_is_not_there_is_refused_and_nothing_is_touched(both, home):
    before = snapshot(home)
    for user_id in ("lukas", "..", ".", "../agnes", "luke/../agnes", "%", "*"):
        with pytest.raises(NoSuchUser, match="agnes, luke"):
            forget(Wish(user_id, None, both.url))
    with pytest.raises(DataError, match="no answer to question_id=999"):
        forget(Wish("luke", 999, both.url))
    assert {p: b for p, b in snapshot(home).items() if p.suffix != ".lock"} == {
        p: b for p, b in before.items() if p.suffix != ".lock"
    }


def test_old_versions_of_a_row_do_not_stay_in_free_pages_or_the_log(lives, home):
    """An answer that was edited or deleted by another program leaves its bytes behind."""
    path = home / "data" / "reflections.db"
    database = sqlite3.connect(path)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma secure_delete = off")
    old = "the heron under the seventh bridge never once looked up at us " * 40
    database.execute(
        "update user_responses set response_text = ? where user_id='luke' and question_id=3", [old]
    )
    database.commit()
    database.execute(
        "update user_responses set response_text = 'x' where user_id='luke' and question_id=3"
    )
    database.commit()
    assert files_with(home, ["seventh bridge never once"])
    database.close()
    assert forget(Wish("luke", None, lives.url)).remains == []
    assert files_with(home, ["seventh bridge never once"]) == set()
