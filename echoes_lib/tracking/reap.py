"""End the runs that a dead process left RUNNING.

kill -9 leaves no time to say goodbye: the run stays RUNNING in the store for ever. Every run
carries the process that owns it; one that lives no more cannot be running.
"""

import platform

from echoes_lib.tracking.runs import PARENT


def reap_dead(experiment: str) -> list[str]:
    """Mark RUNNING runs of dead processes of this machine as KILLED.

    Args:
        experiment: MLflow's experiment id.

    Returns:
        Ids of the runs that were ended.
    """
    import mlflow

    client = mlflow.MlflowClient()
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'", max_results=1000)
    dead = [run.info.run_id for run in running if not _owner_lives(run.data.tags)]
    for run_id in dead:
        client.set_terminated(run_id, "KILLED")
    return dead


def end_children(experiment: str, parent: str, status: str) -> None:
    """End the runs still RUNNING under a parent, such as the trials of a killed kernel.

    Args:
        experiment: MLflow's experiment id.
        parent: the parent's run id.
        status: an MLflow status, FAILED or KILLED.
    """
    import mlflow

    client = mlflow.MlflowClient()
    query = f"attributes.status = 'RUNNING' and tags.`{PARENT}` = '{parent}'"
    for run in client.search_runs([experiment], query, max_results=1000):
        client.set_terminated(run.info.run_id, status)


def running_here(experiment: str) -> list[str]:
    """Name the runs that a living process of this machine is writing into.

    Args:
        experiment: MLflow's experiment id.

    Returns:
        Their names, such as `3_train`; runs of other machines are not judged.
    """
    import mlflow

    client = mlflow.MlflowClient()
    running = client.search_runs([experiment], "attributes.status = 'RUNNING'", max_results=1000)
    here = [r for r in running if r.data.tags.get("process", "").endswith(f"@{platform.node()}")]
    return sorted({run.info.run_name for run in here if _owner_lives(run.data.tags)})


def _owner_lives(tags: dict[str, str]) -> bool:
    import psutil

    process, _, host = tags.get("process", "").partition("@")
    if not process or host != platform.node():
        return True  # not ours to judge
    try:
        started = psutil.Process(int(process)).create_time()
    except psutil.NoSuchProcess:
        return False
    return abs(started - float(tags.get("process_started", started))) < 1
