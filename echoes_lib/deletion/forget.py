"""Forget a person, or one answer: the order in which it all goes.

    1. serving     aliases and marks on versions, notes in place of adapters
    2. artifacts   of models and runs, traces, texts in the MLflow database
    3. files       chains, executed notebooks, outputs
    4. words       the rows of the reflections database, last, in one transaction
    5. bytes       both database files are emptied of what was deleted
    6. looking     once more, for everything

Killed anywhere, the same command goes on: each part is found by where it lies, and the words,
by which strays are found, go last. No chain of the person can run meanwhile.

Shape: Wish -> Outcome; what would not go is in `remains`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from filelock import FileLock, Timeout

from echoes_lib.deletion.cells import find_cells, overwrite_cells, traces_of
from echoes_lib.deletion.compact import compact, has_leftovers
from echoes_lib.deletion.erase import clear_outputs, leave_notes, remove_places
from echoes_lib.deletion.files import SAFE_ID, chain_dirs
from echoes_lib.deletion.find import Found, check_known, find
from echoes_lib.deletion.mark import delete_traces, mark_runs, retire_versions
from echoes_lib.deletion.rows import Wish, delete_rows
from echoes_lib.deletion.words import file_holds
from echoes_lib.errors import ChainBusy, DataError, EchoesError, TrackingError
from echoes_lib.reflections.sources.connect import database_file
from echoes_lib.workspace import workspace


@dataclass
class Outcome:
    """What was forgotten; `remains` names what would not go, with the reason."""

    found: Found
    rows: dict[str, int] = field(default_factory=dict)
    n_versions: int = 0
    n_runs: int = 0
    remains: list[str] = field(default_factory=list)


def forget(wish: Wish) -> Outcome:
    """Forget; see the module's docstring for the order.

    Args:
        wish: who, perhaps which answer, and where the answers lie under which names.

    Returns:
        What went and what remains.

    Raises:
        NoSuchUser: nobody of that name, and nothing was made of them.
        MissingColumn: the database has no answers under these names; nothing was deleted.
        DataError: no such answer, or the database cannot be used; nothing was deleted.
        ChainBusy: a chain or a notebook of the person is at work; nothing was deleted.
        TrackingError: the MLflow store cannot be used; nothing was deleted.
    """
    with nobody_else(wish.user_id):
        found = find(wish)
        _check_known(found)
        _check_idle(found)
        outcome = Outcome(found, remains=list(found.tracked.outside))
        today = date.today().isoformat()
        _stop_serving(found, outcome, today)
        _erase(found, outcome)
        _delete_words(found, outcome)
        _empty_databases(wish, outcome)
        outcome.remains += _look_again(found, outcome.remains)
    return outcome


@contextmanager
def nobody_else(user_id: str) -> Iterator[None]:
    """Hold the chains of a person, of every profile, so that none can run.

    Raises:
        ChainBusy: one is running.
    """
    profiles = {path.parent.name for path in chain_dirs(user_id)}
    if SAFE_ID.match(user_id) and workspace().profiles.is_dir():
        profiles |= {path.name for path in workspace().profiles.iterdir() if path.is_dir()}
    with ExitStack() as held:
        for profile in sorted(profiles):
            held.enter_context(_locked(profile, user_id))
        yield


@contextmanager
def _locked(profile: str, user_id: str) -> Iterator[None]:
    path = workspace().chain_lock(profile, user_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ChainBusy(
            f"another command is at work on the chain of user {user_id} with profile {profile}: "
            "wait for it, or stop it, and run this command again"
        ) from None
    try:
        yield
    finally:
        _leave(path)
        lock.release()


def _leave(lock: Path) -> None:
    """Delete a lock with its folders, where nothing else is in them."""
    lock.unlink(missing_ok=True)
    for folder in (lock.parent, lock.parent.parent, workspace().runs):
        if any(folder.iterdir()):
            return
        folder.rmdir()


def _check_known(found: Found) -> None:
    """Refuse who is not there; what a command killed at its end left in the file goes first."""
    try:
        check_known(found)
    except DataError:
        if has_leftovers(found.wish.database_url):
            compact(found.wish.database_url, found.wish.source)
        raise


def _check_idle(found: Found) -> None:
    from echoes_lib.tracking.reap import running_here

    for experiment in found.tracked.experiments:
        running = running_here(experiment.experiment_id)
        if running:
            raise ChainBusy(
                f"{', '.join(running)} of user {found.wish.user_id} is at work: wait for it, or "
                "shut down the notebook's kernel, and run this command again"
            )


def _stop_serving(found: Found, outcome: Outcome, today: str) -> None:
    """Mark versions and runs; a store that cannot be written ends it before anything is gone."""
    import logging

    from mlflow.exceptions import MlflowException

    # MLflow prints the statement with a traceback; one sentence of ours says it.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        outcome.n_versions = retire_versions(found, today)
        outcome.n_runs = mark_runs(found, today)
    except MlflowException as error:
        raise TrackingError(
            f"mlruns/mlflow.db cannot be written ({str(error).splitlines()[0]}): nothing was "
            "deleted; close the program that holds it and run this command again"
        ) from None
    outcome.remains += leave_notes(found.tracked.models, found.wish, today)


def _erase(found: Found, outcome: Outcome) -> None:
    """Take away all but the words themselves."""
    tracked = found.tracked
    outcome.remains += remove_places(tracked.artifacts)
    for traces in (tracked.traces, traces_of(found.cells)):
        outcome.remains += _attempt(lambda chosen=traces: delete_traces(chosen))
    # Looked for again: marks and deleted traces moved rows, and a row's number may be another's.
    outcome.remains += _attempt(lambda: overwrite_cells(find_cells(found.words)))
    outcome.remains += remove_places(found.files)
    outcome.remains += clear_outputs(found.shown)


def _delete_words(found: Found, outcome: Outcome) -> None:
    def delete() -> None:
        outcome.rows = delete_rows(found.wish, found.words)

    outcome.remains += _attempt(delete)


def _empty_databases(wish: Wish, outcome: Outcome) -> None:
    outcome.remains += _attempt(lambda: compact(wish.database_url, wish.source))
    if (workspace().mlruns / "mlflow.db").is_file():
        outcome.remains += _attempt(lambda: compact(workspace().tracking_uri))


def _attempt(work: Callable[[], object]) -> list[str]:
    from mlflow.exceptions import MlflowException

    try:
        work()
    except (EchoesError, OSError, MlflowException) as error:
        return [str(error).splitlines()[0]]
    return []


def _look_again(before: Found, said: list[str]) -> list[str]:
    """Look for everything once more; name what is there and was not named yet."""
    after = find(before.wish, before.words)
    places = [*after.places, *after.shown, *after.kept]
    left = [f"{place.shown} ({place.kind}, {place.n_bytes} bytes)" for place in places]
    left += [f"{n} rows of {table} in the database" for table, n in after.rows.items()]
    left += [cell.shown for cell in after.cells]
    left += [f"{after.n_traces} traces in mlruns/mlflow.db"] if after.n_traces else []
    for url in (before.wish.database_url, workspace().tracking_uri):
        file = database_file(url)
        if file and file.is_file() and not after.rows and file_holds(file, before.words):
            left.append(f"{file.name}: still holds words of the answers, in some other row")
    return [line for line in left if not any(line.split(" (")[0] in known for known in said)]
