"""Start MLflow's own servers on the project's store, after checking that their port is free."""

import os
import socket
import sys
from pathlib import Path

import click

from echoes_lib.errors import PortInUse
from echoes_lib.tracking.store import prepare_store
from echoes_lib.workspace import workspace


def serve_ui(port: int) -> None:
    """Run the MLflow UI until it is stopped.

    Args:
        port: TCP port on 127.0.0.1.

    Raises:
        PortInUse: something else listens there.
    """
    check_port(port)
    uri = prepare_store()
    click.echo(f"MLflow UI on http://127.0.0.1:{port} (stop with Ctrl-C)")
    _become(
        ["server", "--backend-store-uri", uri, "--default-artifact-root", workspace().artifact_uri]
        + ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    )


def serve_echo(user_id: str, alias: str, port: int) -> None:
    """Run `mlflow models serve` on a registered echo until it is stopped.

    Args:
        user_id: whose echo.
        alias: alias of the version, such as `champion`.
        port: TCP port on 127.0.0.1.

    Raises:
        PortInUse: something else listens there.
        NoSuchEcho: no version has that alias.
    """
    from echoes_lib.registry.load import find_version

    check_port(port)
    prepare_store()
    find_version(user_id, alias)
    click.echo(f"echo-{user_id}@{alias} on http://127.0.0.1:{port}/invocations (stop: Ctrl-C)")
    _become(
        ["models", "serve", "-m", f"models:/echo-{user_id}@{alias}", "--env-manager", "local"]
        + ["--host", "127.0.0.1", "--port", str(port)]
    )


def check_port(port: int) -> None:
    """Raise PortInUse unless 127.0.0.1:`port` is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortInUse(
                f"port {port} on 127.0.0.1 is in use: stop what listens there, or choose "
                f"another with --port {port + 1}"
            ) from None


def _become(arguments: list[str]) -> None:
    """Replace this process by mlflow, of this environment, so that signals reach it."""
    bin_dir = Path(sys.executable).parent
    # mlflow starts `python` and `uvicorn` by name; they must be this environment's.
    os.environ["PATH"] = f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}"
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *arguments])
