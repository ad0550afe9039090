"""Say whether a profile can run on this machine, and what to do if it cannot.

Looks at the machine, the libraries, the base model, the memory that 3_train would need, the
dataset and the MLflow store. Fetches nothing, loads no weights, writes nothing.

Shape: profile, user -> report {section: values}; printed as tables or JSON; exit code 0 or 1.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from echoes_lib.errors import EchoesError
from echoes_lib.models.machine import describe_machine, stack_versions
from echoes_lib.models.memory import GIB
from echoes_lib.params import load_step
from echoes_lib.params.load import launch_shards
from echoes_lib.workspace import workspace

STEP = "3_train"
LARGE = 10**9  # parameters


def examine_and_tell(profile: str, user_id: str | None, as_json: bool) -> None:
    """Examine a profile, print the report, and leave with 1 when it cannot run here."""
    report = examine(profile, user_id)
    if as_json:
        click.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        from echoes_lib.cli.doctor_tables import print_examination

        print_examination(report)
    sys.exit(0 if report["verdict"]["can_run"] else 1)


def examine(profile: str, user_id: str | None = None) -> dict[str, Any]:
    """Examine this machine for a profile.

    Args:
        profile: a folder under params/.
        user_id: whose dataset to look for; the profile's own when omitted.

    Returns:
        profile, user_id, machine, versions, choices, base, dataset, store, memory, verdict;
        sizes in bytes. `verdict` holds can_run, faults and advice, each a list of sentences.

    Raises:
        ParamsError: there is no such profile, or its values do not fit.
    """
    params = load_step(STEP, profile, {"user_id": user_id} if user_id else {})
    report: dict[str, Any] = {
        "profile": profile,
        "user_id": params.user_id,
        "machine": describe_machine(workspace().home),
        "versions": stack_versions(),
        "choices": choices(params),
    }
    report["base"], base_faults = base_state(params, report["machine"]["disk_free_bytes"])
    report["memory"], memory_faults = memory_state(params) if report["base"] else (None, [])
    report["store"], store_faults = store_state(workspace().mlruns / "mlflow.db")
    report["dataset"] = dataset_state(profile, params.user_id)
    faults = [*library_faults(params, report), *base_faults, *memory_faults, *store_faults]
    faults += gpu_faults(profile, report) + host_faults(report)
    report["verdict"] = {
        "can_run": not faults,
        "faults": faults,
        "advice": advice(params, report) if not faults else [],
    }
    return report


def choices(params: Any) -> dict[str, Any]:
    """Say which device, dtype and attention this machine would use, and why."""
    from echoes_lib.models.hardware import choose_attention, choose_dtype, device

    dtype, dtype_reason = choose_dtype(params.dtype)
    attention, attention_reason = choose_attention(params.attention, dtype)
    return {
        "device": device(),
        "dtype": str(dtype).removeprefix("torch."),
        "dtype_reason": dtype_reason,
        "attention": attention,
        "attention_reason": attention_reason,
        "quantization": params.quantization,
    }


def library_faults(params: Any, report: dict[str, Any]) -> list[str]:
    """Name the libraries that the profile asks for and that are not there."""
    versions, faults = report["versions"], []
    if params.quantization != "none" and not versions["bitsandbytes"]:
        faults.append(
            f"quantization={params.quantization} needs bitsandbytes, which is not installed: "
            "pip install -e '.[gpu]', or set quantization: none"
        )
    if params.attention == "flash_attention_2" and not versions["flash-attn"]:
        faults.append(
            "attention=flash_attention_2 needs flash-attn, which is not installed: follow "
            "docs/gpu.md, or set attention: auto"
        )
    return faults


def gpu_faults(profile: str, report: dict[str, Any]) -> list[str]:
    """Say when a profile is split over more GPUs than there are."""
    wanted, there = launch_shards(profile), len(report["machine"]["gpus"])
    if wanted == 1 or report["choices"]["device"] != "cuda" or wanted <= there:
        return []
    return [
        f"num_processes={wanted} in params/{profile}/accelerate.yaml, and there are {there} GPUs: "
        "lower it, or choose a profile for one GPU"
    ]


def host_faults(report: dict[str, Any]) -> list[str]:
    """Say when the processes of a split base cannot all load it first: each does so whole."""
    memory, there = report["memory"], report["machine"]["memory_free_bytes"]
    if not memory or memory["shards"] == 1 or memory["loading"] <= there:
        return []
    return [
        f"{memory['shards']} processes load the base one beside the other, which takes "
        f"{memory['loading'] / GIB:.1f} GiB of the machine's memory, and {there / GIB:.1f} GiB are "
        "free: free some, or choose a smaller base_model"
    ]


def base_state(params: Any, disk_free: int) -> tuple[dict[str, Any] | None, list[str]]:
    """Say whether the base is here, without fetching it."""
    from echoes_lib.models.plan import download_bytes, find_presence

    try:
        found = find_presence(params)
    except EchoesError as error:
        return None, [str(error)]
    faults = []
    if found.fault:
        faults.append(
            f"{found.fault}: fetch it once with `hf download`, or use base_model: seedling"
        )
    size = download_bytes(found.shape) if found.shape else None
    if not found.here and size and size > disk_free:
        faults.append(
            f"base_model={params.base_model} takes {size / GIB:.1f} GiB and the disk has "
            f"{disk_free / GIB:.1f} GiB free: free some, or choose a smaller base_model"
        )
    return {
        "name": params.base_model,
        "place": found.place,
        "here": found.here,
        "note": found.note,
        "parameters": found.shape.parameters if found.shape else None,
    }, faults


def memory_state(params: Any) -> tuple[dict[str, Any] | None, list[str]]:
    """Plan the memory of the profile's training on this machine."""
    from dataclasses import asdict

    from echoes_lib.models.memory import base_bytes, way_out
    from echoes_lib.models.plan import (
        find_presence,
        forecast_training,
        largest_batch,
        setup_of,
    )

    shards = launch_shards(params.profile)
    try:
        plan = forecast_training(params, shards=shards)
    except EchoesError as error:
        return None, [str(error)]
    setup = setup_of(params, shards)
    batch = largest_batch(params, setup)
    derived = {"training": plan.training, "allocated": plan.allocated, "peak": plan.peak}
    derived |= {"fits": plan.fits, "tokens": batch.tokens, "longest": batch.longest}
    whole = sum(base_bytes(find_presence(params).shape, setup_of(params)))
    derived |= {"shards": shards, "loading": shards * whole}
    return {**asdict(plan), **derived}, [] if plan.fits else [way_out(plan, setup, batch)]


