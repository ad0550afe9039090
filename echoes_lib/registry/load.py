"""Bring a registered echo back, by alias or version.

Shape: user id, alias -> RegisteredEcho, with the engine that chats.
"""

import os
from dataclasses import dataclass
from typing import Any

from echoes_lib.chat.engine import Engine
from echoes_lib.errors import Forgotten, NoSuchEcho
from echoes_lib.params import Generation
from echoes_lib.tracking.store import prepare_store
from echoes_lib.workspace import workspace

# Tags of versions and runs whose dataset held answers that were taken back (`echoes forget`).
FORGOTTEN_ON, FORGOTTEN_QUESTIONS = "forgotten_on", "forgotten_questions"


@dataclass(frozen=True)
class RegisteredEcho:
    """A loaded version of `echo-<user_id>`."""

    name: str
    version: str
    uri: str
    engine: Engine
    generation: Generation


def model_name(user_id: str) -> str:
    """Return the name under which a person's echo is registered."""
    return f"echo-{user_id}"


def load_champion(user_id: str, alias: str = "champion") -> RegisteredEcho:
    """Load a registered echo into this process.

    Args:
        user_id: whose echo.
        alias: `champion`, `challenger`, or a version number.

    Returns:
        The echo; `engine.reply(messages, echo.generation)` chats.

    Raises:
        NoSuchEcho: says which people, aliases and versions there are, and how to make one.
    """
    model, version = _load(user_id, alias)
    agent = model.get_raw_model()
    uri = f"models:/{version.name}/{version.version}"
    return RegisteredEcho(version.name, str(version.version), uri, agent.engine, agent.generation)


def load_echo_model(user_id: str, alias: str = "champion") -> Any:
    """Load a registered echo as the MLflow model it is, with `predict` and `predict_stream`.

    Raises:
        NoSuchEcho: as `load_champion`.
    """
    return _load(user_id, alias)[0]


def find_version(user_id: str, alias: str = "champion") -> Any:
    """Look up a version by alias or number.

    Args:
        user_id: whose echo.
        alias: an alias or a version number.

    Returns:
        MLflow's model version.

    Raises:
        NoSuchEcho: there is none; the message says which there are.
        Forgotten: answers it learnt from were taken back, so it serves nobody.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    prepare_store()
    client, name = mlflow.MlflowClient(), model_name(user_id)
    try:
        if alias.isdigit():
            return _remembered(client.get_model_version(name, alias))
        return _remembered(client.get_model_version_by_alias(name, alias))
    except MlflowException:
        versions = client.search_model_versions(f"name = '{name}'")
        if versions:  # an alias that was taken from a forgotten version is missing, too
            _remembered(max(versions, key=lambda version: int(version.version)))
        raise NoSuchEcho(f"models:/{name}@{alias} is not there: {_there(client, name)}") from None


def check_remembered(user_id: str, dataset_hash: str) -> None:
    """Refuse an adapter, wherever a copy of it lies, whose answers were taken back.

    Args:
        user_id: whose echo.
        dataset_hash: of the dataset it was trained on.

    Raises:
        Forgotten: every run and version made of this dataset is marked as forgotten; when
            the same answers were given again since, a newer run is not.
        TrackingError: the store cannot be used.
    """
    if not (workspace().mlruns / "mlflow.db").is_file() or not dataset_hash.isalnum():
        return
    prepare_store()
    tags = _tags_of(user_id, dataset_hash)
    marks = [each[FORGOTTEN_ON] for each in tags if each.get(FORGOTTEN_ON)]
    if marks and len(marks) == len(tags):
        raise Forgotten(
            f"this adapter learnt from answers that were taken back on {max(marks)}: delete it, "
            f"and run `echoes run --user {user_id}` to train a new one from those that are left"
        )


def _tags_of(user_id: str, dataset_hash: str) -> list[dict[str, str]]:
    """Return the tags of all runs and versions that name a dataset, deleted runs included."""
    import mlflow
    from mlflow.entities import ViewType

    client, name = mlflow.MlflowClient(), model_name(user_id)
    experiment = client.get_experiment_by_name(name)
    runs = experiment and client.search_runs(
        [experiment.experiment_id],
        f"tags.dataset_hash = '{dataset_hash}'",
        run_view_type=ViewType.ALL,
    )
    versions = client.search_model_versions(f"name = '{name}'")
    named = [version.tags for version in versions]
    found = [tags for tags in named if tags.get("dataset_hash") == dataset_hash]
    return found + [run.data.tags for run in runs or ()]


def _remembered(version: Any) -> Any:
    """Hand a version through, unless answers that it learnt from were taken back."""
    since = version.tags.get(FORGOTTEN_ON)
    if not since:
        return version
    user_id = version.name.removeprefix(model_name(""))
    raise Forgotten(
        f"{version.name} version {version.version} learnt from answers that were taken back on "
        f"{since}: run `echoes run --user {user_id}` to train a new one from those that are left"
    )


def _load(user_id: str, alias: str) -> tuple[Any, Any]:
    import mlflow

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    version = find_version(user_id, alias)
    uri = f"models:/{version.name}/{version.version}"
    return mlflow.pyfunc.load_model(uri, suppress_warnings=True), version


def _there(client: Any, name: str) -> str:
    """Say what there is instead, and how to make what is missing."""
    found = client.search_registered_models(f"name = '{name}'")
    make = "make it with `echoes run` (notebooks 1 to 5)"
    if not found:
        others = sorted(m.name for m in client.search_registered_models())
        return f"registered are {', '.join(others) or 'no echoes yet'}; {make}"
    versions = client.search_model_versions(f"name = '{name}'")
    numbers = ", ".join(sorted((str(v.version) for v in versions), key=int))
    aliases = ", ".join(f"@{a} (v{v})" for a, v in sorted(found[0].aliases.items()))
    return (
        f"there are versions {numbers or 'none'} and aliases {aliases or 'none'}; set "
        f"model_alias to one of them, or {make}"
    )
