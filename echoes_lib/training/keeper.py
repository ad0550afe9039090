"""Keep a training's state on disk, so that a kill costs seconds and not the training.

One file, written beside the old one and renamed over it: whenever the power goes, one whole
checkpoint is there. It carries a fingerprint of everything that decides the result; a state of
other data or parameters is never gone on with.

Shape: state (tensors, numbers, lists, dicts) <-> checkpoint.pt.
"""

import hashlib
import io
import json
import os
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from echoes_lib.workspace import written

CHECKPOINT = "checkpoint.pt"


class Keeper:
    """Reads and writes the checkpoint of one training."""

    def __init__(self, folder: Path, fingerprint: str, every_s: float):
        """Keep the state of the training with this fingerprint, at most every `every_s` seconds."""
        self.path = Path(folder) / CHECKPOINT
        self.fingerprint, self.every_s = fingerprint, every_s
        self._saved_at = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """Return the state to go on from; None when there is none of this training."""
        for draft in self.path.parent.glob(f".{self.path.name}.*.part"):
            draft.unlink()  # of a process that was killed while it wrote
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError):
            return None
        fits = isinstance(state, dict) and state.get("fingerprint") == self.fingerprint
        return state if fits else None

    def is_due(self) -> bool:
        """Tell whether the last save is long enough ago."""
        return time.monotonic() - self._saved_at >= self.every_s

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a state, whole or not at all.

        Raises:
            CannotWrite: the disk is full or read-only; the last checkpoint stays.
        """
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        content = io.BytesIO()  # torch's own writer hides why the system refused
        torch.save({**state, "fingerprint": self.fingerprint}, content)
        try:
            with written(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with draft.open("wb") as stream:
                    stream.write(content.getbuffer())
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)
        self._saved_at = time.monotonic()

    def remove(self) -> None:
        """Delete the checkpoint: the training is done and its result is written."""
        self.path.unlink(missing_ok=True)


def fingerprint(**parts: Any) -> str:
    """Return a sha256 over everything that decides how a training ends."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
