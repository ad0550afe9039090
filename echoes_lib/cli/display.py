"""Show a chain at work: a line per finished step, a bar with the time left for the current one.

The bar reads what the notebook's kernel writes through `echoes_lib.progress`. Where the
output is no terminal (a log, CI) only the lines are printed.

Shape: announcements of the chain -> lines on the terminal.
"""

import json
import threading
import time
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from echoes_lib.workspace import workspace


class ChainDisplay:
    """A context in which a chain may announce its steps."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, visible=False)
        self._step, self._started = "", 0.0
        self._ended = threading.Event()
        self._reader = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "ChainDisplay":
        if self.console.is_terminal:
            self._bar.start()
            self._reader.start()
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self.console.is_terminal:
            self._reader.join()
            self._bar.stop()

    def announce(self, step: str, event: str, seconds: float) -> None:
        """Take an event of the chain; see `pipeline.chain.Announce`."""
        if event == "start":
            self._step, self._started = step, time.time()
            self._bar.reset(self._task, description=step, total=None, visible=True)
            if not self.console.is_terminal:
                self.console.print(f"  {step} …")
        elif event == "done":
            self._bar.update(self._task, visible=False)
            self.console.print(f"[green]✓[/] {step}  {seconds:.0f} s")
        else:
            self.console.print(f"[dim]✓ {step}  kept from before[/]")

    def _follow(self) -> None:
        """Copy the kernel's progress into the bar, twice a second."""
        while not self._ended.wait(0.5):
            for path in workspace().runs.glob("*/*/.progress.json"):
                self._show(path)

    def _show(self, path: Path) -> None:
        try:
            if path.stat().st_mtime < self._started:
                return  # what an earlier step left
            now = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        self._bar.update(
            self._task,
            description=f"{self._step}: {now['label']}",
            completed=now["done"],
            total=now["total"],
        )
