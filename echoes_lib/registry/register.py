"""Make a model version of an echo, try it, and let the gates decide what it is called.

    log the model to the run -> version of echo-<user_id>, @challenger
    -> load it back and ask it the smoke question -> gates -> @champion, or it stays

Nothing here trains or scores. A version is never overwritten, only its aliases move.

Shape: adapter folder, Scores, params, run -> Registered.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from echoes_lib.chat.opening import read_info
from echoes_lib.errors import DataError
from echoes_lib.evaluation.compare import Scores
from echoes_lib.params import RegisterParams
from echoes_lib.progress import report
from echoes_lib.registry.card import write_card
from echoes_lib.registry.gates import (
    Figures,
    Gate,
    check_gates,
    figures_of,
    read_figures,
    smoke_gate,
)
from echoes_lib.registry.load import model_name
from echoes_lib.registry.package import log_model
from echoes_lib.tracking import Run
from echoes_lib.tracking.store import prepare_store
from echoes_lib.workspace import write_text

CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Registered:
    """A registered version; fields up to `model_uri` are those of registered.json."""

    name: str
    version: str
    aliases: list[str]
    gates: list[Gate]
    model_uri: str
    card: str = field(repr=False, default="")

    @property
    def is_champion(self) -> bool:
        """Whether all gates passed."""
        return CHAMPION in self.aliases


def register(adapter_dir: Path, scores: Scores, params: RegisterParams, run: Run) -> Registered:
    """Register an echo and promote it if it passes all gates.

    Args:
        adapter_dir: PEFT files and echo.json, from 3_train.
        scores: of this echo, from 4_evaluate.
        params: the gates' limits, the smoke question, how replies are sampled by default.
        run: the run that the version belongs to; gets the gates as metrics.

    Returns:
        The version, its aliases, the gates with reasons and the model card.

    Raises:
        ModelError: the adapter folder is not complete.
        DataError: adapter and scores stem from different datasets.
    """
    import mlflow

    prepare_store()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    info = read_info(adapter_dir)
    _check_same_dataset(info, scores)
    name, client, new = model_name(params.user_id), mlflow.MlflowClient(), figures_of(scores)
    champion = present_champion(client, name)
    gates = check_gates(
        new, champion and read_version(champion), champion and champion.version, params
    )
    report(1, 4, "saving the model")
    uri = log_model(adapter_dir, info, new, params, run)
    version = _new_version(uri, name, version_tags(info, scores, params, run))
    client.set_registered_model_alias(name, CHALLENGER, version)
    report(2, 4, "asking the registered model")
    gates.append(_ask(f"models:/{name}@{CHALLENGER}", params))
    report(3, 4, "moving aliases")
    aliases = _decide(client, name, version, gates, champion)
    card = write_card(info, scores, gates)
    client.update_model_version(name, version, card)
    _record(run, name, version, gates, scores.dataset_hash)
    return Registered(name, version, aliases, gates, f"models:/{name}/{version}", card)


def write_registered(result: Registered, folder: Path) -> Path:
    """Write registered.json and model_card.md into a step's folder, emptied before.

    Returns:
        `folder`.
    """
    shutil.rmtree(folder, ignore_errors=True)
    kept = {name: value for name, value in asdict(result).items() if name != "card"}
    write_text(folder / "registered.json", json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "model_card.md", result.card)
    return folder


def version_tags(
    info: Mapping[str, Any], scores: Scores, params: RegisterParams, run: Run
) -> dict[str, str]:
    """Return what a version is found and compared by."""
    from echoes_lib.tracking.runs import git_commit

    digest = hashlib.sha256(params.model_dump_json().encode()).hexdigest()
    return {
        "user": params.user_id,
        "dataset_hash": scores.dataset_hash,
        "base_model": info["base_model"],
        "base_revision": info.get("base_revision") or "",
        "params_hash": digest,
        "profile": params.profile,
        "git_commit": git_commit(),
        "run_id": run.run_id or "",
        **{
            f"score.{n}": f"{v:.6f}"
            for n, v in scores.metrics().items()
            if n.startswith(("base_", "echo_"))
        },
    }


def present_champion(client: Any, name: str) -> Any | None:
    """Return MLflow's version that is @champion, None when there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        return None


def read_version(version: Any) -> Figures:
    """Read the figures that a version keeps."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        found = mlflow.artifacts.download_artifacts(
            f"models:/{version.name}/{version.version}/artifacts/facts/figures.json",
            dst_path=folder,
        )
        return read_figures(Path(found))


def _check_same_dataset(info: Mapping[str, Any], scores: Scores) -> None:
    trained = info.get("dataset_hash", "")
    if trained != scores.dataset_hash:
        raise DataError(
            f"the adapter was trained on dataset {trained[:12]}, but scored on "
            f"{scores.dataset_hash[:12]}: run 3_train and 4_evaluate again"
        )


def _new_version(uri: str, name: str, tags: Mapping[str, str]) -> str:
    import mlflow

    return str(mlflow.register_model(uri, name, tags=dict(tags)).version)


def _ask(uri: str, params: RegisterParams) -> Gate:
    """Load the version as any user would and see whether the echo answers."""
    import mlflow

    model = mlflow.pyfunc.load_model(uri, suppress_warnings=True)
    answer = model.predict(
        {
            "input": [{"role": "user", "content": params.smoke_question}],
            "custom_inputs": {"seed": params.seed},
        }
    )
    text = "".join(part["text"] for item in answer["output"] for part in item["content"])
    return smoke_gate(text, answer["custom_outputs"]["served_by"])


def _decide(
    client: Any, name: str, version: str, gates: Sequence[Gate], champion: Any | None
) -> list[str]:
    """Write the gates on the version and move the aliases; return those it holds."""
    for gate in gates:
        verdict = "passed" if gate.passed else "failed"
        client.set_model_version_tag(
            name, version, f"gate.{gate.gate}", f"{verdict}: {gate.reason}"
        )
    if not all(gate.passed for gate in gates):
        return [CHALLENGER]
    client.set_registered_model_alias(name, CHAMPION, version)
    client.delete_registered_model_alias(name, CHALLENGER)
    if champion is not None:
        client.set_model_version_tag(name, champion.version, "champion_until", f"v{version}")
    return [CHAMPION]


def _record(run: Run, name: str, version: str, gates: Sequence[Gate], dataset_hash: str) -> None:
    run.set_tags(
        {
            "registered_model": name,
            "registered_version": version,
            "dataset_hash": dataset_hash,
        }
    )
    run.log_metrics({f"gate_{gate.gate}": float(gate.passed) for gate in gates})
    run.log_table([asdict(gate) for gate in gates], "gates.json")
