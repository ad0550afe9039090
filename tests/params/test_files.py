"""Every file under params/ and every parameters cell agree with the schemas."""

import ast
import re

import nbformat
import pytest
import yaml

from echoes_lib.params import STEPS, load_step
from echoes_lib.params.load import launch_file, profiles
from echoes_lib.workspace import PROJECT

LAUNCH = sorted((PROJECT / "params").rglob("accelerate.yaml"))
FILES = sorted(set((PROJECT / "params").rglob("*.yaml")) - set(LAUNCH))


def test_all_profiles_are_there():
    assert profiles() == ["demo", "laptop", "rtx5090", "two-gpus"]
    assert len(FILES) >= 3 * len(STEPS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_file_fits_its_schema_and_explains_itself(path):
    text = path.read_text()
    values = yaml.safe_load(text) or {}
    steps = list(STEPS) if path.stem == "common" else [path.stem]
    for step in steps:
        unknown = set(values) - set(STEPS[step].model_fields)
        assert not unknown, f"{step} does not know {unknown}"
        load_step(step, path.parent.name)
    assert text.startswith("#")
    lines = [x for x in text.splitlines() if re.match(r"[a-z_0-9]+:", x)]
    bare = [line for line in lines if "#" not in line]
    assert not bare, f"lines without their trade-off: {bare}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_file_opens_with_a_command_that_names_files_that_exist(path):
    head = "".join(x for x in path.read_text().splitlines(True) if x.startswith("#"))
    if path.stem == "common":
        assert f"echoes run --profile {path.parent.name}" in head
        return
    named = re.findall(r"(?:notebooks|params)/[\w./-]+", head)
    assert f"notebooks/{path.stem}.ipynb" in named
    assert f"params/{path.parent.name}/{path.name}" in named
    assert all((PROJECT / name).is_file() for name in named)


def test_accelerate_reads_the_launch_files_and_splits_the_base():
    from accelerate.commands.config.config_args import load_config_from_file

    assert [path.parent.name for path in LAUNCH] == ["two-gpus"]
    config = load_config_from_file(str(LAUNCH[0]))
    assert (config.distributed_type, config.num_processes) == ("FSDP", 2)
    assert config.fsdp_config["fsdp_version"] == 2
    assert str(launch_file("two-gpus")) in map(str, LAUNCH) and launch_file("demo") is None


@pytest.mark.parametrize("step", STEPS)
def test_parameters_cell_shows_the_schema_defaults(step):
    book = nbformat.read(PROJECT / "notebooks" / f"{step}.ipynb", as_version=4)
    cells = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1 and book.cells.index(cells[0]) == 1
    assert cells[0].source.startswith("# Parameters")
    shown = {
        node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cells[0].source).body
    }
    assert shown == STEPS[step]().model_dump()


@pytest.mark.parametrize("step", STEPS)
def test_notebook_is_committed_thin_and_without_outputs(step):
    book = nbformat.read(PROJECT / "notebooks" / f"{step}.ipynb", as_version=4)
    nbformat.validate(book)
    code = [c for c in book.cells if c.cell_type == "code"]
    assert len(book.cells) <= 30
    assert not any(c.outputs or c.execution_count for c in code)
    assert "papermill" not in book.metadata
    assert book.cells[0].cell_type == "markdown"
    assert max(len(c.source.splitlines()) for c in code if c is not code[0]) <= 16
    assert "class " not in "\n".join(c.source for c in code)


def test_rtx5090_is_the_seeds_table():
    train = load_step("3_train", "rtx5090")
    assert (train.base_model, train.quantization) == ("mistralai/Mistral-7B-Instruct-v0.3", "nf4")
    assert (train.double_quantization, train.dtype) == (True, "bfloat16")
    assert (train.lora_r, train.lora_alpha, train.lora_dropout) == (32, 64, 0.1)
    assert set(train.target_modules) == {
        f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")
    }
    assert (train.learning_rate, train.warmup_steps, train.max_length) == (2e-4, 100, 2048)
    assert (train.per_device_train_batch_size, train.gradient_accumulation_steps) == (4, 4)
    assert 3 <= train.stage1_epochs <= 5
