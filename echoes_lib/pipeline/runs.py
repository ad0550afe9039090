"""The MLflow side of a chain: a run for the chain, a child for each notebook.

The chain opens and ends the runs, because a notebook whose kernel was killed cannot. What a
dead process left RUNNING is ended before anything new begins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echoes_lib.errors import EchoesError
from echoes_lib.params import Common
from echoes_lib.tracking.reap import end_children, reap_dead
from echoes_lib.tracking.runs import PARENT, MlflowRun, create_run, process_tags, step_tags
from echoes_lib.tracking.store import experiment_id, prepare_store


class ChainRuns:
    """The runs of one person's chain."""

    def __init__(self, user_id: str):
        prepare_store()
        import mlflow

        self.client = mlflow.MlflowClient()
        self.experiment = experiment_id(f"echo-{user_id}")
        self.chain: MlflowRun | None = None
        reap_dead(self.experiment)

    def exists(self, run_id: str) -> bool:
        """Tell whether the store still knows a run."""
        return self._status(run_id) is not None

    def finished(self, run_id: str) -> bool:
        """Tell whether the store knows a run as FINISHED."""
        return self._status(run_id) == "FINISHED"

    def open_chain(self, params: Common, run_id: str) -> str:
        """Open the chain's run, or take up an unfinished one.

        Args:
            params: parameters that all steps share; they become tags.
            run_id: the unfinished run, or "" for a new one.

        Returns:
            The run's id.
        """
        if run_id:
            self.chain = MlflowRun(run_id, self.experiment)
            self.client.update_run(run_id, status="RUNNING")
            self.chain.set_tags(process_tags())
        else:
            name = f"chain {params.profile} {params.user_id}"
            self.chain = create_run(self.experiment, name, step_tags("chain", params))
            self.chain.log_params({k: getattr(params, k) for k in Common.model_fields})
        return self.chain.run_id

    def close_chain(self, status: str) -> None:
        """End the chain's run and whatever still runs under it."""
        end_children(self.experiment, self.chain.run_id, status)
        self.chain.end(status)

    @contextmanager
    def step(self, step: str, params: Common, executed: Path) -> Iterator[str]:
        """Open a notebook's run; end it as the body ends, with the executed copy kept.

        Args:
            step: the notebook's name.
            params: its parameters, all recorded.
            executed: the executed notebook, kept also after a failure.

        Yields:
            The run's id.
        """
        tags = {**step_tags(step, params), PARENT: self.chain.run_id}
        run = create_run(self.experiment, step, tags)
        run.log_params(params.model_dump())
        try:
            yield run.run_id
        except BaseException as error:
            status = "FAILED" if isinstance(error, EchoesError) else "KILLED"
            end_children(self.experiment, run.run_id, status)
            self._end_step(run, executed, status)
            raise
        self._end_step(run, executed, "FINISHED")
        self._share_scores(run.run_id)

    def adopt(self, step: str, params: Common, run_id: str) -> None:
        """Show a step kept from an earlier chain in this one, with its figures.

        Args:
            step: the notebook's name.
            params: its parameters.
            run_id: the run that did the work; the new one names it.
        """
        old = self.client.get_run(run_id).data
        tags = {**step_tags(step, params), PARENT: self.chain.run_id, "kept_from_run": run_id}
        run = create_run(self.experiment, f"{step} (kept)", {**tags, **_own(old.tags)})
        run.log_params(params.model_dump())
        run.log_metrics(old.metrics)
        run.end("FINISHED")

    def _end_step(self, run: MlflowRun, executed: Path, status: str) -> None:
        if executed.exists():
            run.log_file(executed, "notebook")
        run.end(status)

    def _share_scores(self, run_id: str) -> None:
        """Repeat a step's scores on the chain's run, where chains are compared."""
        data = self.client.get_run(run_id).data
        scores = {k: v for k, v in data.metrics.items() if k.startswith(("base_", "echo_"))}
        self.chain.log_metrics(scores)
        if "dataset_hash" in data.tags:
            self.chain.set_tags({"dataset_hash": data.tags["dataset_hash"]})

    def _status(self, run_id: str) -> str | None:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_run(run_id).info.status if run_id else None
        except MlflowException:
            return None


def _own(tags: dict[str, str]) -> dict[str, str]:
    """Return the project's tags of a run, without MLflow's and the owning process."""
    return {k: v for k, v in tags.items() if not k.startswith(("mlflow.", "process"))}
