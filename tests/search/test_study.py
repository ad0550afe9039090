"""A study on a miniature: recorded, resumed after a kill, with a trial that fails."""

import contextlib
import json

import pytest
import torch
import yaml

from echoes_lib.errors import ModelError, TooHot
from echoes_lib.models.load import load_base
from echoes_lib.params.schema import SearchParams, TrainParams
from echoes_lib.search import study as study_module
from echoes_lib.search import trial as trial_module
from echoes_lib.search.pictures import importances, plot_history, plot_importances
from echoes_lib.search.study import open_study, run_search
from echoes_lib.search.trial import own_point
from echoes_lib.tracking.interface import NullRun
from echoes_lib.training.pace import Pace


class ChildRuns(NullRun):
    """A run that keeps the tags and metrics of its children."""

    def __init__(self):
        self.children = []

    @contextlib.contextmanager
    def child(self, name, params):
        run = Child(name, dict(params))
        self.children.append(run)
        try:
            yield run
            run.ended = "FINISHED"
        except Exception:
            run.ended = "FAILED"
            raise


class Child(NullRun):
    def __init__(self, name, params):
        self.name, self.params, self.tags, self.curve, self.ended = name, params, {}, [], None

    def set_tags(self, tags):
        self.tags |= tags

    def log_metrics(self, metrics, step=None):
        self.curve += [(name, step) for name in metrics]


@pytest.fixture(scope="module")
def params(tiny_folder):
    return SearchParams(
        base_model=str(tiny_folder),
        per_device_train_batch_size=4,
        max_length=256,
        n_trials=3,
        search_examples=8,
        evaluations_per_trial=2,
        lora_r_choices=[4, 16],
        learning_rate=0.004,
    )


@pytest.fixture(scope="module")
def base(params):
    return load_base(params)


def test_search_fails_once_goes_on_and_resumes(base, params, dataset_dir, tmp_path, monkeypatch):
    before = {name: value.clone() for name, value in base.model.state_dict().items()}
    real, calls = trial_module.fit, []

    def sometimes(*args):
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("out of something")
        return real(*args)

    monkeypatch.setattr(trial_module, "fit", sometimes)
    run = ChildRuns()
    result = run_search(base, dataset_dir, params, tmp_path, run)
    states = [row["state"] for row in result.trials]
    assert len(states) == 3 and states[:2] == ["COMPLETE", "FAIL"]
    assert result.trials[1]["error"] == "RuntimeError"
    assert [child.tags["state"] for child in run.children] == states
    assert run.children[1].ended == "FAILED" and run.children[0].ended == "FINISHED"
    assert ("eval_loss", 0) in run.children[0].curve
    after = base.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)

    again = run_search(base, dataset_dir, params, tmp_path, NullRun())
    assert again.new_trials == 0 and again.trials == result.trials
    more = params.model_copy(update={"n_trials": 4})
    assert run_search(base, dataset_dir, more, tmp_path, NullRun()).new_trials == 1


def test_first_trial_is_the_profiles_own(base, params, dataset_dir, tmp_path):
    one = params.model_copy(update={"n_trials": 1})
    result = run_search(base, dataset_dir, one, tmp_path, NullRun())
    assert result.best == {
        "lora_r": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.0,
        "learning_rate": 0.004,
    }
    text = result.best_file.read_text()
    assert text.startswith("#") and "-f runs/demo/luke/2_search/best.yaml" in text
    assert TrainParams(**yaml.safe_load(text)).learning_rate == pytest.approx(0.004)
    assert json.loads((tmp_path / "trials.json").read_text())[0]["state"] == "COMPLETE"


def test_trials_of_a_killed_process_are_buried(base, params, dataset_dir, tmp_path):
    manifest = json.loads((dataset_dir / "manifest.json").read_text())
    study = open_study(tmp_path, params, manifest["dataset_hash"], base)
    study.ask()  # a process that was killed in the middle leaves it RUNNING
    one = params.model_copy(update={"n_trials": 1})
    result = run_search(base, dataset_dir, one, tmp_path, NullRun())
    assert [row["error"] for row in result.trials] == ["Killed", None]
    assert result.new_trials == 1


def test_all_trials_failed(base, params, dataset_dir, tmp_path, monkeypatch):
    def broken(*args):
        raise MemoryError

    monkeypatch.setattr(trial_module, "fit", broken)
    two = params.model_copy(update={"n_trials": 2})
    with pytest.raises(ModelError, match=r"none of 2 trials finished \(MemoryError\)"):
        run_search(base, dataset_dir, two, tmp_path, NullRun())


def test_hopeless_trials_are_pruned(base, params, dataset_dir, tmp_path):
    from optuna import TrialPruned

    from echoes_lib.search.trial import Bench, choose_examples, run_trial
    from echoes_lib.training.dataset import load_training_data

    study = open_study(tmp_path, params, "hash", base)
    trial = study.ask()
    trial.should_prune = lambda: True
    data = load_training_data(dataset_dir, base.tokenizer, params.max_length)
    run = ChildRuns()
    bench = Bench(base, choose_examples(data, 8, 1), data.validation, params, run)
    with pytest.raises(TrialPruned):
        run_trial(trial, bench)
    assert run.children[0].tags == {"state": "PRUNED"} and run.children[0].ended == "FINISHED"
    assert not hasattr(base.model, "peft_config")


def test_other_settings_are_another_study(base, params, tmp_path):
    first = open_study(tmp_path, params, "one", base)
    assert first.study_name == open_study(tmp_path, params, "one", base).study_name
    assert first.study_name != open_study(tmp_path, params, "two", base).study_name
    wider = params.model_copy(update={"learning_rate_max": 0.009})
    assert first.study_name != open_study(tmp_path, wider, "one", base).study_name


def test_own_point_leaves_out_what_lies_outside(params):
    odd = params.model_copy(update={"lora_r": 5, "learning_rate": 0.5})
    assert own_point(odd) == {"lora_dropout": 0.0}


def test_pictures(base, params, dataset_dir, tmp_path):
    result = run_search(base, dataset_dir, params, tmp_path, NullRun())
    plot_history(result.trials).savefig(tmp_path / "history.png")
    shares = importances(result.study)
    assert shares == {} or sum(shares.values()) == pytest.approx(1)
    plot_importances(shares, 3).savefig(tmp_path / "importance.png")


def test_a_hot_gpu_stops_the_search_and_its_trial_is_run_again(base, params, dataset_dir, tmp_path):
    class Hot(Pace):
        steps = 0

        def pause(self):
            self.steps += 1
            self.too_hot = self.steps >= 3  # in the second trial: each has two steps
            return 0.0

        def stop(self, where):
            raise TooHot(where)

    with pytest.raises(TooHot, match="trial 1, step 2"):
        run_search(base, dataset_dir, params, tmp_path, NullRun(), Hot())
    assert not hasattr(base.model, "peft_config")
    result = run_search(base, dataset_dir, params, tmp_path, NullRun())
    assert result.trials[1]["error"] == "TooHot" and result.trials[0]["state"] == "COMPLETE"
    assert result.new_trials == 2


def test_the_memory_of_a_search_is_planned_for_its_largest_rank(
    base, params, dataset_dir, tmp_path, monkeypatch
):
    seen = []
    plan = study_module.recomputed_layers
    monkeypatch.setattr(
        study_module, "recomputed_layers", lambda p, run: seen.append(p.lora_r) or plan(p, run)
    )
    one = params.model_copy(update={"n_trials": 1})
    run_search(base, dataset_dir, one, tmp_path, NullRun())
    assert seen == [16]
