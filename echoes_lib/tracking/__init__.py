"""Experiment tracking: MLflow behind a small interface, with a twin that keeps nothing."""

from echoes_lib.params import Common
from echoes_lib.tracking.interface import NullRun, Run

__all__ = ["NullRun", "Run", "start_step"]


def start_step(step: str, params: Common) -> Run:
    """Open the MLflow run of a notebook; see `echoes_lib.tracking.runs.start_step`."""
    from echoes_lib.tracking.runs import start_step as start

    return start(step, params)
