"""Run one notebook through papermill and say how it ended.

The outcome is taken from papermill's exception, never from the notebook's metadata, which
calls the cell of a killed kernel "completed". The executed copy is kept in every case.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from echoes_lib import errors
from echoes_lib.errors import StepFailed
from echoes_lib.params import Common
from echoes_lib.workspace import workspace

# Threads that wait asleep instead of spinning: on a machine with other work to do, training
# took about a third of the time (docs/experiments.md).
POLITE = {"OMP_WAIT_POLICY": "PASSIVE"}


def run_notebook(step: str, params: Common, output: Path, environment: Mapping[str, str]) -> None:
    """Execute a notebook with typed parameters.

    Args:
        step: the notebook's name.
        params: its parameters; all of them are injected, so the executed copy shows them.
        output: where the executed copy goes, written after each cell.
        environment: variables for the kernel, such as the MLflow run to write into.

    Raises:
        StepFailed: a cell failed, the kernel died or could not start.
    """
    import logging

    import papermill
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.ERROR)
    output.parent.mkdir(parents=True, exist_ok=True)
    source = workspace().notebooks / f"{step}.ipynb"
    values = params.model_dump(mode="json")
    try:
        with environment_set({**POLITE, **environment}):
            papermill.execute_notebook(
                source,
                output,
                values,
                progress_bar=False,
                cwd=workspace().project,
                config=Config(KernelManager={"transport": "ipc"}),  # no port for others to read
            )
    except papermill.PapermillExecutionError as error:
        raise StepFailed(_reason(step, error, output)) from None
    except (DeadKernelError, CellTimeoutError, CellExecutionError, RuntimeError) as error:
        raise StepFailed(
            f"{step}: the notebook's kernel died ({type(error).__name__}): out of memory, or "
            f"killed. The executed copy is {_shown(output)}; run the same command again to go "
            f"on from the last finished step"
        ) from None


@contextlib.contextmanager
def environment_set(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while; the kernel inherits them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _reason(step: str, error: Exception, output: Path) -> str:
    """Say why a cell failed; only the project's own errors are free of personal text."""
    where = f"The executed copy, with the traceback, is {_shown(output)}"
    if isinstance(getattr(errors, error.ename, None), type):
        return f"{step}: {error.evalue}\n{where}"
    return f"{step}: cell In [{error.exec_count}] failed with {error.ename}. {where}"


def _shown(path: Path) -> str:
    home = workspace().home
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
