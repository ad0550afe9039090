"""Find a base model by name: the seedling, a folder, or a model on the Hugging Face hub.

Every way in which a base can be missing becomes one sentence with the next step (those of the
hub in `hub.py`). The hub is asked once, with one short request; waiting and retrying are left
to the download itself. Loads nothing into memory and imports neither torch nor transformers.

Shape: name, revision -> Source(where to load from, at which revision, from cache only or not).
"""

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from echoes_lib.errors import BaseModelNotFound
from echoes_lib.models.hub import explain, offline
from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.workspace import workspace, write_text

KNOWN = (
    "seedling",
    "HuggingFaceTB/SmolLM2-360M-Instruct",
    "mistralai/Mistral-7B-Instruct-v0.3",
    "meta-llama/Llama-2-7b-chat-hf",
    "codellama/CodeLlama-7b-Instruct-hf",
    "codellama/CodeLlama-34b-Instruct-hf",
    "microsoft/Phi-3-medium-4k-instruct",
)
HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
ASK_TIMEOUT_S = 5.0
HASH_LIMIT_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Source:
    """Where a base model is loaded from."""

    location: str
    revision: str | None
    is_hub: bool
    cache_only: bool = False


def resolve_base(name: str) -> Path | str:
    """Turn a base model's name into a folder or a hub id; asks no network.

    Args:
        name: `seedling`, a folder (absolute, or relative to the project), or `owner/model`.

    Returns:
        The folder as a Path, or the hub id as a string.

    Raises:
        BaseModelNotFound: a folder that is missing or holds no model, or a name that is
            neither a folder nor a hub id.
    """
    if name == "seedling":
        return _checked_folder(SEEDLING_DIR, "run `make seedling` to build it")
    folder = workspace().project / Path(name).expanduser()
    if folder.is_dir():
        return _checked_folder(folder, "choose the folder that `save_pretrained` wrote")
    if HUB_ID.match(name):
        return name
    if name.startswith(("/", ".", "~")) or name.count("/") > 1 or "\\" in name:
        raise BaseModelNotFound(f"base_model={name!r}: there is no such folder; check the path")
    close = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.4)
    hint = f"did you mean {close[0]}?" if close else "use one of these"
    raise BaseModelNotFound(
        f"base_model={name!r} is neither a folder nor a hub id (owner/model): {hint} "
        f"Such as {', '.join(KNOWN)}"
    )


def find_base(name: str, revision: str | None = None) -> Source:
    """Find a base model and make sure that it can be had.

    Args:
        name: as for `resolve_base`.
        revision: commit, branch or tag on the hub; None is the newest.

    Returns:
        Where to load from. A folder's revision is a hash of its weights.

    Raises:
        BaseModelNotFound: it is not there, or not for this machine.
    """
    place = resolve_base(name)
    if isinstance(place, Path):
        return Source(str(place), folder_revision(place), is_hub=False)
    cached = _cached_commit(place, revision)
    try:
        commit = _ask_hub(place, revision)
    except BaseModelNotFound:
        if cached is None:
            raise
        return Source(place, cached, is_hub=True, cache_only=True)
    return Source(place, commit or revision, is_hub=True)


def remember(source: Source, revision: str | None) -> None:
    """Note in the hub's cache which commit a name stood for, once the model was loaded.

    Models are loaded by their commit, so that the hub's own tools do not note the name; without
    the note, a base that was downloaded whole could not be found again offline.

    Args:
        source: from `find_base`.
        revision: what was asked for; None is the newest.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    if not source.is_hub or source.cache_only or revision == source.revision:
        return
    folder = repo_folder_name(repo_id=source.location, repo_type="model")
    note = Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")
    write_text(note, source.revision or "")


def folder_revision(folder: Path) -> str:
    """Hash a local base model: its weights when small, else their names and sizes."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name}:{size}".encode())
        if size <= HASH_LIMIT_BYTES:
            digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def _checked_folder(folder: Path, advice: str) -> Path:
    if not (folder / "config.json").is_file():
        raise BaseModelNotFound(f"base_model: {folder.name} holds no config.json: {advice}")
    return folder


def _cached_commit(name: str, revision: str | None) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json", revision=revision or "main")
    return Path(found).parent.name if isinstance(found, str) else None


def _ask_hub(name: str, revision: str | None) -> str | None:
    """Ask for the commit of the model's config.json, translating what goes wrong."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    if constants.HF_HUB_OFFLINE:
        raise offline(name)
    url = hf_hub_url(name, "config.json", revision=revision)
    try:
        # No retries: a person waits here, and the download that follows retries by itself.
        answer = get_session().head(url, headers=build_hf_headers(), timeout=ASK_TIMEOUT_S)
        hf_raise_for_status(answer)
    except Exception as error:
        if known := explain(error, name, revision):
            raise known from None
        raise
    return answer.headers.get("X-Repo-Commit")
