r"""Train without a notebook, on as many processes as `accelerate launch` starts.

    accelerate launch --multi_gpu --num_processes 2 -m echoes_lib.training --profile rtx5090
    accelerate launch --config_file params/two-gpus/accelerate.yaml -m echoes_lib.training \
        --profile two-gpus

Does what notebook 3_train does in its middle: reads the dataset of 1_preprocess and the best
values of 2_search, writes 3_train/, and records one MLflow run, by the first process alone.

Shape: profile, user -> adapter folder.
"""

import argparse
import sys
from pathlib import Path

from echoes_lib.errors import EchoesError
from echoes_lib.models.load import load_base
from echoes_lib.params.load import load_step
from echoes_lib.params.schema import Common
from echoes_lib.tracking import NullRun, start_step
from echoes_lib.training.duty import limits_of
from echoes_lib.training.monitor import Monitor, log_samples, open_sensors
from echoes_lib.training.stages import train_two_stages
from echoes_lib.training.team import this_team
from echoes_lib.workspace import workspace


def main() -> None:
    """Read the command line, train, and say where the adapter is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--user", default="luke")
    parser.add_argument("--values", type=Path, help="a YAML file of parameters; it wins")
    parser.add_argument("--no-run", action="store_true", help="record no MLflow run")
    given = parser.parse_args()
    try:
        train(read_params(given.profile, given.user, given.values), not given.no_run)
    except EchoesError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def read_params(profile: str, user_id: str, values: Path | None = None) -> Common:
    """Read the parameters of 3_train: the profile's, the search's best, then `values`."""
    best = workspace().step_dir(profile, user_id, "2_search") / "best.yaml"
    files = [path for path in (best, values) if path is not None and path.is_file()]
    return load_step("3_train", profile, {"user_id": user_id}, *files)


def train(params: Common, recorded: bool) -> None:
    """Train as one of the processes that were started."""
    place = workspace()
    dataset = place.step_dir(params.profile, params.user_id, "1_preprocess") / "dataset"
    output = place.step_dir(params.profile, params.user_id, "3_train")
    team = this_team()
    base = load_base(params, on="cpu" if team.is_split else None)
    run = start_step("3_train", params) if recorded and team.is_first else NullRun()
    with Monitor(open_sensors(), limits_of(params), log_samples(run)) as monitor:
        result = train_two_stages(base, dataset, params, output, run, monitor)
    run.finish()
    if team.is_first:
        print(f"validation loss {result.best_loss:.4f} nats per token, in {result.wall_s:.0f} s")


if __name__ == "__main__":
    main()