def store_state(database: Path) -> tuple[str, list[str]]:
    """Say whether the MLflow store can be used; makes none."""
    if not database.is_file():
        return "not made yet: the first run makes it", []
    from echoes_lib.tracking.store import check_version

    try:
        check_version(database)
    except EchoesError as error:
        return "cannot be used", [str(error)]
    return f"good, {database.stat().st_size / 2**20:.1f} MiB", []


def dataset_state(profile: str, user_id: str) -> str:
    """Say whether 1_preprocess has made the dataset that 3_train reads."""
    folder = workspace().step_dir(profile, user_id, "1_preprocess")
    if any(folder.rglob("manifest.json")):
        return "made"
    return f"not made yet: `echoes run --profile {profile}` makes it first"


def advice(params: Any, report: dict[str, Any]) -> list[str]:
    """Say what would make a profile that can run do so better, and what comes next."""
    found, memory, device = [], report["memory"], report["choices"]["device"]
    if device == "cuda" and not report["versions"]["flash-attn"]:
        found.append("flash-attn would save time on this GPU: docs/gpu.md says how")
    if device == "cpu" and (report["base"]["parameters"] or 0) > LARGE:
        found.append("on a CPU a base of this size trains for days: use a GPU, or the profile demo")
    roomy = memory and memory["available"] > 2 * memory["peak"]
    if roomy and params.gradient_checkpointing is True:
        found.append("gradient_checkpointing: auto is faster, and there is memory for it")
    return [*found, f"next: echoes run --profile {params.profile} --user {params.user_id}"]
