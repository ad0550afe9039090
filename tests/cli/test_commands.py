"""The commands: what they print, how they fail, and that failure has an exit code."""

import re
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from echoes_lib.cli import main
from echoes_lib.cli.servers import check_port
from echoes_lib.errors import PortInUse
from tests.pipeline.project import STEPS, make_project, write_notebook


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = make_project(tmp_path / "project")
    monkeypatch.setenv("ECHOES_PROJECT", str(folder))
    assert CliRunner().invoke(main, ["sample"]).exit_code == 0
    return folder


@pytest.fixture
def busy_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_help_lists_the_commands_and_needs_no_heavy_library():
    code = "import sys\nfor n in ('torch','mlflow','papermill'): sys.modules[n] = None\n"
    code += "from echoes_lib.cli import main\nmain(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    for command in ("sample", "import", "reflect", "run", "report", "chat", "ui", "serve-model"):
        assert re.search(rf"^  {command} ", done.stdout, re.MULTILINE)


def test_sample_says_what_it_wrote_and_where(home):
    first = CliRunner().invoke(main, ["sample"])
    again = CliRunner().invoke(main, ["sample"])
    assert first.exit_code == again.exit_code == 0
    assert "data/reflections.db" in first.output
    assert (home / "data" / "reflections.db").is_file()


def test_a_chain_from_the_command_line_ends_with_scores_replies_and_what_comes_next(project, home):
    first = CliRunner().invoke(main, ["run"])
    assert first.exit_code == 0, first.output
    assert [line.split()[1] for line in first.output.splitlines() if line.startswith("✓")] == list(
        STEPS
    )
    for part in ("bits per byte", "Why [not]?", "person c", "/#/experiments/", "make serve-model"):
        assert part in " ".join(first.output.split()), part
    second = CliRunner().invoke(main, ["run"])
    assert "All steps are done and nothing has changed" in second.output
    report = CliRunner().invoke(main, ["report"])
    assert "bits per byte" in report.output


def test_a_failed_chain_has_an_exit_code_and_one_sentence(project, home):
    write_notebook(project, "1_preprocess", "1 / 0")
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 1
    assert "error: 1_preprocess: cell In [4] failed with ZeroDivisionError" in result.stderr
    assert "Traceback" not in result.output + result.stderr
    assert (home / "runs" / "demo" / "luke" / "1_preprocess.ipynb").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--user", "nobody"], "nobody"),
        (["run", "--profile", "huge"], "'huge' is not one of demo"),
        (["run", "-p", "lora_rr=3"], "no step of the chain has this parameter"),
        (["report", "--user", "agnes"], "has no scores yet: run `echoes run`"),
        (["chat", "--user", "agnes"], "echo-agnes"),
        (["serve-model", "--alias", "nonsense", "--port", "0"], "0"),
    ],
)
def test_mistakes_end_with_a_sentence_and_a_code(project, arguments, message):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_database_the_next_step_is_named(home):
    result = CliRunner().invoke(main, ["run"])
    assert result.exit_code == 1
    assert "echoes sample" in result.stderr


@pytest.mark.parametrize("command", ["ui", "serve-model"])
def test_a_port_in_use_is_named_with_a_way_out(home, busy_port, command):
    result = CliRunner().invoke(main, [command, "--port", str(busy_port)])
    assert result.exit_code == 1
    assert f"port {busy_port} on 127.0.0.1 is in use" in result.stderr
    assert f"--port {busy_port + 1}" in result.stderr


def test_a_free_port_is_fine(busy_port):
    with pytest.raises(PortInUse):
        check_port(busy_port)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    check_port(free)
