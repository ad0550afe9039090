"""Where files live: absolute paths, never relative to the current folder.

Two roots. The *project* holds what is committed (notebooks/, params/). The *home* holds
what is made (data/, runs/, mlruns/). Both are the folder of this checkout unless the
environment variables ECHOES_PROJECT and ECHOES_HOME name others: the first for notebooks and
profiles of one's own, the second to keep several sets of results apart, as tests do.

Shape: environment -> Workspace. Makes no folder by itself, except through `make`.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from echoes_lib.errors import CannotWrite

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Workspace:
    """The places of one installation."""

    home: Path
    project: Path

    @property
    def data(self) -> Path:
        """Databases and caches."""
        return self.home / "data"

    @property
    def runs(self) -> Path:
        """Datasets, checkpoints and executed notebooks."""
        return self.home / "runs"

    @property
    def mlruns(self) -> Path:
        """MLflow's database and artifacts."""
        return self.home / "mlruns"

    @property
    def notebooks(self) -> Path:
        """The notebooks as committed."""
        return self.project / "notebooks"

    @property
    def profiles(self) -> Path:
        """One folder of parameter files per profile."""
        return self.project / "params"

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the default reflections database."""
        return f"sqlite:///{self.data / 'reflections.db'}"

    @property
    def tracking_uri(self) -> str:
        """Absolute SQLite URL of the MLflow store."""
        return f"sqlite:///{self.mlruns / 'mlflow.db'}"

    @property
    def artifact_uri(self) -> str:
        """Absolute URL of the folder that MLflow keeps artifacts in."""
        return (self.mlruns / "artifacts").as_uri()

    def chain_dir(self, profile: str, user_id: str) -> Path:
        """Folder of one person's chain under one profile: `runs/<profile>/<user_id>`."""
        return self.runs / profile / user_id

    def chain_lock(self, profile: str, user_id: str) -> Path:
        """File that whoever works on a chain holds locked (with filelock)."""
        return self.chain_dir(profile, user_id) / ".lock"

    def step_dir(self, profile: str, user_id: str, step: str) -> Path:
        """Folder in which one step leaves its files, such as `runs/demo/luke/3_train`."""
        return self.chain_dir(profile, user_id) / step


def workspace() -> Workspace:
    """Return the workspace of this process, as its environment names it."""
    return Workspace(home=_folder("ECHOES_HOME"), project=_folder("ECHOES_PROJECT"))


def _folder(variable: str) -> Path:
    named = os.environ.get(variable)
    return Path(named).expanduser().resolve() if named else PROJECT


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all: into a temporary neighbour, then rename.

    Args:
        path: the file to write; its folder is made when missing.
        text: the content, written as UTF-8.

    Returns:
        `path`.

    Raises:
        OSError: the disk is full or the folder cannot be written; the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Turn what the system says of a failed write into one sentence of ours.

    Args:
        place: the file or folder that is being written; what was there must stay until the
            new one is whole.

    Raises:
        CannotWrite: the block raised an OSError; says why and what to do.
    """
    try:
        yield
    except OSError as error:
        raise CannotWrite(
            f"{place.name} in {_shown(place.parent)} cannot be written: {_cause(error, place)}, "
            "then run this again. What was there before is untouched"
        ) from error


def _shown(folder: Path) -> str:
    home = workspace().home
    return str(folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)


def _cause(error: OSError, place: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        there = next(folder for folder in place.parents if folder.exists())
        return f"the disk is full ({shutil.disk_usage(there).free >> 20} MiB free). Free some"
    if error.errno == errno.EROFS:
        return "the disk is read-only. Mount it for writing, or set ECHOES_HOME to another"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "the folder is not yours to write to. Change its owner or its permissions"
    return f"{error.strerror or error}. Mend that"
