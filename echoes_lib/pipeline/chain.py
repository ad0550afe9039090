"""Run a person's chain: every notebook of a profile, in order, each at most once.

A finished step is not run again while it still holds (see `state`); a chain that was killed
goes on from its last finished step, in the same MLflow run. Two commands on one chain at the
same time are refused by a lock that dies with its process.

Shape: profile, user, overrides -> Outcome; notebooks, files and MLflow runs on the way.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from echoes_lib.errors import ChainBusy, EchoesError
from echoes_lib.params import Common, load_step
from echoes_lib.pipeline.execute import run_notebook
from echoes_lib.pipeline.launch import launch_training
from echoes_lib.pipeline.plan import check_all, parse_overrides, step_params
from echoes_lib.pipeline.runs import ChainRuns
from echoes_lib.pipeline.state import (
    ChainState,
    StepRecord,
    fingerprint,
    output_hashes,
    read_state,
    still_holds,
    write_state,
)
from echoes_lib.workspace import workspace

Announce = Callable[[str, str, float], None]  # step, "start" | "done" | "kept", seconds


@dataclass
class Outcome:
    """What a chain did."""

    folder: Path
    parent_run: str
    ran: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def run_chain(
    profile: str,
    user_id: str | None = None,
    overrides: Iterable[str] = (),
    force: bool = False,
    announce: Announce = lambda step, event, seconds: None,
) -> Outcome:
    """Run or finish the chain of one person under one profile.

    Args:
        profile: a folder under params/.
        user_id: whose echo; the profile's own when omitted.
        overrides: `name=value` or `step.name=value`, values as YAML.
        force: run every step again.
        announce: called when a step starts, is done, or is kept from before.

    Returns:
        What ran and what was kept.

    Raises:
        ParamsError: parameters do not fit; nothing has run.
        DataError: the person's reflections cannot be used; nothing has run.
        NoConsent: nobody allowed to train on them, or it was withdrawn, before or on the way.
        StepFailed: a notebook failed; finished steps stay finished.
        ChainBusy: another process runs this chain.
    """
    items = [*overrides, *([f"user_id={user_id}"] if user_id else [])]
    load_step("1_preprocess", profile)  # names the profiles there are, if this is none of them
    chain = Chain(profile, items, announce)
    with chain.locked():
        return chain.run(force)


class Chain:
    """One chain of one person, from its folder's state to its last notebook."""

    def __init__(self, profile: str, items: list[str], announce: Announce):
        from echoes_lib.pipeline.plan import chain_steps
        from echoes_lib.reflections.sources.store import content_hash

        self.profile = profile
        self.overrides = parse_overrides(items, chain_steps(profile))
        self.params = check_all(profile, self.overrides)
        first = next(iter(self.params.values()))
        self.user_id = first.user_id
        self.folder = workspace().chain_dir(profile, self.user_id)
        self.database_url = first.database_url or workspace().database_url
        self.source_hash = content_hash(self.database_url, self.user_id, first.source)
        self.consent = self._require_consent()
        self.announce = announce

    def _require_consent(self) -> dict[str, str]:
        from echoes_lib.reflections.sources.consent import TRAINING, require

        given = require(self.database_url, self.user_id, TRAINING, self.profile)
        return given.as_manifest()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the chain's folder for this process alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(workspace().chain_lock(self.profile, self.user_id), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise ChainBusy(
                f"another command is running the chain of user {self.user_id} with profile "
                f"{self.profile}: wait for it, or stop it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def run(self, force: bool) -> Outcome:
        """Run the steps that do not hold; see `run_chain`."""
        runs = ChainRuns(self.user_id)
        state = ChainState() if force else read_state(self.folder)
        todo = not state.complete or self._first_stale(state, runs) is not None
        if not todo:
            return Outcome(self.folder, state.parent_run, kept=list(self.params))
        fresh = state.complete or not runs.exists(state.parent_run)
        first = next(iter(self.params.values()))
        state.parent_run = runs.open_chain(first, "" if fresh else state.parent_run)
        state.complete = False
        outcome = Outcome(self.folder, state.parent_run)
        if force:  # a study would otherwise go on from its finished trials
            self._forget_files()
        try:
            for step in self.params:
                self._run_or_keep(step, state, runs, outcome, adopt=fresh)
        except BaseException as error:
            runs.close_chain("FAILED" if isinstance(error, EchoesError) else "KILLED")
            raise
        runs.close_chain("FINISHED")
        state.complete = True
        write_state(self.folder, state)
        return outcome

    def _forget_files(self) -> None:
        for step in self.params:
            shutil.rmtree(self.folder / step, ignore_errors=True)

    def _run_or_keep(
        self, step: str, state: ChainState, runs: ChainRuns, outcome: Outcome, adopt: bool
    ) -> None:
        params, wanted = self._wanted(step, state)
        record = state.steps.get(step)
        if self._holds(step, record, wanted, runs):
            if adopt:
                runs.adopt(step, params, record.run_id)
            self.announce(step, "kept", record.seconds)
            outcome.kept.append(step)
            return
        self._require_consent()  # it may have been withdrawn while the step before ran
        state.steps.pop(step, None)
        write_state(self.folder, state)
        state.steps[step] = self._run(step, params, wanted, runs)
        write_state(self.folder, state)
        outcome.ran.append(step)

    def _run(self, step: str, params: Common, wanted: str, runs: ChainRuns) -> StepRecord:
        self.announce(step, "start", 0.0)
        started = time.monotonic()
        output = self.folder / f"{step}.ipynb"
        environment = {"ECHOES_PROGRESS": str(self.folder / ".progress.json")}
        with runs.step(step, params, output) as run_id:
            if step == "3_train":
                launch_training(params, environment)
            run_notebook(step, params, output, {**environment, "ECHOES_RUN_ID": run_id})
        seconds = round(time.monotonic() - started, 1)
        self.announce(step, "done", seconds)
        return StepRecord(wanted, run_id, seconds, output_hashes(self.folder / step))

    def _wanted(self, step: str, state: ChainState) -> tuple[Common, str]:
        best = self.folder / "2_search" / "best.yaml"
        searched = "2_search" in self.params and best.is_file()
        params = step_params(step, self.profile, self.overrides, best if searched else None)
        # A dataset names the consent it was made by; another consent, another dataset.
        source = f"{self.source_hash} {json.dumps(self.consent, sort_keys=True)}"
        return params, fingerprint(step, params, source, state)

    def _holds(self, step: str, record: StepRecord | None, wanted: str, runs: ChainRuns) -> bool:
        folder = self.folder / step
        return still_holds(record, wanted, folder) and runs.finished(record.run_id)

    def _first_stale(self, state: ChainState, runs: ChainRuns) -> str | None:
        for step in self.params:
            _, wanted = self._wanted(step, state)
            if not self._holds(step, state.steps.get(step), wanted, runs):
                return step
        return None
