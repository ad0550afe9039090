import pytest

from echoes_lib.evaluation.compare import Scores
from echoes_lib.params import RegisterParams
from echoes_lib.registry.gates import (
    Figures,
    check_gates,
    common_questions,
    figures_of,
    read_figures,
    smoke_gate,
)

PARAMS = RegisterParams(bootstrap_resamples=500)


def figures(*echo_per_byte, base=2.0, first=1, n_bytes=100):
    """Make questions that cost the base 2 bits per byte and the echo what is given."""
    return Figures(
        "d",
        {
            str(first + i): (base * n_bytes, cost * n_bytes, n_bytes)
            for i, cost in enumerate(echo_per_byte)
        },
    )


def verdicts(new, champion=None, params=PARAMS):
    return {g.gate: g.passed for g in check_gates(new, champion, "1", params)}


def test_a_clear_gain_passes_all():
    assert all(verdicts(figures(1.8, 1.7, 1.9, 1.8, 1.6, 1.7)).values())


def test_too_few_questions():
    found = check_gates(figures(1.0, 1.0, 1.0, 1.0), None, None, PARAMS)[0]
    assert not found.passed and "4 held-out questions, 5 needed" in found.reason


def test_a_gain_that_is_not_sure_fails():
    new = figures(1.0, 2.9, 1.2, 2.8, 1.4, 2.4)
    gate = check_gates(new, None, None, PARAMS)[1]
    assert gate.measured < 1 < gate.value and not gate.passed


def test_worse_than_the_base_fails_and_equal_is_within_the_limit():
    assert not verdicts(figures(*[2.1] * 6))["better_than_base"]
    assert verdicts(figures(*[2.0] * 6))["better_than_base"]


def test_the_limit_is_a_parameter():
    new = figures(*[1.9] * 6)
    strict = PARAMS.model_copy(update={"gate_max_bits_per_byte_ratio": 0.9})
    assert (
        verdicts(new)["better_than_base"] and not verdicts(new, params=strict)["better_than_base"]
    )


def test_the_first_version_has_no_champion_to_beat():
    assert verdicts(figures(*[1.9] * 6))["better_than_champion"]


@pytest.mark.parametrize(
    ("new", "passed"), [(1.8, True), (1.9, False), (1.9 - 1e-5, False), (2.0, False)]
)
def test_only_a_real_gain_beats_the_champion(new, passed):
    found = verdicts(figures(*[new] * 6), figures(*[1.9] * 6))
    assert found["better_than_champion"] is passed


def test_only_common_questions_count():
    new = figures(*[1.5] * 12, first=1)
    champion = figures(*[1.9] * 12, first=7)
    assert common_questions(new, champion) == ["10", "11", "12", "7", "8", "9"]
    assert verdicts(new, champion)["better_than_champion"]


def test_without_common_questions_the_champion_stays():
    new, champion = figures(*[1.5] * 6), figures(*[1.9] * 6, first=100)
    gate = check_gates(new, champion, "4", PARAMS)[2]
    assert not gate.passed and "champion v4" in gate.reason and "by hand" in gate.reason


def test_an_answer_that_changed_is_not_common():
    assert common_questions(figures(1.5), figures(1.5, n_bytes=101)) == []


def test_order_of_questions_does_not_matter():
    new = figures(1.5, 1.9, 1.7, 2.2, 1.6, 1.8)
    turned = Figures("d", dict(reversed(new.questions.items())))
    assert check_gates(new, None, None, PARAMS) == check_gates(turned, None, None, PARAMS)


def test_figures_survive_the_file_and_hold_no_text(tmp_path):
    question = {
        "question_id": 3,
        "question": "Q",
        "person": "secret",
        "base_bits": 10.0,
        "echo_bits": 8.0,
        "n_bytes": 5,
    }
    kept = figures_of(Scores("hash", [question], [], []))
    path = tmp_path / "figures.json"
    path.write_text(kept.to_json())
    assert read_figures(path) == kept == Figures("hash", {"3": (10.0, 8.0, 5)})
    assert "secret" not in path.read_text()


def test_smoke():
    assert smoke_gate("Rain on a roof.", "echo").passed
    assert not smoke_gate(" ", "echo").passed
    assert not smoke_gate("Rain.", "base").passed
