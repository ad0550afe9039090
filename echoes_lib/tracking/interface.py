"""What the rest of the project may ask of an experiment tracker, and a twin that keeps nothing.

Code that trains or scores takes a `Run` and never asks whether MLflow is there: hand it a
`NullRun` and it works the same. Imports no mlflow.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol


class Run(Protocol):
    """One run of an experiment: a chain, a notebook or a trial."""

    run_id: str | None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record settings; nested mappings are flattened with dots."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, as a point of a curve when `step` is given."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record what runs are found by: user, base, profile, dataset hash."""

    def log_figure(self, figure: Any, name: str) -> None:
        """Keep a matplotlib figure as `pictures/<name>` (name ends in .png)."""

    def log_table(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Keep rows as a table that the MLflow UI shows (name ends in .json)."""

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or all files of a folder, as an artifact."""

    def log_dataset(self, path: Path, name: str, digest: str, context: str) -> None:
        """Name the dataset (a JSONL file) that this run read: context `training`, `testing`."""

    def child(self, name: str, params: Mapping[str, Any]) -> Any:
        """Open a nested run as a context; it ends FINISHED, or FAILED on an exception."""

    def finish(self) -> None:
        """End the run as FINISHED."""

    def link(self) -> str:
        """Say where a person can see this run."""


class NullRun:
    """A run that keeps nothing, for tests and for work without MLflow."""

    run_id = None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Keep nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Keep nothing."""

    def log_figure(self, figure: Any, name: str) -> None:
        """Keep nothing."""

    def log_table(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Keep nothing."""

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep nothing."""

    def log_dataset(self, path: Path, name: str, digest: str, context: str) -> None:
        """Keep nothing."""

    @contextmanager
    def child(self, name: str, params: Mapping[str, Any]) -> Iterator["NullRun"]:
        """Yield another null run."""
        yield NullRun()

    def finish(self) -> None:
        """Do nothing."""

    def link(self) -> str:
        """Say that there is no run."""
        return "not tracked"
