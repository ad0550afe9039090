"""MLflow runs for chains, notebooks and trials.

A chain opens one run for itself and one for each notebook, and names the notebook's run in
ECHOES_RUN_ID; the notebook then writes into it and leaves its end to the chain, which alone
knows how the notebook ended. A notebook on its own opens its run itself, and ends it: as
FINISHED by `finish`, as FAILED when its process goes without.

All calls go through MlflowClient by run id; there is no global active run, because MLflow
would mark that FINISHED at exit even after a failure.
"""

import atexit
import json
import os
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from echoes_lib.params import Common
from echoes_lib.tracking.store import experiment_id, prepare_store
from echoes_lib.workspace import workspace

RUN_ID = "ECHOES_RUN_ID"
PARENT = "mlflow.parentRunId"
MAX_PARAM = 6000


class MlflowRun:
    """One MLflow run, written through the client; see `tracking.interface.Run`."""

    def __init__(self, run_id: str, experiment: str, owned: bool = True):
        import mlflow

        self.run_id = run_id
        self._client = mlflow.MlflowClient()
        self._experiment = experiment
        self._owned = owned
        self._monitor: Any = None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record settings; nested mappings are flattened with dots."""
        from mlflow.entities import Param

        batch = [Param(k, str(v)[:MAX_PARAM]) for k, v in flatten(params).items()]
        self._client.log_batch(self.run_id, params=batch)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, as a point of a curve when `step` is given."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        batch = [Metric(k, float(v), now, step or 0) for k, v in metrics.items()]
        self._client.log_batch(self.run_id, metrics=batch)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record what runs are found by."""
        from mlflow.entities import RunTag

        self._client.log_batch(self.run_id, tags=[RunTag(k, str(v)) for k, v in tags.items()])

    def log_figure(self, figure: Any, name: str) -> None:
        """Keep a matplotlib figure as `pictures/<name>`."""
        self._client.log_figure(self.run_id, figure, f"pictures/{name}")

    def log_table(self, rows: Sequence[Mapping[str, Any]], name: str) -> None:
        """Keep rows as a table that the MLflow UI shows."""
        import pandas as pd

        self._client.log_table(self.run_id, pd.DataFrame(list(rows)), name)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or all files of a folder, as an artifact."""
        if path.is_dir():
            self._client.log_artifacts(self.run_id, str(path), folder)
        else:
            self._client.log_artifact(self.run_id, str(path), folder)

    def log_dataset(self, path: Path, name: str, digest: str, context: str) -> None:
        """Name the dataset (a JSONL file) that this run read."""
        import mlflow
        import pandas as pd
        from mlflow.entities import DatasetInput, InputTag

        # Ids and shapes only: MLflow profiles what it is given, and texts stay out of its store.
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        table = pd.DataFrame({"example_id": [line["example_id"] for line in lines]})
        with warnings.catch_warnings():  # a local path fits two of MLflow's names for the same
            warnings.simplefilter("ignore", UserWarning)
            source = path.as_uri()
            data = mlflow.data.from_pandas(table, source=source, name=name, digest=digest[:36])
        tag = InputTag("mlflow.data.context", context)
        self._client.log_inputs(self.run_id, [DatasetInput(data._to_mlflow_entity(), [tag])])

    @contextmanager
    def child(self, name: str, params: Mapping[str, Any]) -> Iterator["MlflowRun"]:
        """Open a nested run as a context; it ends FINISHED, or FAILED on an exception."""
        run = create_run(self._experiment, name, {PARENT: self.run_id})
        run.log_params(params)
        try:
            yield run
        except BaseException:
            run.end("FAILED")
            raise
        run.end("FINISHED")

    def finish(self) -> None:
        """End the run as FINISHED; when a chain owns it, only the monitor stops."""
        self._stop_monitor()
        if self._owned:
            self.end("FINISHED")

    def end(self, status: str) -> None:
        """End the run with an MLflow status: FINISHED, FAILED or KILLED."""
        self._stop_monitor()
        self._client.set_terminated(self.run_id, status)
        atexit.unregister(self._fail_unfinished)

    def link(self) -> str:
        """Say where a person can see this run."""
        return f"make ui, then http://127.0.0.1:5000/#/experiments/{self._experiment}/runs/{self.run_id}"

    def watch_machine(self) -> None:
        """Record CPU, memory and GPU figures until the run ends."""
        import logging

        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.WARNING)
        self._monitor = SystemMetricsMonitor(
            self.run_id, sampling_interval=2, samples_before_logging=1
        )
        self._monitor.start()
        atexit.register(self._stop_monitor)

    def fail_unless_finished(self) -> None:
        """Mark the run FAILED at exit, unless it was ended before."""
        if self._owned:
            atexit.register(self._fail_unfinished)

    def _fail_unfinished(self) -> None:
        self.end("FAILED")

    def _stop_monitor(self) -> None:
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.finish()


def start_step(step: str, params: Common) -> MlflowRun:
    """Open the MLflow run of a notebook, or join the one that the chain opened for it.

    Args:
        step: the notebook's name, such as `3_train`.
        params: its typed parameters; all are recorded.

    Returns:
        The run, with the machine's figures being recorded into it.
    """
    prepare_store()
    experiment = experiment_id(f"echo-{params.user_id}")
    given = os.environ.get(RUN_ID)
    if given:
        run = MlflowRun(given, experiment, owned=False)
    else:
        run = create_run(experiment, step, step_tags(step, params))
        run.log_params(params.model_dump())
    run.watch_machine()
    run.fail_unless_finished()
    return run


def create_run(experiment: str, name: str, tags: Mapping[str, str]) -> MlflowRun:
    """Open a run.

    Args:
        experiment: MLflow's experiment id.
        name: shown in the UI.
        tags: what the run is found by; the process that owns it is added.

    Returns:
        The run, status RUNNING.
    """
    import mlflow

    tags = {**tags, **process_tags()}
    made = mlflow.MlflowClient().create_run(experiment, run_name=name, tags=tags)
    return MlflowRun(made.info.run_id, experiment)


def step_tags(step: str, params: Common) -> dict[str, str]:
    """Return the tags every run of a step carries."""
    return {
        "step": step,
        "user": params.user_id,
        "base": params.base_model,
        "profile": params.profile,
        "git_commit": git_commit(),
    }


def process_tags() -> dict[str, str]:
    """Name the process that owns a run, so that a later one can tell whether it still lives."""
    import platform

    import psutil

    return {
        "process": f"{os.getpid()}@{platform.node()}",
        "process_started": f"{psutil.Process().create_time():.2f}",
    }


def git_commit() -> str:
    """Return the project's commit, with `+` when the tree has changes, or `unknown`."""
    place = workspace().project
    try:
        ask = {"cwd": place, "capture_output": True, "text": True, "check": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], **ask).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], **ask).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+" if changed else "")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings: {"a": {"b": 1}} -> {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
