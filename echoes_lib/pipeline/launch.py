"""Train on several processes before notebook 3 shows the result, where a profile asks for it.

A notebook is one process with one kernel. A profile with a file `accelerate.yaml` is trained by
`accelerate launch`; notebook 3 then finds the training finished, and goes on from there.

Shape: TrainParams -> 3_train/adapter/ and history.json, written by the processes.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from echoes_lib.errors import StepFailed
from echoes_lib.params import Common
from echoes_lib.params.load import launch_file
from echoes_lib.pipeline.execute import POLITE, environment_set
from echoes_lib.workspace import workspace, write_text

MARK = "error: "  # before what the project itself says of a failure; the rest stays in the log


def launch_training(params: Common, environment: Mapping[str, str]) -> None:
    """Train a profile on the processes of its `accelerate.yaml`; without one, do nothing.

    Args:
        params: TrainParams.
        environment: variables for the processes, such as where progress is told.

    Raises:
        StepFailed: a process failed; its words are in 3_train/launch.log.
    """
    config = launch_file(params.profile)
    if config is None:
        return
    folder = workspace().step_dir(params.profile, params.user_id, "3_train")
    values, log = folder / "values.yaml", folder / "launch.log"
    write_text(values, yaml.safe_dump(params.model_dump(mode="json")))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
    command += ["-m", "echoes_lib.training", "--profile", params.profile]
    command += ["--user", params.user_id, "--values", str(values), "--no-run"]
    with environment_set({**POLITE, **environment}), log.open("w") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise StepFailed(f"3_train: {_reason(log)}")
    for path in (values, log):
        path.unlink()


def _reason(log: Path) -> str:
    said = [line for line in log.read_text(errors="replace").splitlines() if MARK in line]
    if said:
        return said[0].partition(MARK)[2]
    shown = "/".join(log.parts[-2:])
    return f"the processes of accelerate.yaml failed; what they said is in {shown}"
