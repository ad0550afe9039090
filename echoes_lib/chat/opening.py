"""Open an engine on an adapter folder; without its adapter, the base answers in its stead.

Does not look for adapters and knows no registry: it is handed folders.

Shape: adapter folder (with echo.json), perhaps a base folder -> Engine.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echoes_lib.chat.engine import Engine
from echoes_lib.errors import BaseModelNotFound, Forgotten, ModelError
from echoes_lib.params import Common

# What of echo.json says how its base is loaded.
BASE_FIELDS = (
    "user_id",
    "base_model",
    "base_revision",
    "quantization",
    "double_quantization",
    "dtype",
    "attention",
    "chat_template",
)
# Lies where an adapter was, once the answers it learnt from are taken back.
TOMBSTONE = "forgotten.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unadapted:
    """A base with an echo's persona, for when the adapter cannot be loaded."""

    model: Any
    tokenizer: Any
    echo: dict[str, Any]

    @contextmanager
    def base_only(self) -> Iterator[None]:
        """Do nothing: there is no adapter to switch off."""
        yield


def open_engine(adapter_dir: Path, base_dir: Path | None = None) -> Engine:
    """Load base and adapter and make the engine that answers with them.

    Args:
        adapter_dir: PEFT files and echo.json.
        base_dir: a folder with the base, used instead of the one that echo.json names.

    Returns:
        An engine; its `base_reason` says why if the adapter could not be loaded.

    Raises:
        Forgotten: answers that the adapter learnt from were taken back.
        ModelError: echo.json is missing or broken.
        BaseModelNotFound: the base is not there; without it nobody can answer.
    """
    from echoes_lib.models.adapters import load_echo
    from echoes_lib.models.load import load_base

    info = read_info(adapter_dir)
    try:
        return Engine(load_echo(adapter_dir, base_path=base_dir))
    except BaseModelNotFound:
        raise
    except Exception as error:
        reason = f"the adapter could not be loaded: {type(error).__name__}"
        _log.warning("%s; the base answers instead: train and register the echo again", reason)
        base = load_base(base_params(info), base_dir)
        return Engine(Unadapted(base.model, base.tokenizer, info), base_reason=reason)


def read_info(adapter_dir: Path) -> dict[str, Any]:
    """Read echo.json, which says whose echo an adapter is and on which base.

    Raises:
        Forgotten: answers that the adapter learnt from were taken back.
        ModelError: it is missing or broken.
    """
    check_not_forgotten(adapter_dir)
    try:
        info = json.loads((adapter_dir / "echo.json").read_text(encoding="utf-8"))
        return {name: info[name] for name in ("name", "system_prompt", "base_model")} | info
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"echo.json of the adapter cannot be used ({type(error).__name__}): run 3_train again"
        ) from None


def check_not_forgotten(adapter_dir: Path) -> None:
    """Refuse an adapter whose place is taken by a note that its answers were taken back.

    Raises:
        Forgotten: says since when and what to do.
    """
    path = adapter_dir / TOMBSTONE
    if not path.is_file():
        return
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        since, user_id = f" on {told['forgotten_on']}", f" --user {told['user_id']}"
    except (OSError, ValueError, KeyError, TypeError):
        since = user_id = ""
    raise Forgotten(
        f"this echo learnt from answers that were taken back{since}: run `echoes run{user_id}` to "
        "train a new one from the answers that are left"
    )


def base_params(info: Mapping[str, Any]) -> Common:
    """Return the parameters that load an echo's base, from its echo.json."""
    return Common(**{name: info[name] for name in BASE_FIELDS if name in info})
