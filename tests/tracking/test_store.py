"""The MLflow store is made once, and a store that cannot be used is named before it is touched."""

import sqlite3
import subprocess
import sys

import pytest

from echoes_lib.errors import StoreTooNew, TrackingError
from echoes_lib.tracking.store import _known_revisions, experiment_id, prepare_store
from echoes_lib.workspace import workspace


@pytest.fixture
def database(home):
    return home / "mlruns" / "mlflow.db"


def set_revision(database, revision):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def fake_store(database, revision):
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
    connection.close()


def test_store_is_absolute_and_usable(home):
    import mlflow

    uri = prepare_store()
    assert uri == f"sqlite:///{home}/mlruns/mlflow.db" == mlflow.get_tracking_uri()
    found = experiment_id("echo-luke")
    assert experiment_id("echo-luke") == found
    assert mlflow.get_experiment(found).artifact_location.startswith(workspace().artifact_uri)


@pytest.mark.slow
def test_four_processes_on_a_fresh_store_find_one_whole_store(home):
    code = (
        "from echoes_lib.tracking.store import prepare_store, experiment_id\n"
        "prepare_store(); print(experiment_id('echo-luke'))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate()[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert len(set(answers)) == 1 and answers[0].isdigit()


def test_store_of_a_newer_mlflow_is_refused_and_left_alone(database):
    fake_store(database, "f00dfeed0001")
    before = database.read_bytes()
    with pytest.raises(StoreTooNew, match=r"newer MLflow.*f00dfeed0001.*install that MLflow"):
        prepare_store()
    assert database.read_bytes() == before


def test_store_of_an_older_mlflow_says_how_to_upgrade(database):
    fake_store(database, _known_revisions()[3])
    with pytest.raises(TrackingError, match="mlflow db upgrade sqlite:///"):
        prepare_store()


def test_a_file_that_is_no_store_is_refused(database):
    database.parent.mkdir(parents=True)
    database.write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(TrackingError, match="is not an MLflow store"):
        prepare_store()
