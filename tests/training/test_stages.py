"""A real two-stage training of a miniature: does it learn, keep the best, and repeat itself?"""

import json
import shutil

import pytest
import torch

from echoes_lib.errors import DataError, ModelError, NoAnswers, NoConsent
from echoes_lib.models.adapters import ADAPTER_WEIGHTS, load_echo, new_adapter
from echoes_lib.models.load import load_base
from echoes_lib.models.render import Encoded
from echoes_lib.params.schema import TrainParams
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training import stages
from echoes_lib.training.course import Course
from echoes_lib.training.dataset import load_training_data
from echoes_lib.training.fit import Settings, fit, planned_steps
from echoes_lib.training.lock import LOCK
from echoes_lib.training.pictures import plot_losses
from echoes_lib.training.stages import train_two_stages
from tests.training.data import CONSENT, SYSTEM


class ListRun(NullRun):
    """A run that keeps its metrics in a list."""

    def __init__(self):
        self.points = []
        self.tags = {}
        self.datasets = []

    def log_metrics(self, metrics, step=None):
        self.points += [(name, value, step) for name, value in metrics.items()]

    def set_tags(self, tags):
        self.tags |= tags

    def log_dataset(self, path, name, digest, context):
        self.datasets.append((path.name, name, digest, context))


@pytest.fixture(scope="session")
def params(tiny_folder):
    return TrainParams(
        base_model=str(tiny_folder),
        per_device_train_batch_size=4,
        max_length=256,
        lora_r=8,
        lora_alpha=16,
        learning_rate=0.01,
        warmup_steps=100,
    )


@pytest.fixture(scope="session")
def trained(params, dataset_dir, tmp_path_factory):
    run, base = ListRun(), load_base(params)
    output = tmp_path_factory.mktemp("out") / "3_train"
    return train_two_stages(base, dataset_dir, params, output, run), run, base


def adapter_weights(model):
    return {n: p.detach().clone() for n, p in model.named_parameters() if "lora_" in n}


def test_it_learns_and_never_ends_worse(trained):
    stage1, stage2 = trained[0].stages.values()
    assert stage1.best_loss < stage1.first_loss - 0.1
    assert stage2.first_loss == pytest.approx(stage1.best_loss, abs=1e-6)
    assert stage2.best_loss <= stage1.best_loss
    assert trained[0].best_loss == stage2.best_loss


def test_warmup_is_cut_to_a_quarter(trained):
    stage1 = trained[0].stages["stage1"]
    assert stage1.planned_steps == 12 and stage1.warmup_steps == 3


def test_saved_adapter_answers_as_the_trained_model(trained):
    result, _, base = trained
    ids = base.tokenizer("What stays with you?", return_tensors="pt")["input_ids"]
    echo = load_echo(result.adapter_dir)
    with torch.no_grad():
        assert torch.equal(result.model(ids).logits, echo.model(ids).logits)
    assert echo.echo["system_prompt"] == SYSTEM
    assert echo.echo["training"]["stages"]["stage2"]["best_loss"] == result.best_loss


def test_curves_reach_the_run_and_the_file(trained):
    result, run, _ = trained
    names = {name for name, _, step in run.points if step is not None}
    figures = ("loss", "eval_loss", "learning_rate", "tokens_per_s")
    assert names == {f"{stage}/{figure}" for stage in result.stages for figure in figures}
    history = json.loads((result.adapter_dir.parent / "history.json").read_text())
    assert history["stage1"]["points"][0] == {
        "step": 0,
        "eval_loss": result.stages["stage1"].first_loss,
    }
    assert all(value > 0 for name, value, _ in run.points if name.endswith("tokens_per_s"))


def test_nothing_else_is_written(trained):
    output = trained[0].adapter_dir.parent
    assert {path.name for path in output.iterdir()} == {"adapter", "history.json", LOCK}


def test_same_seed_same_weights(trained, params, dataset_dir, tmp_path):
    again = train_two_stages(load_base(params), dataset_dir, params, tmp_path / "o", NullRun())
    first, second = adapter_weights(trained[0].model), adapter_weights(again.model)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_finished_training_is_found_and_not_done_again(
    trained, params, dataset_dir, tmp_path, monkeypatch
):
    output = tmp_path / "3_train"
    shutil.copytree(trained[0].adapter_dir.parent, output)
    real, run = Course.go, ListRun()
    monkeypatch.setattr(Course, "go", None)
    found = train_two_stages(load_base(params), dataset_dir, params, output, run)
    assert (found.stages, found.counts) == (trained[0].stages, trained[0].counts)
    assert found.trainable_parameters == trained[0].trainable_parameters
    assert run.tags["trained_before"] == "true"
    told = [point for point in trained[1].points if not point[0].startswith("memory/")]
    assert sorted(run.points, key=str) == sorted(told, key=str)
    ids = torch.tensor([[5, 9, 11]])
    with torch.no_grad():
        assert torch.equal(found.model(ids).logits, trained[0].model(ids).logits)

    monkeypatch.setattr(Course, "go", real)
    (output / "adapter" / ADAPTER_WEIGHTS).unlink()
    again = train_two_stages(load_base(params), dataset_dir, params, output, NullRun())
    assert again.stages.keys() == found.stages.keys()
    assert (output / "adapter" / ADAPTER_WEIGHTS).is_file()


