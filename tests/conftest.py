"""What every test starts from: a home of its own, no internet, no GPU, quiet libraries."""

import os

# Set before any test module imports a library that reads them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    TOKENIZERS_PARALLELISM="false",
    MPLBACKEND="Agg",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
)
if not os.environ.get("ECHOES_TEST_GPU"):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
if os.environ.get("PYTEST_XDIST_WORKER"):
    os.environ["OMP_NUM_THREADS"] = "1"  # two workers on two cores

import sqlite3

import pytest


@pytest.fixture
def impatient(monkeypatch):
    """Let SQLite wait for a lock for a moment and not for five seconds, in this process."""
    connect = sqlite3.connect

    def hasty(*given, **more):
        return connect(*given, **(more | {"timeout": 0.2}))

    for module in (sqlite3, sqlite3.dbapi2):
        monkeypatch.setattr(module, "connect", hasty)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give the test a workspace of its own; data/, runs/ and mlruns/ appear under it."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("ECHOES_HOME", str(folder))
    monkeypatch.delenv("ECHOES_RUN_ID", raising=False)
    monkeypatch.delenv("ECHOES_PROJECT", raising=False)
    monkeypatch.delenv("ECHOES_PROGRESS", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder
