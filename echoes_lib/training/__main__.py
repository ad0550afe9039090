"""Train without a notebook, on as many processes as `accelerate launch` starts.

    accelerate launch --multi_gpu --num_processes 2 -m echoes_lib.training --profile rtx5090

Does what notebook 3_train does in its middle: reads the dataset of 1_preprocess and the best
values of 2_search, writes 3_train/, and records one MLflow run, by the first process alone.

Shape: profile, user -> adapter folder.
"""

import argparse

from echoes_lib.models.load import load_base
from echoes_lib.params.load import load_step
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
    given = parser.parse_args()
    place, user = workspace(), {"user_id": given.user}
    best = place.step_dir(given.profile, given.user, "2_search") / "best.yaml"
    files = [best] if best.is_file() else []
    params = load_step("3_train", given.profile, user, *files)
    dataset = place.step_dir(given.profile, given.user, "1_preprocess") / "dataset"
    output = place.step_dir(given.profile, given.user, "3_train")
    first = this_team().is_first
    run = start_step("3_train", params) if first else NullRun()
    with Monitor(open_sensors(), limits_of(params), log_samples(run)) as monitor:
        result = train_two_stages(load_base(params), dataset, params, output, run, monitor)
    run.finish()
    if first:
        print(f"validation loss {result.best_loss:.4f} nats per token, in {result.wall_s:.0f} s")


if __name__ == "__main__":
    main()
