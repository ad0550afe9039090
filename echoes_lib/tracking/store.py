"""The MLflow store: one SQLite file, made once under a lock, named by an absolute URL.

Several processes that start on a fresh store at the same time break it for good, so the
schema is made here, under a file lock, before anything else may open it.

Shape: Workspace -> tracking URI, with mlflow's tracking and registry URIs set to it.
"""

import os
import sqlite3
from pathlib import Path

from filelock import FileLock

from echoes_lib.errors import StoreTooNew, TrackingError
from echoes_lib.workspace import Workspace, workspace

# What MLflow would otherwise tell or ask the internet, or print on every start.
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}


def prepare_store(place: Workspace | None = None) -> str:
    """Make the store if there is none, check its version, and point mlflow at it.

    Args:
        place: the workspace; that of this process when omitted.

    Returns:
        The absolute tracking URI, also set as mlflow's tracking and registry URI.

    Raises:
        StoreTooNew: a newer MLflow wrote the store.
        TrackingError: an older one did, or the file is no MLflow store.
    """
    place = place or workspace()
    place.mlruns.mkdir(parents=True, exist_ok=True)
    os.environ.update({k: v for k, v in QUIET.items() if k not in os.environ})
    os.environ["MLFLOW_TRACKING_URI"] = place.tracking_uri
    import mlflow

    database = place.mlruns / "mlflow.db"
    with FileLock(place.mlruns / ".store.lock"):
        if database.exists():
            check_version(database)
        else:
            _make_schema(place)
    mlflow.set_tracking_uri(place.tracking_uri)
    mlflow.set_registry_uri(place.tracking_uri)
    return place.tracking_uri


def check_version(database: Path) -> None:
    """Refuse a store whose schema this MLflow does not know or would first have to upgrade.

    Args:
        database: the SQLite file.

    Raises:
        StoreTooNew: the schema's revision is unknown to the installed MLflow.
        TrackingError: the revision is an older one, or the file is not an MLflow store.
    """
    import mlflow

    found, known = _revision(database), _known_revisions()
    if found == known[0]:
        return
    if found in known:
        raise TrackingError(
            f"mlruns/{database.name} was written by an older MLflow (schema {found}): back it up, "
            f"then run `mlflow db upgrade sqlite:///{database}`"
        )
    raise StoreTooNew(
        f"mlruns/{database.name} was written by a newer MLflow than the installed "
        f"{mlflow.__version__} (schema {found} is unknown to it): install that MLflow, or move "
        f"mlruns/ away to start a new store"
    )


def experiment_id(name: str, place: Workspace | None = None) -> str:
    """Return the id of an experiment, making it when there is none.

    Args:
        name: such as `echo-luke`.
        place: the workspace; that of this process when omitted.

    Returns:
        MLflow's experiment id; its artifacts lie in `mlruns/artifacts/<name>`.
    """
    import mlflow

    place = place or workspace()
    with FileLock(place.mlruns / ".store.lock"):
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        return client.create_experiment(name, artifact_location=f"{place.artifact_uri}/{name}")


def _make_schema(place: Workspace) -> None:
    import logging

    import mlflow

    for noisy in ("mlflow.store.db.utils", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    mlflow.MlflowClient(place.tracking_uri, place.tracking_uri).search_experiments(max_results=1)


def _revision(database: Path) -> str:
    try:
        with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise TrackingError(
            f"mlruns/{database.name} is not an MLflow store ({error}): move it away"
        ) from None
    finally:
        if "connection" in locals():
            connection.close()
    return row[0] if row else ""


def _known_revisions() -> list[str]:
    """Return the schema revisions that the installed MLflow knows, newest first."""
    import mlflow
    from alembic.script import ScriptDirectory

    folder = Path(mlflow.__file__).parent / "store" / "db_migrations"
    return [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
