"""Exports of a trained miniature: they answer as the echo did, or nothing is written."""

import contextlib
import io
import json
import shutil

import mlflow
import pytest
import torch
from click.testing import CliRunner
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from echoes_lib.chat.opening import TOMBSTONE
from echoes_lib.cli import main
from echoes_lib.errors import CannotWrite, DataError, Forgotten, ModelError
from echoes_lib.models.adapters import load_echo, new_adapter, save_echo
from echoes_lib.models.load import load_base
from echoes_lib.models.merge import merge, merged_bytes
from echoes_lib.params import TrainParams
from echoes_lib.registry import export as export_module
from echoes_lib.registry.export import Order, export_echo
from echoes_lib.registry.load import FORGOTTEN_ON
from echoes_lib.tracking import NullRun
from echoes_lib.tracking.store import experiment_id, prepare_store
from echoes_lib.training.stages import train_two_stages
from tests.models.tiny import make_tiny_base
from tests.reflections.disks import tiny_disk
from tests.training.data import make_dataset

__all__ = ["tiny_disk"]
IDS = torch.tensor([[1, 3, 40, 41, 4, 60, 70]])
KINDS = {
    "plain": {},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa", "use_rslora": True, "lora_alpha": 8},
    "nf4": {"quantization": "nf4"},
    "nf4 and dora": {"quantization": "nf4", "use_dora": True},
    "int8": {"quantization": "int8"},
}
# int8 rounds what goes into a layer, too, which no merged weights can show.
NEAR = {"int8": (0.05, 0.02)}


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory):
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("data") / "dataset")


@pytest.fixture(scope="module")
def train(base_dir, dataset, tmp_path_factory):
    """Return a function that trains each kind once and gives its adapter's folder."""
    made = {}

    def trained(kind="plain"):
        if "quantization" in KINDS[kind]:
            pytest.importorskip("bitsandbytes")
        if kind not in made:
            fields = {"lora_r": 8, "lora_alpha": 16, "learning_rate": 0.01, "max_length": 256}
            epochs = {"stage1_epochs": 1.0, "stage2_epochs": 1.0, "evaluations_per_epoch": 1}
            fields |= epochs | KINDS[kind]
            params = TrainParams(base_model=str(base_dir), dtype="float32", **fields)
            out = tmp_path_factory.mktemp("out") / "3_train"
            result = train_two_stages(load_base(params), dataset, params, out, NullRun())
            made[kind] = result.adapter_dir
        return made[kind]

    return trained


def logits(model):
    with torch.no_grad():
        return model.eval()(IDS).logits.float()


def files(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_merged_folder_answers_as_the_echo_in_plain_transformers(kind, train, dataset, tmp_path):
    adapter, out = train(kind), tmp_path / "out" / "merged"
    made = export_echo(adapter, dataset, Order("luke", "merged", out))
    near, close = NEAR.get(kind, (1e-4, 1e-5))
    losses = made.validation_loss
    assert losses["merged"] == pytest.approx(losses["adapter"], abs=close)
    assert losses["adapter"] == pytest.approx(losses["trained"], abs=1e-4)
    assert losses["adapter"] < losses["base"] - 0.1
    echo, model = load_echo(adapter), AutoModelForCausalLM.from_pretrained(out)
    assert (logits(model) - logits(echo.model)).abs().max() < near
    with echo.base_only():
        assert (logits(model) - logits(echo.model)).abs().max() > 10 * near
    assert not hasattr(model.config, "quantization_config")
    assert files(out.parent) == {"merged"}


def test_a_merged_folder_holds_all_that_a_chat_needs(train, dataset, tmp_path):
    out = tmp_path / "merged"
    made = export_echo(train(), dataset, Order("luke", "merged", out))
    assert files(out) == {
        "README.md",
        "chat_template.jinja",
        "config.json",
        "echo.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    card = json.loads((out / "echo.json").read_text())
    assert card["system_prompt"] and card["export"]["validation_loss"] == made.validation_loss
    settings = json.loads((out / "generation_config.json").read_text())
    assert (settings["temperature"], settings["max_new_tokens"]) == (0.7, 256)
    assert settings["eos_token_id"] == 2
    readme = (out / "README.md").read_text()
    for form in ("base", "adapter", "merged"):
        assert f"| {made.validation_loss[form]:.4f} |" in readme
    assert said(readme, out)


def test_an_adapter_folder_says_how_peft_loads_it(train, dataset, base_dir, tmp_path):
    out = tmp_path / "adapter"
    made = export_echo(train(), dataset, Order("luke", "adapter", out))
    assert {"adapter_config.json", "adapter_model.safetensors", "echo.json", "README.md"} < files(
        out
    )
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_dir), out)
    assert torch.equal(logits(model), logits(load_echo(train()).model))
    assert AutoTokenizer.from_pretrained(out).chat_template
    assert abs(made.difference) < 1e-4 and "merged" not in made.validation_loss
    readme = (out / "README.md").read_text()
    assert f'base = "{base_dir}"' in readme and "PeftModel.from_pretrained(model, folder)" in readme
    assert said(readme, out)


