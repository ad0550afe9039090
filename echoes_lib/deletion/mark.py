"""Say on runs and versions what was forgotten, and take a version out of service.

A marked version has no alias and `registry.load` refuses it; where its adapter lay, `erase`
leaves a note that even `mlflow models serve` stumbles over. A run keeps its figures and
parameters, and the tags tell why its artifacts are gone.

Shape: Found -> tags, aliases and descriptions in the MLflow store.
"""

from typing import Any

from echoes_lib.deletion.find import Found, is_marked
from echoes_lib.deletion.rows import Wish
from echoes_lib.registry.load import FORGOTTEN_ON, FORGOTTEN_QUESTIONS

# MLflow's list of tables for its UI, which would look for them.
TABLES_TAG = "mlflow.loggedArtifacts"


def retire_versions(found: Found, today: str) -> int:
    """Take the aliases from versions, mark them, and replace their cards.

    Args:
        found: what there is.
        today: an ISO date, for the mark.

    Returns:
        How many versions were marked now; a repeated call finds them marked.
    """
    n = 0
    for version in found.tracked.versions:
        client = _client()
        _take_aliases(client, version)
        if is_marked(version.tags, found.wish):
            continue
        for name, value in _tags(version.tags, found.wish, today).items():
            client.set_model_version_tag(version.name, version.version, name, value)
        client.update_model_version(version.name, version.version, _notice(found.wish, today))
        n += 1
    return n


def mark_runs(found: Found, today: str) -> int:
    """Mark runs, deleted ones included; see `retire_versions`."""
    n = 0
    for run in found.tracked.runs:
        if is_marked(run.data.tags, found.wish):
            continue
        client = _client()
        run_id, deleted = run.info.run_id, run.info.lifecycle_stage == "deleted"
        if deleted:  # MLflow writes no tag on a deleted run
            client.restore_run(run_id)
        try:
            for name, value in _tags(run.data.tags, found.wish, today).items():
                client.set_tag(run_id, name, value)
            if TABLES_TAG in run.data.tags:
                client.delete_tag(run_id, TABLES_TAG)
        finally:
            if deleted:
                client.delete_run(run_id)
        n += 1
    return n


def delete_traces(traces: dict[str, list[str]]) -> None:
    """Delete traces for good, with their spans and assessments.

    Args:
        traces: experiment id -> trace ids.
    """
    for experiment, ids in traces.items():
        for start in range(0, len(ids), 100):
            _client().delete_traces(experiment, trace_ids=ids[start : start + 100])


def _take_aliases(client: Any, version: Any) -> None:
    aliases = client.get_registered_model(version.name).aliases
    for alias, number in aliases.items():
        if str(number) == str(version.version):
            client.delete_registered_model_alias(version.name, alias)


def _tags(present: dict[str, str], wish: Wish, today: str) -> dict[str, str]:
    before = [q for q in present.get(FORGOTTEN_QUESTIONS, "").split(", ") if q]
    said = "all" if wish.question_id is None else ", ".join([*before, wish.shown])
    return {FORGOTTEN_QUESTIONS: said, FORGOTTEN_ON: today}


def _notice(wish: Wish, today: str) -> str:
    return (
        f"**Forgotten on {today}.** Answers that this version learnt from were taken back. Its "
        f"adapter is deleted and it cannot be loaded; `echoes run --user {wish.user_id}` trains "
        "a new version from the answers that are left."
    )


def _client() -> Any:
    """Return a client on the project's store, as found; without a store MLflow would make one."""
    import mlflow

    return mlflow.MlflowClient()
