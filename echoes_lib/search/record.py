"""Write down what a search found: the best parameters as a params file, all trials as JSON.

Shape: Optuna study -> rows; rows -> best.yaml (usable with `-f`), trials.json.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from echoes_lib.workspace import write_text


def trial_rows(study: Any) -> list[dict[str, Any]]:
    """Return one row per trial: number, state, value, train_params, error, curve, seconds."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name,
            "value": trial.value if trial.state.name == "COMPLETE" else None,
            "train_params": trial.user_attrs.get("train_params", {}),
            "error": trial.user_attrs.get("error"),
            "curve": sorted(trial.intermediate_values.items()),
            "duration_s": trial.duration.total_seconds() if trial.duration else None,
        }
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished()
    ]


def write_trials(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write all trials as JSON."""
    return write_text(path, json.dumps(list(rows), indent=1) + "\n")


def write_best(path: Path, best: Mapping[str, Any], params: Any) -> Path:
    """Write the best trial's parameters as a file for notebook 3_train.

    Args:
        path: best.yaml in the step's folder.
        best: a row of `trial_rows`.
        params: SearchParams, for the command in the opening comment.

    Returns:
        `path`.
    """
    profile = params.profile
    return write_text(
        path,
        "# The best parameters of the search, for notebook 3_train (later files win):\n"
        "#   papermill notebooks/3_train.ipynb out.ipynb \\\n"
        f"#     -f params/{profile}/common.yaml -f params/{profile}/3_train.yaml \\\n"
        f"#     -f runs/{profile}/{params.user_id}/2_search/best.yaml\n"
        f"# Trial {best['number']}: validation loss {best['value']:.4f} nats per token\n"
        + "".join(f"{name}: {_number(value)}\n" for name, value in best["train_params"].items()),
    )


def _number(value: float) -> str:
    # Never 1e-4: papermill reads that as a string.
    if isinstance(value, int):
        return str(value)
    text = f"{value:.10f}".rstrip("0")
    return text + "0" if text.endswith(".") else text