def said(readme, folder):
    """Run the README's own code in the folder, and return what it prints."""
    code = readme.split("```python\n")[1].split("```")[0]
    code = code.replace("max_new_tokens=256", "max_new_tokens=4")
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    return out.getvalue()


def test_an_nf4_readme_loads_in_nf4(train, dataset, tmp_path):
    export_echo(train("nf4"), dataset, Order("luke", "adapter", tmp_path / "out"))
    readme = (tmp_path / "out" / "README.md").read_text()
    assert 'bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True' in readme
    assert said(readme, tmp_path / "out")


def test_nf4_is_merged_into_the_dequantised_weights_and_not_rounded_again(train):
    """PEFT's own merge rounds the sum to 4 bit, which costs most of the adapter."""
    adapter = train("nf4")
    wanted = logits(load_echo(adapter).model)
    ours = merge(load_echo(adapter), adapter, torch.float32)
    assert merged_bytes(load_echo(adapter).model, torch.float32) == sum(
        p.numel() * 4 for p in ours.parameters()
    )
    rounded = load_echo(adapter).model.merge_and_unload()
    off, lost = ((logits(m) - wanted).abs().max().item() for m in (ours, rounded))
    assert off < 1e-4 and lost > 100 * off


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_that_was_asked_for_is_written(dtype, train, dataset, tmp_path):
    out = tmp_path / "out"
    made = export_echo(train(), dataset, Order("luke", "merged", out, dtype=dtype))
    assert AutoModelForCausalLM.from_pretrained(out).dtype == getattr(torch, dtype)
    assert 0 < abs(made.difference) < 0.01
    assert f"in {dtype}" in (out / "README.md").read_text()


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_what_differs_too_much_is_not_written(form, train, dataset, tmp_path):
    order = Order("luke", form, tmp_path / "x" / "out", max_difference=1e-12, dtype="bfloat16")
    adapter = shutil.copytree(train(), tmp_path / "adapter")
    card = json.loads((adapter / "echo.json").read_text())
    card["training"]["stages"]["stage2"]["best_loss"] += 1e-3
    (adapter / "echo.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"above max_difference=1e-12 and nothing was written"):
        export_echo(adapter, dataset, order)
    assert files(tmp_path / "x") == set()


def test_an_adapter_of_broken_numbers_is_refused(train, dataset, tmp_path):
    card = json.loads((train() / "echo.json").read_text())
    base = load_base(TrainParams(base_model=card["base_model"], dtype="float32"))
    model = new_adapter(base.model, TrainParams(lora_r=4))
    next(p for n, p in model.named_parameters() if "lora_B" in n).data.fill_(float("nan"))
    adapter = save_echo(model, tmp_path / "adapter", card)
    for form in ("adapter", "merged"):
        with pytest.raises(ModelError, match=r"not numbers|above max_difference"):
            export_echo(adapter, dataset, Order("luke", form, tmp_path / "x" / "out"))
        assert not (tmp_path / "x").exists() or files(tmp_path / "x") == set()


def test_a_folder_in_use_is_never_overwritten(train, dataset, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(CannotWrite, match="no earlier export and not empty: choose another"):
            export_echo(train(), dataset, Order("luke", "adapter", out, force=force))
    assert files(out) == {"thesis.txt"}
    (out / "thesis.txt").unlink()
    export_echo(train(), dataset, Order("luke", "merged", out))
    with pytest.raises(CannotWrite, match="replace it with --force"):
        export_echo(train(), dataset, Order("luke", "adapter", out))
    assert "model.safetensors" in files(out)
    export_echo(train(), dataset, Order("luke", "adapter", out, force=True))
    assert "model.safetensors" not in files(out) and "adapter_config.json" in files(out)


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_a_disk_without_room_is_named_before_anything_is_written(form, train, dataset, tiny_disk):
    with pytest.raises(CannotWrite, match="out needs 3[0-9] MiB and the disk of .* 0 MiB free"):
        export_echo(train(), dataset, Order("luke", form, tiny_disk / "out"))
    assert files(tiny_disk) == set()


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_a_disk_that_fills_meanwhile_leaves_nothing(form, train, dataset, tiny_disk, monkeypatch):
    monkeypatch.setattr(export_module, "SLACK_BYTES", -(2**24))  # there was room when it began
    if form == "adapter":
        (tiny_disk / "other").write_bytes(b"x" * 220_000)
    before = files(tiny_disk)
    with pytest.raises(CannotWrite, match="the disk is full"):
        export_echo(train(), dataset, Order("luke", form, tiny_disk / "out"))
    assert files(tiny_disk) == before


def test_another_person_or_dataset_is_refused(train, dataset, tmp_path):
    with pytest.raises(ModelError, match=r"user=agnes is not whose adapter this is \(luke\)"):
        export_echo(train(), dataset, Order("agnes", "adapter", tmp_path / "out"))
    other = shutil.copytree(dataset, tmp_path / "dataset")
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"dataset_hash": "1" * 64}))
    with pytest.raises(DataError, match="trained on dataset 000000000000, but .* 111111111111"):
        export_echo(train(), other, Order("luke", "adapter", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_echo_that_was_forgotten_is_refused(train, dataset, tmp_path):
    adapter = shutil.copytree(train(), tmp_path / "adapter")
    note = {"user_id": "luke", "forgotten_on": "2026-11-02", "questions": "all"}
    (adapter / TOMBSTONE).write_text(json.dumps(note))
    with pytest.raises(Forgotten, match="taken back on 2026-11-02"):
        export_echo(adapter, dataset, Order("luke", "merged", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_copy_of_a_forgotten_adapter_is_known_by_its_dataset(train, dataset, tmp_path):
    prepare_store()
    client, experiment = mlflow.MlflowClient(), experiment_id("echo-luke")
    digest = json.loads((train() / "echo.json").read_text())["dataset_hash"]
    old = client.create_run(experiment, tags={"dataset_hash": digest}).info.run_id
    order = Order("luke", "adapter", tmp_path / "out")
    export_echo(train(), dataset, order)
    shutil.rmtree(order.out)
    client.set_tag(old, FORGOTTEN_ON, "2026-11-02")
    client.delete_run(old)
    with pytest.raises(Forgotten, match="taken back on 2026-11-02: delete it, and run `echoes run"):
        export_echo(train(), dataset, order)
    assert not order.out.exists()
    client.create_run(experiment, tags={"dataset_hash": digest})  # given again, trained again
    assert export_echo(train(), dataset, order)


def test_the_command_finds_the_chain_and_tells_the_figures(train, dataset, home, tmp_path):
    chain = home / "runs" / "demo" / "luke"
    shutil.copytree(train(), chain / "3_train" / "adapter")
    shutil.copytree(dataset, chain / "1_preprocess" / "dataset")
    out = tmp_path / "exported"
    command = ["export", "--user", "luke", "--form", "merged", "--out", str(out)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    for part in ("base alone", "merged, loaded back", "at most 0.01 is allowed", f"written: {out}"):
        assert part in result.output
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 1 and "--force" in again.stderr
    for wrong, message in (
        (["--user", "agnes"], "run 3_train again"),
        (["--user", "../luke"], "user_id"),
        (["--profile", "..", "--user", "luke"], "profile"),
    ):
        failed = CliRunner().invoke(main, [*command, *wrong])
        assert failed.exit_code == 1 and message in failed.stderr
        assert "Traceback" not in failed.stderr


def test_a_merged_folder_is_no_adapter_but_a_base(train, dataset, tmp_path):
    out = tmp_path / "merged"
    export_echo(train(), dataset, Order("luke", "merged", out))
    with pytest.raises(ModelError, match="is a base_model by itself"):
        load_echo(out)
    base = load_base(TrainParams(base_model=str(out), dtype="float32"))
    assert (logits(base.model) - logits(load_echo(train()).model)).abs().max() < 1e-4
