"""What lies in data/, runs/ and the notebooks of a person, or of a dataset with one answer.

A chain's folder is one person's: all in it goes with the person. For a single answer it goes
when any dataset that something in it was made from held the answer, or when that cannot be
told. Whatever else holds words of the answers is found by those words: under runs/ and
mlruns/ it goes, wherever it lies; under data/ it is named, because people keep things there.

Shape: Wish, word runs -> [Place].
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.deletion.rows import Wish
from echoes_lib.deletion.words import Runs, file_holds
from echoes_lib.reflections.intake.drafts import draft_files
from echoes_lib.workspace import workspace

KINDS = {
    "1_preprocess": "dataset",
    "2_search": "search results",
    "3_train": "adapter",
    "4_evaluate": "replies and scores",
    "5_register": "registration",
}
# Files of a chain that name the dataset they were made from.
HASHED = (
    "1_preprocess/dataset/manifest.json",
    "3_train/adapter/echo.json",
    "4_evaluate/scores.json",
)
SAFE_ID = re.compile(r"^(?!\.+$)[A-Za-z0-9._-]+$")
LOCK = ".lock"


@dataclass(frozen=True)
class Place:
    """Something that holds the words, or was made from them; `path` is a file or a folder."""

    kind: str
    path: Path
    n_bytes: int

    @property
    def shown(self) -> str:
        """The place as it is printed: relative to the home, where it lies there."""
        home = workspace().home
        inside = self.path.is_relative_to(home)
        return str(self.path.relative_to(home) if inside else self.path)


def chain_dirs(user_id: str) -> list[Path]:
    """Return the chain folders of a person, of every profile.

    An id that is no name of a folder, such as `..`, never had one.
    """
    if not SAFE_ID.match(user_id):
        return []
    return sorted(path for path in workspace().runs.glob(f"*/{user_id}") if path.is_dir())


def find_chains(wish: Wish, known: Mapping[str, set[int]]) -> list[Place]:
    """Find what chains of the person left.

    Args:
        wish: what is forgotten.
        known: dataset hash -> its question ids, from `read_questions`.

    Returns:
        A place for each entry of a chain's folder, the lock left out.
    """
    return [
        Place(_kind(entry), entry, size_of(entry))
        for folder in chain_dirs(wish.user_id)
        if held_answer(wish, known, *_hashes(folder))
        for entry in sorted(folder.iterdir())
        if entry.name != LOCK
    ]


def held_answer(wish: Wish, known: Mapping[str, set[int]], *hashes: str | None) -> bool:
    """Tell whether one of some datasets held what is forgotten; what is not known may have."""
    if wish.question_id is None or not hashes:
        return True
    return any(h not in known or wish.question_id in known[h] for h in hashes)


def read_questions(manifests: Iterator[Path]) -> dict[str, set[int]]:
    """Return dataset hash -> question ids in any of its splits, of all readable manifests."""
    found: dict[str, set[int]] = {}
    for path in manifests:
        content = _read_json(path)
        if isinstance(content.get("splits"), dict) and content.get("dataset_hash"):
            found[content["dataset_hash"]] = set(_numbers(content["splits"]))
    return found


def find_loose(wish: Wish) -> list[Place]:
    """Find executed notebooks of the person under runs/ that lie outside of chain folders."""
    chains = [path for path in workspace().runs.glob("*/*") if path.is_dir()]
    return [
        Place("executed notebook", path, size_of(path))
        for path in sorted(workspace().runs.rglob("*.ipynb"))
        if not any(path.is_relative_to(chain) for chain in chains)
        and notebook_user(path) == wish.user_id
    ]


def find_drafts(wish: Wish) -> list[Place]:
    """Find answers that were begun in the terminal and not handed in."""
    if not SAFE_ID.match(wish.user_id):
        return []
    paths = draft_files(wish.user_id, wish.question_id)
    return [Place("draft of an answer", path, size_of(path)) for path in paths]


def find_shown(wish: Wish) -> list[Place]:
    """Find notebooks of the project that show outputs of this person; JupyterLab saves those."""
    books = sorted(workspace().notebooks.glob("*.ipynb"))
    books += sorted(workspace().notebooks.glob(".ipynb_checkpoints/*.ipynb"))
    return [
        Place("outputs of a notebook", path, size_of(path))
        for path in books
        if notebook_user(path) == wish.user_id and has_outputs(_read_json(path))
    ]


def find_by_words(root: Path, runs: Runs, besides: list[Path]) -> list[Place]:
    """Find files that hold words of the answers, whoever made them.

    Args:
        root: where to look, in all folders below.
        runs: what the answers are recognised by.
        besides: files and folders that are known already, or are databases.
    """
    known, found = set(besides), []
    for path in sorted(root.rglob("*")) if runs else ():
        if path.is_symlink() or not path.is_file() or not known.isdisjoint([path, *path.parents]):
            continue
        if file_holds(path, runs):
            found.append(Place("words of the answers", path, size_of(path)))
    return found


def notebook_user(path: Path) -> str | None:
    """Return the user_id that a notebook ran with: papermill's cell wins over the first one."""
    users = [
        found[1]
        for cell in _read_json(path).get("cells", ())
        if {"parameters", "injected-parameters"} & set(cell.get("metadata", {}).get("tags", ()))
        if (found := re.search(r'^user_id = ["\'](.*)["\']', _source(cell), re.MULTILINE))
    ]
    return users[-1] if users else None


def has_outputs(book: Mapping[str, Any]) -> bool:
    """Tell whether a notebook shows anything."""
    return any(cell.get("outputs") for cell in book.get("cells", ()))


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if not p.is_dir() or p.is_symlink())


def _kind(entry: Path) -> str:
    if entry.suffix == ".ipynb":
        return "executed notebook"
    return KINDS.get(entry.name, "state of the chain")


def _hashes(folder: Path) -> list[str | None]:
    paths = [folder / name for name in HASHED]
    return [_read_json(path).get("dataset_hash") for path in paths if path.is_file()]


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _numbers(each)
    elif isinstance(value, int):
        yield value


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
