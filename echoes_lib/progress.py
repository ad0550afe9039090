"""Tell how far long work has come, in a place that another process can read.

A notebook runs in a kernel of its own; the command that started it names a file in the
environment variable ECHOES_PROGRESS, and shows what it finds there. Without the variable
nothing is written. Does not draw anything.

Shape: done, total, label -> one line of JSON, at most twice a second.
"""

import json
import os
import time
from pathlib import Path

from echoes_lib.workspace import write_text

_EVERY_S = 0.5
_last = 0.0


def report(done: float, total: float, label: str) -> None:
    """Report progress of the current step.

    Args:
        done: units finished, 0 to `total`.
        total: units in all.
        label: what is being done, in a few words; no personal text.
    """
    global _last
    target = os.environ.get("ECHOES_PROGRESS")
    now = time.monotonic()
    if not target or (done < total and now - _last < _EVERY_S):
        return
    _last = now
    try:
        write_text(Path(target), json.dumps({"done": done, "total": total, "label": label}))
    except OSError:
        os.environ.pop("ECHOES_PROGRESS", None)  # a full disk is reported by the work itself