@pytest.mark.parametrize("changed", ["params", "data", "code"])
def test_what_was_trained_otherwise_is_trained_again(
    trained, params, dataset_dir, tmp_path, monkeypatch, changed
):
    class Began(Exception):
        pass

    def go(course):
        raise Began

    output, data = tmp_path / "3_train", tmp_path / "data"
    shutil.copytree(trained[0].adapter_dir.parent, output)
    shutil.copytree(dataset_dir, data)
    if changed == "params":
        params = params.model_copy(update={"learning_rate": 0.02})
    if changed == "code":
        monkeypatch.setattr(stages, "code_hash", lambda rooms: "another")
    if changed == "data":
        manifest = json.loads((data / "manifest.json").read_text())
        (data / "manifest.json").write_text(json.dumps(manifest | {"dataset_hash": "1" * 64}))
    monkeypatch.setattr(Course, "go", go)
    with pytest.raises(Began):
        train_two_stages(load_base(params), data, params, output, ListRun())


def test_a_stage_that_only_harms_keeps_what_came_in(params, dataset_dir):
    base = load_base(params)
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    model = new_adapter(base.model, params)
    learn = Settings("stage1", 0.01, 2.0, 2, params)
    fit(model, base.tokenizer, data.stage1, data.validation, learn)
    before = adapter_weights(model)
    babble = [Encoded(e.input_ids, [7 if k != -100 else k for k in e.labels]) for e in data.stage2]
    harm = Settings("stage2", 0.05, 3.0, 3, params)
    fitted = fit(model, base.tokenizer, babble, data.validation, harm)
    assert fitted.best_step == 0 and fitted.best_loss == fitted.first_loss
    after = adapter_weights(model)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "forward" not in vars(base.model)


def test_validation_loss_counts_each_token_once(params, dataset_dir):
    losses = []
    for size in (64, 400, 4096):
        base = load_base(params)
        data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
        model = new_adapter(base.model, params)
        some = params.model_copy(update={"max_tokens_per_pass": size})
        settings = Settings("stage1", 1e-9, 0.1, 1, some)
        losses.append(fit(model, base.tokenizer, data.stage1, data.validation, settings).first_loss)
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)
    assert losses[0] == pytest.approx(by_hand(base.model, data.validation), rel=1e-4)


def by_hand(model, examples):
    total = tokens = 0
    for example in examples:
        ids, labels = torch.tensor([example.input_ids]), torch.tensor(example.labels)[1:]
        with torch.no_grad():
            rows = torch.log_softmax(model(ids).logits[0, :-1], -1)
        own = labels != -100
        total -= rows[own].gather(1, labels[own][:, None]).sum().item()
        tokens += int(own.sum())
    return total / tokens


def test_steps_of_broken_epochs(params):
    settings = Settings("x", 1e-3, 0.5, 1, params)
    assert planned_steps(16, settings) == 2 and planned_steps(1, settings) == 1


def test_loss_that_is_no_number(params, dataset_dir):
    base = load_base(params)
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    model = new_adapter(base.model, params)
    next(p for n, p in model.named_parameters() if "lora_A" in n).data.fill_(float("nan"))
    settings = Settings("stage1", 1e-3, 1.0, 1, params)
    with pytest.raises(ModelError, match="lower learning_rate"):
        fit(model, base.tokenizer, data.stage1, data.validation, settings)


def test_faults_of_the_dataset(params, dataset_dir, tmp_path):
    base = load_base(params)
    with pytest.raises(DataError, match="run notebook 1_preprocess first"):
        load_training_data(tmp_path, base.tokenizer, 256)
    for consents in ("{}", '{"consents": []}', '{"consents": [{"purpose": "memory"}, "training"]}'):
        (tmp_path / "manifest.json").write_text(consents)
        with pytest.raises(NoConsent, match="names no consent .* `echoes consent --user"):
            load_training_data(tmp_path, base.tokenizer, 256)
    (tmp_path / "manifest.json").write_text(json.dumps({"consents": [CONSENT]}))
    with pytest.raises(DataError, match=r"train_stage1\.jsonl is missing"):
        load_training_data(tmp_path, base.tokenizer, 256)
    (tmp_path / "train_stage1.jsonl").write_text('{"messages": 3}\n')
    with pytest.raises(DataError, match="line 1"):
        load_training_data(tmp_path, base.tokenizer, 256)
    (tmp_path / "train_stage1.jsonl").write_text("")
    with pytest.raises(NoAnswers, match="no example"):
        load_training_data(tmp_path, base.tokenizer, 256)


def test_picture(trained, tmp_path):
    plot_losses(trained[0].stages).savefig(tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 10_000


def test_the_run_names_the_data_it_learned_from(trained, dataset_dir):
    digest = json.loads((dataset_dir / "manifest.json").read_text())["dataset_hash"]
    run = trained[1]
    assert run.tags["dataset_hash"] == digest
    assert [(file, context) for file, _, hash_, context in run.datasets if hash_ == digest] == [
        ("train_stage1.jsonl", "training"),
        ("train_stage2.jsonl", "training"),
        ("validation.jsonl", "validation"),
    ]
