"""Real databases for tests: a SQLite file, and a PostgreSQL server of the session's own.

The server is Debian's package `postgresql`, on a free port of 127.0.0.1, and is stopped by its
own process id. It refuses to run as root, so root lends it to the package's own user.
"""

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from echoes_lib.workspace import workspace

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
KINDS = ["sqlite", "postgresql"]


def missing() -> str:
    """Say why no PostgreSQL can be started; empty where one can."""
    if not shutil.which("postgres", path=_path()):
        return "PostgreSQL is not installed (Debian's package postgresql)"
    if os.geteuid() == 0 and not _servant():
        return "PostgreSQL does not run as root, and there is no user postgres to run it"
    return ""


@contextlib.contextmanager
def server():
    """Run a server; yields the SQLAlchemy URL of its databases, without a name."""
    folder = Path(tempfile.mkdtemp(prefix="echoes-pg-"))
    who = _servant() if os.geteuid() == 0 else None
    if who:
        shutil.chown(folder, who, who)
    rights = {"user": who, "group": who, "extra_groups": []} if who else {}
    port = _free_port()
    try:
        _run(["initdb", "-D", folder / "data", "-U", "echo", "-A", "trust", "-E", "UTF8"], rights)
        log = (folder.parent / f"{folder.name}.log").open("wb")
        place = ["-D", folder / "data", "-h", "127.0.0.1", "-p", str(port), "-k", folder]
        program = shutil.which("postgres", path=_path())
        with log, subprocess.Popen(
            [program, *place, "-F"], stdout=log, stderr=log, cwd="/", **rights
        ) as running:  # fmt: skip
            url = f"postgresql+psycopg://echo@127.0.0.1:{port}/"
            _wait(url + "postgres", running)
            yield url
            running.send_signal(signal.SIGINT)  # fast shutdown
            running.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"{folder}.log").unlink(missing_ok=True)


@pytest.fixture(scope="session")
def postgres():
    """Start the session's server when a test first asks for it."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres, request):
    """Make an empty database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid)) % 10**12}"
    admin = create_engine(postgres + "postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"create database {name}")
    admin.dispose()
    return postgres + name


@pytest.fixture(params=KINDS)
def any_url(request):
    """Run the test once per kind of database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    workspace().data.mkdir(parents=True, exist_ok=True)
    return workspace().database_url


def execute(url: str, *statements: str) -> str:
    """Run statements in one transaction, making a SQLite file when there is none."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for line in statements:
            connection.exec_driver_sql(line)
    engine.dispose()
    return url


def _servant() -> str | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return None


def _path() -> str:
    return os.pathsep.join([*map(str, reversed(PROGRAMS)), os.environ.get("PATH", "")])


def _run(command: list, rights: dict) -> None:
    program = shutil.which(command[0], path=_path())
    done = subprocess.run(
        [program, *command[1:], "--no-sync"], capture_output=True, text=True, cwd="/", **rights
    )
    assert done.returncode == 0, done.stderr


def _wait(url: str, running: subprocess.Popen) -> None:
    engine = create_engine(url)
    for _ in range(300):
        with contextlib.suppress(OperationalError), engine.connect():
            engine.dispose()
            return
        assert running.poll() is None, "the server ended while it started"
        time.sleep(0.1)
    raise AssertionError(f"the server does not answer {getpass.getuser()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
