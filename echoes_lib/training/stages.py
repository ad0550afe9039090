"""Train an echo in two stages and leave an adapter folder.

Stage 1 learns the voice from four fifths of the examples; stage 2 goes on from the best of
stage 1, more slowly, on the most specific memories. Both are `fit` with other settings, and
each may end where it began, so stage 2 never makes the validation loss worse. Stage 2 may repeat
a share of stage 1, so that the memories do not push the voice out.

A training that was killed goes on from its last checkpoint and ends with the same weights; one
that is finished is not done again.

Does not choose parameters (see `search/`) and does not look at the test split.

Shape: base + dataset folder + parameters -> 3_train/adapter/, 3_train/history.json, TrainResult.
"""

import time
from pathlib import Path
from typing import Any

from echoes_lib.code import code_hash
from echoes_lib.errors import ModelError
from echoes_lib.models.adapters import new_adapter, save_echo
from echoes_lib.models.load import Base
from echoes_lib.models.memory import Plan as MemoryPlan
from echoes_lib.models.padding import padded_batches
from echoes_lib.models.peak import PeakMemory, compare
from echoes_lib.models.plan import forecast_training
from echoes_lib.models.render import Encoded
from echoes_lib.training.card import echo_card, write_history
from echoes_lib.training.course import Course, tell
from echoes_lib.training.dataset import TrainingData, load_training_data, record_data
from echoes_lib.training.keeper import Keeper, fingerprint
from echoes_lib.training.lock import training_lock
from echoes_lib.training.pace import Pace
from echoes_lib.training.result import HISTORY, TrainResult, find_result
from echoes_lib.training.shards import split
from echoes_lib.training.team import this_team

# What changes speed, safety or where things lie, and never the weights.
NO_MATTER = {"profile", "user_id", "database_url", "checkpoint_interval_s"}


def train_two_stages(
    base: Base,
    dataset_dir: Path,
    params: Any,
    output_dir: Path,
    run: Any,
    pace: Pace | None = None,
) -> TrainResult:
    """Train a person's adapter on a base; go on where a killed training of the same stopped.

    Args:
        base: carries no adapter; afterwards it carries the trained one.
        dataset_dir: what 1_preprocess wrote.
        params: TrainParams.
        output_dir: receives `adapter/` and `history.json`; of what else is there, nothing is
            touched.
        run: a tracking Run, or NullRun; receives the curves as stage1/loss and so on.
        pace: what may slow or stop the training between steps; full speed when omitted.

    Returns:
        Curves, counts, sizes and the model with the kept weights.

    Raises:
        DataError: the dataset is missing, damaged or empty.
        ModelError: target modules or masks do not fit the base, or the loss is not a number.
        TrainingBusy: another process trains into this folder.
        CannotWrite: the disk is full or read-only; the last checkpoint stays.
    """
    output = Path(output_dir)
    with training_lock(output):
        data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
        record_data(data, dataset_dir, run)
        mark = _mark(base, data, params)
        result = find_result(base, output, mark, data.counts())
        if result is not None:
            run.set_tags({"trained_before": "true"})
            for name, fitted in result.stages.items():
                tell(name, fitted, run)
        else:
            result = _train(base, data, params, output, run, pace or Pace(), mark)
    run.log_metrics({"validation_loss": result.best_loss, "train_wall_s": result.wall_s})
    return result


def _train(
    base: Base, data: TrainingData, params: Any, output: Path, run: Any, pace: Pace, mark: str
) -> TrainResult:
    began = time.perf_counter()
    keeper = Keeper(output, mark, params.checkpoint_interval_s)
    model = new_adapter(base.model, params, first_look(data.stage1, params))
    if this_team().is_split:
        split(model, base.info["device"])
    count, plan = recomputed_layers(params, run)
    with PeakMemory(base.info["device"]) as peak:
        stages = Course(model, base.tokenizer, data, params, run, keeper, pace, count).go()
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    seconds = time.perf_counter() - began
    adapter_dir = output / "adapter"
    if this_team().is_first:
        card = echo_card(base, data, params, stages)
        card["training"] |= {"trainable_parameters": weights, "wall_s": seconds}
        card["training"]["fingerprint"] = mark
        write_history(output / HISTORY, stages)
        save_echo(model, adapter_dir, card)
        keeper.remove()
    this_team().wait()
    if plan is not None:
        run.log_metrics(compare(plan, peak.measured))
    return TrainResult(adapter_dir, model, stages, data.counts(), weights, seconds)


def first_look(examples: list[Encoded], params: Any) -> list[dict[str, Any]] | None:
    """Return batches for an initialisation that looks at the data; None where none does."""
    return padded_batches(examples) if params.init_lora_weights == "eva" else None


def recomputed_layers(params: Any, run: Any) -> tuple[int, MemoryPlan | None]:
    """Plan the memory, tell the run, and return how many layers are recomputed.

    Returns:
        The count, -1 for all; and the plan, None for a base whose shape cannot be planned.
    """
    try:
        team = this_team()
        plan = forecast_training(params, shards=team.size if team.is_split else 1)
    except ModelError:
        return (-1 if params.gradient_checkpointing is True else 0), None
    run.log_params(plan.as_params())
    return plan.checkpointed_layers, plan


def _mark(base: Base, data: TrainingData, params: Any) -> str:
    deciding = params.model_dump(mode="json", exclude=NO_MATTER)
    return fingerprint(
        dataset=data.manifest["dataset_hash"],
        params=deciding,
        base=base.info,
        code=code_hash(("models", "training")),
    )
