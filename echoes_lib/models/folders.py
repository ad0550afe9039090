"""Write a folder of a model whole or not at all, and only where there is room for it.

All is written into a draft beside the folder and renamed at the end; what a killed process left
is cleared by the next one. Knows nothing of what lies inside.

Shape: folder -> draft to write into -> the folder, or the folder as it was and an error.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from echoes_lib.errors import CannotWrite
from echoes_lib.workspace import written


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """Give a draft to write into, and put it in the folder's place when the block ends well.

    Args:
        folder: replaced when it exists; after a failure it is as it was.

    Yields:
        An empty folder beside it, on the same disk.

    Raises:
        CannotWrite: the disk is full or read-only, or the folder is somebody else's.
    """
    folder = Path(folder)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        with written(folder), as_os_error():
            _mend(folder)
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            yield draft
            _swap(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_room(folder: Path, n_bytes: int) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: where it will be written; need not exist.
        n_bytes: how much will be written.

    Raises:
        CannotWrite: names what is needed and what is free.
    """
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free < n_bytes:
        raise CannotWrite(
            f"{folder.name} needs {-(-n_bytes >> 20)} MiB and the disk of {there} has "
            f"{free >> 20} MiB free: free some, or choose a folder on another disk"
        )


@contextmanager
def as_os_error() -> Iterator[None]:
    """Turn what safetensors says of a failed write into the system's own error.

    Raises:
        OSError: with the number that safetensors names in its message.
    """
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        named = re.search(r"os error (\d+)", str(error))
        if named is None:
            raise
        number = int(named[1])
        raise OSError(number, os.strerror(number)) from error


def _mend(folder: Path) -> None:
    """Clear what killed processes left: drafts go, a folder caught between two names returns."""
    for rest in folder.parent.glob(f".{folder.name}.*"):
        owner, kind = rest.name.removeprefix(f".{folder.name}.").partition(".")[::2]
        if not owner.isdigit() or psutil.pid_exists(int(owner)):
            continue
        if kind == "old" and not folder.exists():
            rest.rename(folder)
        elif kind in ("old", "part"):
            shutil.rmtree(rest, ignore_errors=True)


def _swap(draft: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
