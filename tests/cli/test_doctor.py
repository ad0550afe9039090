"""`echoes doctor` on this machine: what it says, its exit codes, and that it leaves no trace."""

import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from echoes_lib.cli import main
from echoes_lib.cli.doctor import examine, gpu_faults, host_faults, library_faults
from echoes_lib.cli.doctor_tables import machine_facts, memory_table
from echoes_lib.params import TrainParams
from echoes_lib.tracking.store import prepare_store
from tests.pipeline.project import make_project

SECTIONS = {"profile", "user_id", "machine", "versions", "choices", "base", "dataset", "store"}


def told(*arguments):
    result = CliRunner().invoke(main, ["doctor", *arguments])
    assert "Traceback" not in result.output + result.stderr
    return result


def test_the_demo_can_run_and_the_command_says_so_and_writes_nothing(home):
    result = told()
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    for part in (
        "seedling: complete, 4.2M parameters",
        "float32 (asked for: dtype=float32)",
        "sdpa (flash_attention_2 needs a CUDA GPU",
        "not made yet: `echoes run --profile demo` makes it first",
        "layers that recompute activations 0 of 4",
        "predicted, not measured",
        "This profile can run here",
        "next: echoes run --profile demo --user luke",
    ):
        assert part in text, part
    assert list(home.iterdir()) == []


def test_as_json_with_another_user(home):
    result = told("--json", "--user", "agnes")
    report = json.loads(result.stdout)
    assert SECTIONS | {"memory", "verdict"} == set(report)
    assert report["user_id"] == "agnes" and report["verdict"]["can_run"]
    memory = report["memory"]
    assert memory["peak"] == memory["allocated"] + memory["slack"] + memory["process"]
    assert report["machine"]["cores"] >= 1 and report["versions"]["torch"]


def test_a_base_that_cannot_be_fetched_is_planned_and_refused(home):
    result = told("--profile", "laptop")
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "This profile cannot run here" in text
    assert "is not in the cache and HF_HUB_OFFLINE is set: fetch it once" in text
    assert "Memory plan of 3_train" in text and "361.8M parameters" in text


def test_a_base_that_is_split_over_more_gpus_than_there_are(home):
    report = json.loads(told("--profile", "two-gpus", "--json").stdout)
    assert report["memory"]["shards"] == 2
    assert "processes that share the base" in told("--profile", "two-gpus").output
    report["choices"]["device"] = "cuda"
    assert "num_processes=2" in gpu_faults("two-gpus", report)[0]
    report["machine"]["gpus"] = [{}, {}]
    assert gpu_faults("two-gpus", report) == []
    report["machine"]["memory_free_bytes"] = 24 << 30  # each process loads 17 GiB
    assert "2 processes load the base one beside the other" in host_faults(report)[0]
    report["machine"]["memory_free_bytes"] = 48 << 30
    assert host_faults(report) == []


def test_a_profile_that_asks_for_too_much_is_refused_with_the_way_out(home, tmp_path, monkeypatch):
    project = make_project(tmp_path / "project")
    step = project / "params" / "demo" / "3_train.yaml"
    step.write_text("max_tokens_per_pass: 4000000000\nmax_length: 1024\n")
    monkeypatch.setenv("ECHOES_PROJECT", str(project))
    result = told()
    assert result.exit_code == 1
    assert "with 4 of 4 layers checkpointed" in result.output
    assert "lower the 4000000000 tokens" in result.output


def test_a_base_that_is_nowhere_and_a_profile_that_is_none(home, tmp_path, monkeypatch):
    project = make_project(tmp_path / "project")
    (project / "params" / "demo" / "common.yaml").write_text("base_model: /nowhere\n")
    monkeypatch.setenv("ECHOES_PROJECT", str(project))
    result = told()
    assert result.exit_code == 1 and "there is no such folder" in result.output
    result = told("--profile", "huge")
    assert result.exit_code == 1 and "'huge' is not one of demo" in result.stderr


def test_the_store_is_looked_at_and_a_broken_one_is_a_fault(home):
    prepare_store()
    assert examine("demo")["store"].startswith("good, ")
    (home / "mlruns" / "mlflow.db").write_text("no database at all, but long enough to be one")
    report = examine("demo")
    assert report["store"] == "cannot be used"
    assert "is not an MLflow store" in report["verdict"]["faults"][0]


@pytest.mark.parametrize(
    ("changes", "missing", "message"),
    [
        ({"quantization": "nf4"}, "bitsandbytes", "needs bitsandbytes, which is not installed"),
        ({"attention": "flash_attention_2"}, "flash-attn", "set attention: auto"),
    ],
)
def test_libraries_that_are_asked_for_and_missing(changes, missing, message):
    versions = {"bitsandbytes": "0.50.2", "flash-attn": "2.8", missing: None}
    assert message in library_faults(TrainParams(**changes), {"versions": versions})[0]
    versions[missing] = "1.0"
    assert library_faults(TrainParams(**changes), {"versions": versions}) == []


def test_tables_are_readable_at_eighty_columns(home):
    report = examine("demo")
    console = Console(width=80, record=True, file=None, highlight=False)
    with console.capture() as caught:
        console.print(memory_table(report["memory"]))
    lines = caught.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(
        "peak" in line and f"{report['memory']['peak'] / 2**20:,.1f}" in line for line in lines
    )


def test_a_card_is_described(home):
    card = {"name": "Card X", "memory_bytes": 24 << 30, "memory_free_bytes": 20 << 30}
    machine = {**examine("demo")["machine"], "gpus": [{**card, "driver": "590.1"}], "gpu_note": ""}
    assert ("GPU", "Card X, 20.0 of 24.0 GiB free, driver 590.1") in machine_facts(machine)
