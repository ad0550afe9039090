"""Parameters are read from files, -p and notebooks; every fault is reported, at once."""

import pytest

from echoes_lib.errors import ParamsError
from echoes_lib.params import STEPS, TrainParams, load_step, read_notebook
from echoes_lib.params.load import parameter_names, validate


def test_later_sources_win(tmp_path):
    best = tmp_path / "best.yaml"
    best.write_text("lora_r: 24\nlearning_rate: 0.003\n")
    params = load_step("3_train", "demo", {"learning_rate": 1e-4}, best)
    assert (params.lora_r, params.learning_rate) == (24, 1e-4)
    assert params.profile == "demo"


def test_scientific_notation_that_yaml_reads_as_text_is_a_number():
    assert load_step("3_train", "demo", {"learning_rate": "1e-4"}).learning_rate == 1e-4


def test_all_faults_at_once_with_value_reason_and_hint():
    with pytest.raises(ParamsError) as caught:
        load_step("3_train", "demo", {"lora_rr": 8, "learning_rate": "fast", "lora_r": 0})
    message = str(caught.value)
    assert "3 fault(s)" in message
    assert "lora_rr is not a parameter of this notebook (from the command line (-p))" in message
    assert "did you mean lora_r?" in message
    assert "learning_rate='fast': it should be a valid number" in message
    assert "lora_r=0: it should be greater than or equal to 1" in message


def test_a_fault_in_a_file_names_the_file(tmp_path):
    extra = tmp_path / "mine.yaml"
    extra.write_text("lora_dropout: 1.5\n")
    with pytest.raises(ParamsError, match=r"lora_dropout=1.5.*less than 1 \(from mine.yaml\)"):
        load_step("3_train", "demo", {}, extra)


@pytest.mark.parametrize("text", ["just words", "- a\n- b\n", "a: [1\n"])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(ParamsError, match=r"broken\.yaml"):
        load_step("3_train", "demo", {}, path)


def test_unknown_profile_names_those_there_are():
    with pytest.raises(ParamsError, match="'rtx4090' is not one of demo, laptop, rtx5090"):
        load_step("3_train", "rtx4090")


def test_ratios_that_leave_nothing_are_refused():
    with pytest.raises(ParamsError, match=r"test_ratio \+ validation_ratio must be below 1"):
        load_step("1_preprocess", "demo", {"test_ratio": 0.6, "validation_ratio": 0.5})


@pytest.mark.parametrize("step", STEPS)
def test_unknown_names_are_faults_in_every_step(step):
    with pytest.raises(ParamsError, match="no_such_thing is not a parameter"):
        validate(STEPS[step], {"no_such_thing": 1})


def test_read_notebook_takes_the_injected_values_and_nothing_else():
    cells = ["", "# Parameters\nlora_r = 16\nseed = 7", "# Parameters\nlora_r = 8", "import os"]
    names = {"In": cells, "lora_r": 8, "seed": 7, "os": object(), "rows": [1]}
    params = read_notebook("3_train", names)
    assert params == TrainParams(lora_r=8)


def test_read_notebook_refuses_a_name_that_papermill_would_only_warn_about():
    cells = ["# Parameters\nlora_r = 16", "# Parameters\nlora_rank = 8"]
    with pytest.raises(ParamsError, match="lora_rank is not a parameter"):
        read_notebook("3_train", {"In": cells, "lora_r": 16, "lora_rank": 8})


def test_an_edited_and_rerun_parameters_cell_replaces_its_older_self():
    cells = ["# Parameters\nlora_rr = 16", "x = 1", "# Parameters\nlora_r = 16", "y = 2"]
    assert parameter_names(cells) == ["lora_r"]
