"""What the MLflow store holds of a person: runs, versions, artifacts, traces.

A run or version counts when its dataset held what is forgotten, or when that cannot be told.
A run without a dataset of its own, such as a trial, goes by the run above it. Deleted runs
count, too: MLflow only hides them.

Shape: Wish -> Tracked.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from echoes_lib.deletion.files import Place, held_answer, read_questions, size_of
from echoes_lib.deletion.rows import Wish
from echoes_lib.registry.load import model_name
from echoes_lib.tracking.runs import PARENT
from echoes_lib.tracking.store import prepare_store
from echoes_lib.workspace import workspace

MANIFEST = "manifest.json"
MODELS, TRACES = "models", "traces"
# What of a model's folder holds no words; of the rest a note is left instead.
PLAIN = {"MLmodel", "agent.py", "conda.yaml", "python_env.yaml", "requirements.txt"}
PLAIN |= {"registered_model_meta", "forgotten.json", "figures.json", "generation.json"}


@dataclass
class Tracked:
    """What the store holds; `experiments` are the person's own, `known` are their datasets."""

    experiments: list[Any] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    versions: list[Any] = field(default_factory=list)
    artifacts: list[Place] = field(default_factory=list)
    models: list[Path] = field(default_factory=list)
    traces: dict[str, list[str]] = field(default_factory=dict)
    known: dict[str, set[int]] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)


def find_tracked(wish: Wish) -> Tracked:
    """Find what the store holds; a store that was never made holds nothing.

    Raises:
        TrackingError: the store cannot be used.
    """
    manifests = list(workspace().runs.glob(f"*/*/1_preprocess/dataset/{MANIFEST}"))
    if not (workspace().mlruns / "mlflow.db").is_file():
        return Tracked(known=read_questions(iter(manifests)))
    prepare_store()
    import mlflow
    from mlflow.entities import ViewType

    client = mlflow.MlflowClient()
    every = client.search_experiments(view_type=ViewType.ALL)
    own = [e for e in every if e.name == model_name(wish.user_id)]
    runs = _persons_runs(client, [e.experiment_id for e in every], own, wish)
    manifests += [folder / MANIFEST for run in runs if (folder := local(run.info.artifact_uri))]
    known = read_questions(iter(manifests))
    return _gather(client, wish, every, own, runs, known)


def _gather(
    client: Any, wish: Wish, every: list, own: list, runs: list, known: dict[str, set[int]]
) -> Tracked:
    above = {run.info.run_id: run for run in runs}
    marked = [run for run in runs if held_answer(wish, known, _dataset_of(run, above))]
    versions = [
        version
        for version in _pages(lambda token: client.search_model_versions(page_token=token))
        if version.name == model_name(wish.user_id) or version.tags.get("user") == wish.user_id
        if held_answer(wish, known, version.tags.get("dataset_hash"))
    ]
    kept_runs = above.keys() - {run.info.run_id for run in marked}
    kept_models = _models_of(client, own, kept_runs)
    folders = [folder for e in own if (folder := _home_of(e))]
    models = [
        path
        for folder in folders
        for path in sorted(folder.glob(f"{MODELS}/*"))
        if path.name not in kept_models
    ]
    traces = {}
    if wish.question_id is None or marked or versions:
        traces = _traces(client, every, own, {path.name for path in models})
    artifacts = [
        *_run_files(marked, wish),
        *_orphans(folders, kept_runs | {run.info.run_id for run in marked}),
        *(place for model in models for place in _model_files(model)),
    ]
    outside = [
        f"artifacts of run {run.info.run_id} lie outside of mlruns/, at {run.info.artifact_uri}"
        for run in marked
        if not local(run.info.artifact_uri)
    ]
    return Tracked(own, marked, versions, artifacts, models, traces, known, outside)


def _persons_runs(client: Any, every: list[str], own: list, wish: Wish) -> list[Any]:
    from mlflow.entities import ViewType

    homes = {e.experiment_id for e in own}
    pages = _pages(
        lambda token: client.search_runs(
            every, run_view_type=ViewType.ALL, max_results=1000, page_token=token
        )
    )
    return [
        run
        for run in pages
        if run.info.experiment_id in homes or run.data.tags.get("user") == wish.user_id
    ]


def _dataset_of(run: Any, above: dict[str, Any]) -> str | None:
    """Return the hash on a run or on the nearest run above it."""
    seen: set[str] = set()
    while run is not None and run.info.run_id not in seen:
        if "dataset_hash" in run.data.tags:
            return run.data.tags["dataset_hash"]
        seen.add(run.info.run_id)
        run = above.get(run.data.tags.get(PARENT, ""))
    return None


def _models_of(client: Any, own: list, runs: Iterable[str]) -> set[str]:
    """Return the logged models that stem from some runs."""
    runs, ids = set(runs), [e.experiment_id for e in own]
    if not (runs and ids):
        return set()
    pages = _pages(lambda token: client.search_logged_models(ids, page_token=token))
    return {model.model_id for model in pages if model.source_run_id in runs}


def _run_files(runs: list, wish: Wish) -> Iterator[Place]:
    """Yield the artifacts of runs; a manifest has ids alone and is needed to forget more."""
    for run in runs:
        folder = local(run.info.artifact_uri)
        for entry in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
            if wish.question_id is None or entry.name != MANIFEST:
                yield Place("artifact of a run", entry, size_of(entry))


def _orphans(folders: list[Path], known: set[str]) -> Iterator[Place]:
    """Yield artifacts of runs that the store no longer knows, and all of traces."""
    for folder in folders:
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            if entry.name != MODELS and entry.name not in known:
                kind = "traces" if entry.name == TRACES else "artifact of an unknown run"
                yield Place(kind, entry, size_of(entry))


def _model_files(model: Path) -> Iterator[Place]:
    for path in sorted(model.rglob("*")):
        if path.is_file() and path.name not in PLAIN:
            yield Place("part of a model", path, size_of(path))


def _traces(client: Any, every: list, own: list, models: set[str]) -> dict[str, list[str]]:
    """Return traces of the person's experiments, and of their models in others."""
    homes, found = {e.experiment_id for e in own}, {}
    for experiment in every:
        pages = _pages(
            lambda token, here=experiment.experiment_id: client.search_traces(
                locations=[here], include_spans=False, page_token=token
            )
        )
        ids = [
            trace.info.trace_id
            for trace in pages
            if experiment.experiment_id in homes
            or trace.info.trace_metadata.get("mlflow.modelId") in models
        ]
        if ids:
            found[experiment.experiment_id] = ids
    return found


def _pages(ask: Callable[[str | None], Any]) -> Iterator[Any]:
    token = None
    while True:
        page = ask(token)
        yield from page
        token = page.token
        if not token:
            return


def local(uri: str) -> Path | None:
    """Return the folder behind a URI of this home's store, None for any other place."""
    parts = urlparse(uri)
    path = Path(unquote(parts.path))
    own = parts.scheme in ("", "file") and path.is_relative_to(workspace().mlruns)
    return path if own else None


def _home_of(experiment: Any) -> Path | None:
    """Return an experiment's folder if it is one of its own below mlruns/artifacts."""
    folder, root = local(experiment.artifact_location), workspace().mlruns / "artifacts"
    return folder if folder and root in folder.parents and folder.is_dir() else None
