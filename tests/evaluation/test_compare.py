import json
from types import SimpleNamespace

import pytest

from echoes_lib.errors import DataError, TooFewAnswers
from echoes_lib.evaluation.compare import (
    evaluate,
    read_scores,
    read_test,
    verdict,
    write_scores,
)
from echoes_lib.evaluation.pictures import draw_questions_paired, draw_scores, replies_html
from echoes_lib.params import EvaluateParams, Generation
from echoes_lib.tracking import NullRun
from tests.chat.echoes import ANSWERS, load, make_dataset, make_echo_folder

PARAMS = EvaluateParams(generation=Generation(max_new_tokens=12), bootstrap_resamples=200)
METRICS = {"bits_per_byte", "bleu", "chrf", "rouge1", "rouge2", "rougeL"}


class Recorder(NullRun):
    def __init__(self):
        self.metrics, self.tables, self.datasets = {}, {}, []

    def log_metrics(self, metrics, step=None):
        self.metrics |= metrics

    def log_table(self, rows, name):
        self.tables[name] = rows

    def log_dataset(self, path, name, digest, context):
        self.datasets.append((name, digest, context))


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    return load(make_echo_folder(tmp_path_factory.mktemp("echo")))


@pytest.fixture(scope="module")
def done(echo, tmp_path_factory):
    run = Recorder()
    dataset = make_dataset(tmp_path_factory.mktemp("dataset"))
    return SimpleNamespace(scores=evaluate(echo, dataset, PARAMS, run), run=run)


def test_every_metric_of_both_systems_with_interval(done):
    found = {(s["system"], s["metric"]) for s in done.scores.scores}
    assert found == {(system, m) for system in ("base", "echo") for m in METRICS}
    assert all(s["low"] <= s["value"] <= s["high"] for s in done.scores.scores if s["n"] == 6)
    assert {d["metric"] for d in done.scores.differences} == METRICS
    bits = [done.scores.get(s, "bits_per_byte")["value"] for s in ("echo", "base")]
    change = next(d for d in done.scores.differences if d["metric"] == "bits_per_byte")
    assert change["value"] == pytest.approx(bits[0] - bits[1], abs=1e-5)


def test_base_and_echo_are_different_speakers_and_questions_come_sorted(done):
    assert [q["question_id"] for q in done.scores.questions] == sorted(ANSWERS)
    assert any(q["base"] != q["echo"] for q in done.scores.questions)
    assert all(q["base_bits"] != q["echo_bits"] for q in done.scores.questions)
    assert all(q["person"] == ANSWERS[q["question_id"]] for q in done.scores.questions)


def test_what_mlflow_is_told(done):
    names = done.run.metrics
    assert {"bits_per_byte", "bleu", "rougeL", "base_bits_per_byte", "echo_rougeL"} <= set(names)
    assert {"echo_bits_per_byte_low", "base_bleu_high", "difference_chrf"} <= set(names)
    assert names["bits_per_byte"] == names["echo_bits_per_byte"]
    assert len(done.run.tables["replies.json"]) == 6
    assert done.run.datasets == [("luke-test", "d" * 64, "testing")]


def test_order_of_the_file_changes_nothing(echo, done, tmp_path):
    shuffled = make_dataset(tmp_path / "other", order=sorted(ANSWERS, reverse=True))
    assert evaluate(echo, shuffled, PARAMS, NullRun()) == done.scores


def test_batch_size_does_not_change_bits_per_byte(echo, done, tmp_path):
    dataset = make_dataset(tmp_path / "dataset")
    params = PARAMS.model_copy(update={"per_device_eval_batch_size": 2})
    again = evaluate(echo, dataset, params, NullRun())
    for system in ("base", "echo"):
        one, other = (s.get(system, "bits_per_byte") for s in (done.scores, again))
        assert one["value"] == pytest.approx(other["value"], rel=1e-5)


def test_scores_survive_the_file_and_the_folder_is_emptied(done, tmp_path):
    folder = tmp_path / "4_evaluate"
    folder.mkdir()
    (folder / "old.json").write_text("{}")
    assert read_scores(write_scores(done.scores, folder)) == done.scores
    assert [p.name for p in folder.iterdir()] == ["scores.json"]


def test_missing_things_say_what_to_run(tmp_path):
    with pytest.raises(DataError, match="1_preprocess"):
        read_test(tmp_path)
    with pytest.raises(DataError, match="4_evaluate"):
        read_scores(tmp_path / "scores.json")
    make_dataset(tmp_path)
    (tmp_path / "test.jsonl").write_text("")
    with pytest.raises(TooFewAnswers, match="test_ratio"):
        read_test(tmp_path)


def test_pictures_draw_and_texts_are_escaped(done, tmp_path):
    for draw in (draw_scores, draw_questions_paired):
        path = tmp_path / "picture.png"
        draw(done.scores, "Luke").savefig(path)
        assert path.stat().st_size > 10_000
    row = {"question": "<b>?", "base": "<script>", "echo": "", "person": "a & b"}
    html = replies_html([row], "Luke <3")
    assert "<script>" not in html and "&lt;script&gt;" in html and "a &amp; b" in html


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.3, -0.1, "closer than"), (0.1, 0.3, "further than"), (-0.1, 0.1, "not surely")],
)
def test_the_verdict_follows_the_interval(done, low, high, words):
    changed = json.loads(json.dumps(done.scores.differences))
    changed[0] |= {"low": low, "high": high}
    scores = type(done.scores)("d", done.scores.questions, done.scores.scores, changed)
    assert words in verdict(scores, "Luke")
