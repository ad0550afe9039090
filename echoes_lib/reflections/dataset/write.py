"""Write a dataset folder, whole or not at all.

Four files of conversations in the messages format, each as JSONL and as parquet, a manifest, the
hashes of the rows and a card. The same rows, consents, parameters and code give the same bytes.

Shape: Made, PreprocessParams -> Dataset(folder, manifest).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from echoes_lib.errors import NoConsent
from echoes_lib.params import PreprocessParams, persona
from echoes_lib.reflections.dataset.card import write_card
from echoes_lib.reflections.dataset.manifest import FILES, Made, manifest_of, row_hashes
from echoes_lib.reflections.render import render
from echoes_lib.reflections.sources.consent import TRAINING, Consent
from echoes_lib.reflections.sources.store import Person
from echoes_lib.workspace import write_text, written

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("example_id", pa.string()),
        ("kind", pa.string()),
        ("category", pa.string()),
        ("question_ids", pa.list_(pa.int64())),
        ("messages", pa.list_(_MESSAGE)),
    ]
)


@dataclass(frozen=True)
class Dataset:
    """A dataset folder and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def counts(self) -> dict[str, Any]:
        """The manifest's counts."""
        return self.manifest["counts"]


def write_dataset(folder: Path, made: Made, params: PreprocessParams) -> Dataset:
    """Write the dataset folder; an older one is replaced only when the new one is whole.

    Args:
        folder: where; what else lies beside it from an earlier run is removed.
        made: the conversations, and what they were made from.
        params: recorded in the manifest.

    Returns:
        The folder and its manifest.

    Raises:
        NoConsent: nobody allows to train on this person's words; nothing is written.
        CannotWrite: the disk is full or not writable; the older folder stays.
    """
    _check_consent(made.person, made.consents)
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with written(folder):
            manifest = _write_all(draft, made, params)
            _replace(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Dataset(folder, manifest)


def _write_all(draft: Path, made: Made, params: PreprocessParams) -> dict[str, Any]:
    prompt = persona(made.person.name, params.system_prompt)
    for name in FILES:
        _write_rows(draft, name, [render(e, prompt) for e in made.examples.files[name]])
    manifest = manifest_of(made, params, dataset_hash(draft))
    _write_json(draft / "manifest.json", manifest)
    _write_json(draft / "rows.json", row_hashes(made))
    write_card(draft, manifest)
    return manifest


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def dataset_hash(folder: Path) -> str:
    """Return the sha256 over the bytes of the four JSONL files, in the order of `FILES`."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((folder / f"{name}.jsonl").read_bytes())
    return digest.hexdigest()


def _write_rows(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    write_text(folder / f"{name}.jsonl", "".join(f"{line}\n" for line in lines))
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / f"{name}.parquet")


def _check_consent(person: Person, consents: Sequence[Consent]) -> None:
    given = {c.purpose for c in consents if c.user_id == person.user_id and not c.withdrawn_on}
    if TRAINING not in given:
        raise NoConsent(
            f"no dataset is written without the consent of user {person.user_id} to {TRAINING}: "
            "hand over what `consent.require` returns"
        )


def _replace(folder: Path, draft: Path) -> None:
    """Put a finished folder in its place and clear what earlier runs left beside it."""
    for other in folder.parent.iterdir():
        if other not in (folder, draft):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
