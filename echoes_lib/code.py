"""Hash the code of some rooms, so that what was made by other code is known as such.

A commit would not do: an installed package has none, and most commits change nothing in a room.

Shape: names of rooms -> sha256 in hex.
"""

import hashlib
from functools import lru_cache
from pathlib import Path


@lru_cache
def code_hash(rooms: tuple[str, ...], root: Path = Path(__file__).parent) -> str:
    """Return the sha256 over the source of the rooms.

    Args:
        rooms: folders of the package.
        root: the package's folder.
    """
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((root / room).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
