"""Take away files and folders, and say which would not go.

Nothing stops at the first file that cannot be deleted: what can go goes, the rest is named.

Shape: [Place] -> the sentences about what remains.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from echoes_lib.chat.opening import TOMBSTONE
from echoes_lib.deletion.files import Place, size_of
from echoes_lib.deletion.rows import Wish
from echoes_lib.workspace import workspace, write_text


def remove_places(places: Iterable[Place]) -> list[str]:
    """Delete files and folders.

    Returns:
        A sentence for each that remains, with the reason.
    """
    problems = []
    for place in places:
        problems += remove(place.path)
        _drop_empty(place.path.parent)
    return problems


def remove(path: Path) -> list[str]:
    """Delete a file or a folder; links are deleted, never followed."""
    problems: list[str] = []

    def failed(function: object, name: str, why: tuple) -> None:
        if not isinstance(why[1], FileNotFoundError):
            problems.append(f"{shown(Path(name))}: {why[1].strerror or why[1]}")

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=failed)
        return problems
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        problems.append(f"{shown(path)}: {error.strerror}")
    return problems


def leave_notes(models: Iterable[Path], wish: Wish, today: str) -> list[str]:
    """Put a note where the adapter of each model lay, for whoever loads the model.

    Args:
        models: folders of logged models, their adapters deleted or about to be.
        wish: what was forgotten.
        today: an ISO date.

    Returns:
        A sentence for each note that could not be written.
    """
    problems = []
    told = {"user_id": wish.user_id, "forgotten_on": today, "questions": wish.shown}
    for model in models:
        path = model / "artifacts" / "artifacts" / "adapter" / TOMBSTONE
        try:
            if not path.is_file():
                write_text(path, json.dumps(told) + "\n")
        except OSError as error:
            problems.append(f"{shown(path)}: {error.strerror}")
    return problems


def clear_outputs(books: Iterable[Place]) -> list[str]:
    """Take the outputs from notebooks; their cells stay as they are."""
    import nbformat

    problems = []
    for place in books:
        try:
            book = nbformat.read(place.path, as_version=nbformat.NO_CONVERT)
            for cell in book.cells:
                if cell.cell_type == "code":
                    cell.outputs, cell.execution_count = [], None
            write_text(place.path, nbformat.writes(book) + "\n")
        except (OSError, ValueError) as error:
            problems.append(f"{shown(place.path)}: {type(error).__name__}")
    return problems


def _drop_empty(folder: Path) -> None:
    """Delete a folder that holds nothing any more, and those above it, up to the home's own."""
    place = workspace()
    tops = {place.runs, place.mlruns, place.mlruns / "artifacts"}
    while folder not in tops and place.home in folder.parents and folder.is_dir():
        if any(folder.iterdir()):
            return
        folder.rmdir()
        folder = folder.parent


def shown(path: Path) -> str:
    """Return a path relative to the home, with the size of what is left there."""
    home = workspace().home
    place = path.relative_to(home) if path.is_relative_to(home) else path
    return f"{place} ({size_of(path)} bytes)" if path.exists() else str(place)
