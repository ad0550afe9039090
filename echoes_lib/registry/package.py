"""Log the echo's agent to a run as an MLflow model, with all it needs to answer.

What lies inside: the agent's code, the adapter, figures to be compared by, the settings for
replies, and the base if it is small. No text of the person's. Makes no version and moves no
alias (`register`).

Shape: adapter folder, figures, params, run -> URI of the logged model.
"""

import importlib.metadata
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echoes_lib.chat.opening import base_params
from echoes_lib.models.find import resolve_base
from echoes_lib.params import RegisterParams
from echoes_lib.registry.gates import Figures
from echoes_lib.registry.load import model_name
from echoes_lib.tracking import Run
from echoes_lib.workspace import write_text

SELF_CONTAINED_BYTES = 100 * 2**20
REQUIREMENTS = ("echoes-of-me", "mlflow", "torch", "transformers", "peft", "accelerate", "pydantic")
AGENT = Path(__file__).with_name("agent.py")
# MLflow runs the agent once while saving it, on this; a few tokens are proof enough.
EXAMPLE = {"input": [{"role": "user", "content": "Hello!"}], "max_output_tokens": 8}


def log_model(
    adapter_dir: Path, info: Mapping[str, Any], figures: Figures, params: RegisterParams, run: Run
) -> str:
    """Log the agent with its artifacts to the run.

    Requirements are named, not inferred (that would start a process and import everything
    again), and the example is MLflow's own greeting: no text of the person's leaves 3_train.

    Returns:
        URI of the logged model, `models:/m-…`.
    """
    import mlflow

    run_id = run.run_id or _own_run(params)
    with tempfile.TemporaryDirectory() as folder:
        facts = Path(folder) / "facts"
        write_text(facts / "figures.json", figures.to_json())
        write_text(facts / "generation.json", params.generation.model_dump_json())
        artifacts = {"adapter": str(adapter_dir), "facts": str(facts)}
        base = small_base(info)
        logged = mlflow.models.Model.log(
            artifact_path=None,
            model_id=_model_of(run_id),
            flavor=mlflow.pyfunc,
            run_id=run_id,
            python_model=str(AGENT),
            artifacts=artifacts | ({"base": str(base)} if base else {}),
            pip_requirements=pip_requirements(info),
            input_example=EXAMPLE,
        )
    return logged.model_uri


def small_base(info: Mapping[str, Any]) -> Path | None:
    """Return the base's folder if it is local and small enough to lie inside the model."""
    place = resolve_base(base_params(info).base_model)
    if not isinstance(place, Path):
        return None
    size = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())
    return place if size < SELF_CONTAINED_BYTES else None


def pip_requirements(info: Mapping[str, Any]) -> list[str]:
    """Name what the model needs, in the versions that are installed here."""
    needed = [*REQUIREMENTS]
    if info.get("quantization", "none") != "none":
        needed.append("bitsandbytes")
    # A local build such as 2.13.0+cpu is nowhere to be downloaded under that name.
    return [f"{p}=={importlib.metadata.version(p).partition('+')[0]}" for p in needed]


def _model_of(run_id: str) -> str:
    """Open a logged model in the run's own experiment; MLflow would take the default one."""
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    return client.create_logged_model(experiment, name="echo", source_run_id=run_id).model_id


def _own_run(params: RegisterParams) -> str:
    """Open and end a run for a caller that tracks nothing: a model needs a place to lie at."""
    from echoes_lib.tracking.runs import create_run, step_tags
    from echoes_lib.tracking.store import experiment_id

    experiment = experiment_id(model_name(params.user_id))
    run = create_run(experiment, "5_register", step_tags("5_register", params))
    run.end("FINISHED")
    return run.run_id
