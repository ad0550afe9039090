"""Find out where a person's answers lie: in which database, in tables of which names.

The database is that of `--database-url`, else of the profile, else data/reflections.db. The
names are the profile's `source`; where it gives none, those from which the profile's last dataset
of the person was made, as by `echoes run -p 1_preprocess.source=…`.

Shape: profile, user_id -> database_url, Source.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from echoes_lib.deletion.files import chain_dirs
from echoes_lib.params import Source, load_step
from echoes_lib.workspace import workspace

MANIFEST = "1_preprocess/dataset/manifest.json"


def find_answers(user_id: str, profile: str, database_url: str | None = None) -> tuple[str, Source]:
    """Find out where the answers lie; looks into no database.

    Args:
        user_id: whose.
        profile: a folder under params/.
        database_url: wins over the profile's.

    Returns:
        The URL of the database, and what its tables are called.

    Raises:
        ParamsError: no such profile, or its values do not fit.
    """
    params = load_step("1_preprocess", profile)
    source = params.source
    if source == Source():
        source = recorded_sources(user_id).get(profile, source)
    return database_url or params.database_url or workspace().database_url, source


def recorded_sources(user_id: str) -> dict[str, Source]:
    """Return, by profile, the names of the tables that a person's datasets were made from."""
    found = {path.parent.name: _recorded(path / MANIFEST) for path in chain_dirs(user_id)}
    return {profile: source for profile, source in found.items() if source}


def _recorded(manifest: Path) -> Source | None:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        return Source.model_validate(content["params"]["source"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
