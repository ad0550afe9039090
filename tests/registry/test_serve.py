"""`mlflow models serve` for real: a server process, the README's curl line, no trace left."""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from echoes_lib.registry.register import register
from echoes_lib.tracking import NullRun
from echoes_lib.tracking.store import prepare_store
from tests.chat.echoes import make_echo_folder
from tests.registry.test_register import PARAMS, make_scores

BODY = b'{"input":[{"role":"user","content":"What small thing makes you happy?"}]}'


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(port, server, seconds=120):
    for _ in range(seconds * 2):
        assert server.poll() is None, "the server ended by itself"
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5)
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"no answer on /ping after {seconds} s")


@pytest.fixture
def port(tmp_path, home):
    register(make_echo_folder(tmp_path / "echo"), make_scores(), PARAMS, NullRun())
    port = free_port()
    command = ["-m", "mlflow", "models", "serve", "-m", "models:/echo-luke@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": prepare_store()},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_up(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(30)


@pytest.mark.slow
def test_the_readmes_curl_line_is_answered(port, home):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", BODY, {"Content-Type": "application/json"}
    )
    answer = json.load(urllib.request.urlopen(request, timeout=60))
    assert answer["output"][0]["content"][0]["type"] == "output_text"
    assert answer["custom_outputs"]["served_by"] == "echo"
    with sqlite3.connect(home / "mlruns" / "mlflow.db") as store:
        assert store.execute("SELECT count(*) FROM trace_info").fetchone() == (0,)
