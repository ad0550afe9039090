"""The key that pseudonyms are made with: one secret per installation, one key per person.

A pseudonym is a keyed hash of the value. Without the key nobody can compute it; with a plain
hash, or a key that stands in a parameter file (and so in MLflow), anyone could try every name
in a phone book until one fits. So the secret is random, lies in data/privacy.key (which git
ignores), is readable by its owner alone, and is never logged.

What it does not hide: that two answers of one person speak of the same somebody, and what the
words around a pseudonym tell. Whoever holds both key and pseudonyms can test a guess: delete
the file when the pseudonyms shall never be traced again (new runs then choose new ones).

Shape: user_id -> 32 bytes.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from echoes_lib.errors import DataError
from echoes_lib.workspace import workspace

SECRET_BYTES = 32


def privacy_key(user_id: str, path: Path | None = None) -> bytes:
    """Return one person's key; the installation's secret is made at the first call.

    Args:
        user_id: whose answers. Two people get different keys, so that the pseudonyms of a
            name in one set of answers do not match those in another.
        path: file of the secret; data/privacy.key of the workspace when omitted.

    Returns:
        32 bytes, the same at every call.

    Raises:
        DataError: the file does not hold a secret.
        OSError: the file cannot be read or made.
    """
    path = path or workspace().data / "privacy.key"
    _make(path)
    text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise DataError(
            f"{path} does not hold a key of {2 * SECRET_BYTES} hex digits: restore it from a "
            "backup, or delete it and let a new one be made (pseudonyms then change)"
        )
    return hmac.new(secret, user_id.encode(), hashlib.sha256).digest()


def _make(path: Path) -> None:
    """Write a new secret unless there is one; of two processes at once the first one wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
        try:
            os.link(draft, path)  # whole, and only where there is none yet
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
