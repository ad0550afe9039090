"""What a chain remembers between commands, and how it knows that a finished step still holds.

A step is finished when its record stands in `chain.json`. It still holds when nothing it was
made from has changed (parameters, notebook, code, the files of earlier steps, the person's
rows) and the files it made are still there, byte for byte. Times play no part.

Shape: chain folder <-> ChainState; (step, params, inputs) -> fingerprint.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from echoes_lib.params import Common
from echoes_lib.workspace import workspace, write_text

# Which earlier steps' files a step reads. The best values of a search reach 3_train through
# its parameters, so they are part of its fingerprint already.
READS = {
    "1_preprocess": (),
    "2_search": ("1_preprocess",),
    "3_train": ("1_preprocess",),
    "4_evaluate": ("1_preprocess", "3_train"),
    "5_register": ("1_preprocess", "3_train", "4_evaluate"),
}
SOURCE_SUFFIXES = {".py", ".jinja", ".safetensors", ".jsonl"}


@dataclass
class StepRecord:
    """A finished step."""

    fingerprint: str
    run_id: str
    seconds: float
    outputs: dict[str, str]  # file relative to the step's folder -> sha256


@dataclass
class ChainState:
    """A chain: its MLflow run, whether it came to its end, and its finished steps."""

    parent_run: str = ""
    complete: bool = False
    steps: dict[str, StepRecord] = field(default_factory=dict)


def read_state(folder: Path) -> ChainState:
    """Read `chain.json`; a missing or unreadable one is an empty state."""
    try:
        content = json.loads((folder / "chain.json").read_text(encoding="utf-8"))
        steps = {name: StepRecord(**record) for name, record in content.pop("steps").items()}
        return ChainState(**content, steps=steps)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ChainState()


def write_state(folder: Path, state: ChainState) -> None:
    """Write `chain.json` whole or not at all."""
    write_text(folder / "chain.json", json.dumps(asdict(state), indent=1))


def fingerprint(step: str, params: Common, source_hash: str, state: ChainState) -> str:
    """Hash everything a step is made from.

    Args:
        step: the notebook's name.
        params: its typed parameters.
        source_hash: hash of the person's rows in the database, and the consent.
        state: the chain, with the records of the steps before.

    Returns:
        A sha256 in hex.
    """
    before = {name: state.steps[name].outputs for name in READS[step] if name in state.steps}
    parts: dict[str, Any] = {
        "params": params.model_dump(mode="json"),
        "notebook": file_hash(workspace().notebooks / f"{step}.ipynb"),
        "code": code_hash(),
        "source": source_hash,
        "before": before,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def output_hashes(folder: Path) -> dict[str, str]:
    """Hash the files of a step's folder; checkpoints, which may be dropped, are left out."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith("checkpoint-") for p in path.parts)
    }


def still_holds(record: StepRecord | None, wanted: str, folder: Path) -> bool:
    """Tell whether a finished step need not run again.

    Args:
        record: the step's record, if it has one.
        wanted: the fingerprint it would have now.
        folder: the step's folder.
    """
    return (
        record is not None
        and record.fingerprint == wanted
        and output_hashes(folder) == record.outputs
    )


def code_hash() -> str:
    """Hash the package's sources and the weights it ships."""
    root = Path(__file__).resolve().parents[1]
    return tree_hash(p for p in root.rglob("*") if p.suffix in SOURCE_SUFFIXES)


def tree_hash(paths: Iterable[Path]) -> str:
    """Hash names and contents of files, in order of their paths."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.name}:{file_hash(path)}\n".encode())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
