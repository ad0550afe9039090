"""Let one process at a time train into a folder.

Shape: folder -> a context; the system lets go of it when its process dies.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from echoes_lib.errors import TrainingBusy
from echoes_lib.training.team import this_team

LOCK = ".training.lock"


@contextmanager
def training_lock(folder: Path) -> Iterator[None]:
    """Hold a training's folder for this process; the system lets go when the process dies.

    Raises:
        TrainingBusy: another process holds it.
    """
    if not this_team().is_first:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise TrainingBusy(
            f"another process trains into {folder.parent.name}/{folder.name}: wait for it, or "
            "stop it"
        ) from None
    try:
        yield
    finally:
        lock.release()
