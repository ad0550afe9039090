import json
import sqlite3
from dataclasses import replace

import mlflow
import pytest

from echoes_lib.errors import DataError, NoSuchEcho
from echoes_lib.evaluation.compare import Scores
from echoes_lib.params import RegisterParams
from echoes_lib.registry.load import find_version, load_champion, load_echo_model
from echoes_lib.registry.package import pip_requirements
from echoes_lib.registry.pictures import draw_gates, gate_rows, turn_html
from echoes_lib.registry.register import read_version, register, write_registered
from echoes_lib.tracking import NullRun
from tests.chat.echoes import make_echo_folder

PARAMS = RegisterParams(generation={"max_new_tokens": 24}, bootstrap_resamples=200)
METRICS = ("bits_per_byte", "bleu", "chrf", "rouge1", "rouge2", "rougeL")
SECRET = "the heron under the bridge"
RAIN = [{"role": "user", "content": "Tell me about rain."}]


def make_scores(echo_per_byte=1.5):
    """Make scores of six questions, as 4_evaluate leaves them."""
    questions = [
        {
            "question_id": i,
            "category": "places",
            "question": f"Q{i}?",
            "person": SECRET,
            "base_bits": 200.0,
            "echo_bits": 100 * (echo_per_byte + 0.01 * i),
            "n_bytes": 100,
        }
        for i in range(6)
    ]
    one = {"value": 1.0, "low": 0.5, "high": 1.5, "n": 6}
    scores = [{"system": s, "metric": m, **one} for s in ("base", "echo") for m in METRICS]
    return Scores("d" * 64, questions, scores, [{"metric": "bleu", **one}])


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    return make_echo_folder(tmp_path_factory.mktemp("echo"))


def test_register_promote_compare_and_load(adapter, home):
    first = register(adapter, make_scores(), PARAMS, NullRun())
    assert (first.name, first.version, first.aliases) == ("echo-luke", "1", ["champion"])
    assert [g.gate for g in first.gates][-1] == "answers" and all(g.passed for g in first.gates)

    equal = register(adapter, make_scores(), PARAMS, NullRun())
    assert (equal.version, equal.aliases) == ("2", ["challenger"])
    assert find_version("luke").version == 1
    tags = find_version("luke", "challenger").tags
    assert tags["gate.better_than_champion"].startswith("failed: bits per byte against champion v1")

    better = register(adapter, make_scores(1.2), PARAMS, NullRun())
    assert better.is_champion and find_version("luke").version == 3
    assert find_version("luke", "1").tags["champion_until"] == "v3"
    check_version_carries_its_origin(find_version("luke"))
    check_chat(home)
    check_missing_ones()
    check_nothing_private_is_kept(home)


def check_version_carries_its_origin(version):
    wanted = {"dataset_hash", "base_model", "base_revision", "params_hash", "git_commit", "user"}
    assert wanted <= set(version.tags)
    assert "score.echo_bits_per_byte" in version.tags
    assert "An AI echo of Luke" in version.description
    assert read_version(version).questions["0"] == (200.0, 120.0, 100)


def check_chat(home):
    echo = load_champion("luke")
    assert echo.version == "3"
    assert echo.generation.max_new_tokens == 24
    whole = echo.engine.reply(RAIN, echo.generation, seed=4)
    model = load_echo_model("luke")
    request = {"input": RAIN, "custom_inputs": {"seed": 4}}
    answer = model.predict(request)
    assert text_of(answer) == whole.text
    assert answer["custom_outputs"]["served_by"] == "echo"
    *deltas, done = model.predict_stream(request)
    assert "".join(event["delta"] for event in deltas) == whole.text
    assert done["item"]["content"][0]["text"] == whole.text
    assert done["custom_outputs"]["served_by"] == "echo"
    check_requests(model)


def check_requests(model):
    short = model.predict({"input": RAIN, "max_output_tokens": 2, "temperature": 0.0})
    assert short["custom_outputs"]["n_tokens"] <= 2
    parts = [{"type": "input_text", "text": "Are you "}, {"type": "input_text", "text": "an AI?"}]
    asked = model.predict({"input": [{"role": "user", "content": parts}]})
    assert asked["custom_outputs"]["served_by"] == "notice"
    for wrong in ({"temperature": 9.0}, {"max_output_tokens": 0}, {"max_output_tokens": 5000}):
        with pytest.raises(mlflow.MlflowException) as error:
            model.predict({"input": RAIN, **wrong})
        assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    with pytest.raises(mlflow.MlflowException, match="no user message"):
        model.predict({"input": [{"role": "assistant", "content": "x"}]})


def text_of(answer):
    return "".join(part["text"] for item in answer["output"] for part in item["content"])


def check_missing_ones():
    with pytest.raises(NoSuchEcho, match=r"versions 1, 2, 3 and aliases .*@champion \(v3\)"):
        load_champion("luke", "nobody")
    with pytest.raises(NoSuchEcho, match=r"registered are echo-luke.*echoes run"):
        load_champion("marisol")


def check_nothing_private_is_kept(home):
    """No trace of a chat, and no word of the person's, in store or model."""
    with sqlite3.connect(home / "mlruns" / "mlflow.db") as store:
        assert store.execute("SELECT count(*) FROM trace_info").fetchone() == (0,)
        dump = "\n".join(store.iterdump())
    assert SECRET not in dump and RAIN[0]["content"] not in dump
    files = [f for f in (home / "mlruns").rglob("*") if f.is_file()]
    assert not [f for f in files if SECRET.encode() in f.read_bytes()]
    assert [f for f in files if f.name == "model.safetensors"], "a small base lies inside"


@pytest.mark.slow
def test_an_echo_that_does_not_beat_its_base_stays_challenger(adapter, tmp_path):
    result = register(adapter, make_scores(2.1), PARAMS, NullRun())
    assert result.aliases == ["challenger"] and not result.is_champion
    with pytest.raises(NoSuchEcho, match=r"aliases @challenger \(v1\)"):
        load_champion("luke")
    written = json.loads((write_registered(result, tmp_path / "x") / "registered.json").read_text())
    assert set(written) == {"name", "version", "aliases", "gates", "model_uri"}
    assert "FAILED" in result.card and "FAILED" in {row[""] for row in gate_rows(result.gates)}
    draw_gates(result.gates).savefig(tmp_path / "gates.png")


def test_scores_of_another_dataset_are_refused(adapter):
    with pytest.raises(DataError, match="3_train and 4_evaluate again"):
        register(adapter, replace(make_scores(), dataset_hash="e" * 64), PARAMS, NullRun())


def test_nobody_is_registered_yet():
    with pytest.raises(NoSuchEcho, match=r"no echoes yet.*echoes run"):
        find_version("luke")


def test_requirements_are_exact_and_public():
    found = pip_requirements({"quantization": "none"})
    assert all("==" in line and "+" not in line for line in found)
    assert {line.partition("==")[0] for line in found} >= {"torch", "mlflow", "peft"}


def test_a_turn_is_escaped():
    from echoes_lib.chat.engine import Reply

    html = turn_html("<i>", Reply("<script>", "base", "a & b", 3, "stop"))
    assert "<script>" not in html and "base, a &amp; b" in html
