"""Keep half-written answers until they are finished, beside the database and not in it.

A draft is no answer: nothing learns from it. It lies in `data/drafts/<user id>/`, one file
per database and question, readable by its owner only; forgetting a person means removing
that folder (`drafts_dir`), forgetting one question the files of `draft_files`.

Shape: user id, question id -> Draft(text, seconds) or None.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from echoes_lib.reflections.sources.connect import sqlite_file
from echoes_lib.workspace import workspace, write_text


@dataclass(frozen=True)
class Draft:
    """Words not yet handed in, and the seconds spent on them (None: not known)."""

    text: str = field(repr=False)
    seconds: float | None


def drafts_dir(user_id: str) -> Path:
    """Return the folder of one person's drafts; it need not exist."""
    return workspace().data / "drafts" / user_id


def draft_files(user_id: str, question_id: int | None = None) -> list[Path]:
    """List one person's drafts, of all databases, remains of an interrupted write included.

    Args:
        user_id: whose.
        question_id: of one question only.
    """
    number = r"\d+" if question_id is None else str(question_id)
    name = re.compile(rf"\.?[0-9a-f]{{12}}-{number}\.json(?:\..*)?")
    folder = drafts_dir(user_id)
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if name.fullmatch(path.name))


class Drafts:
    """One person's drafts of the answers to one database's questions."""

    def __init__(self, database_url: str, user_id: str):
        url = make_url(database_url)
        place = str(sqlite_file(url) or url.set(password=None))
        self.folder = drafts_dir(user_id)
        self.prefix = hashlib.sha256(place.encode()).hexdigest()[:12]

    def read(self, question_id: int) -> Draft | None:
        """Return the draft of a question; None where there is none that can be read."""
        try:
            return Draft(**json.loads(self._path(question_id).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, question_id: int, draft: Draft) -> None:
        """Write a draft over the one before.

        Raises:
            OSError: the disk is full or the folder cannot be written; the old one stays.
        """
        self.make_folder()
        write_text(self._path(question_id), json.dumps(asdict(draft)))

    def make_folder(self) -> None:
        """Make the folder, for its owner's eyes only.

        Raises:
            OSError: it cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    def drop(self, question_id: int) -> None:
        """Remove the draft of a question, if there is one."""
        self._path(question_id).unlink(missing_ok=True)

    def _path(self, question_id: int) -> Path:
        return self.folder / f"{self.prefix}-{question_id}.json"
