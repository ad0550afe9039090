"""The matrix of adapters says who is served best by whom, and its picture frames the least."""

import pytest

from echoes_lib.checks.pull import Pull, draw_pull, measure_pull

BITS = {"Ann": {"Ann": 1.5, "Bob": 2.2}, "Bob": {"Ann": 1.8, "Bob": 1.9}}
BASE = {"Ann": 2.0, "Bob": 2.1}


def pull(**changes):
    fields = {"bits": BITS, "base": BASE, "questions": {"Ann": 4, "Bob": 5}, "seconds": {}}
    return Pull(**(fields | changes))


def test_own_adapters_serve_best():
    assert pull().off_diagonal() == []
    assert pull().gain("Ann") == 0.25


def test_a_stranger_s_adapter_that_serves_better_is_named():
    swapped = {"Ann": BITS["Bob"], "Bob": BITS["Ann"]}
    assert pull(bits=swapped).off_diagonal() == ["Ann", "Bob"]


def test_the_picture_has_a_cell_for_each_pair_and_a_frame_for_each_column():
    axes = draw_pull(pull()).axes[0]
    assert {text.get_text() for text in axes.texts} == {
        "1.500\n-25.0%",
        "2.200\n+4.8%",
        "1.800\n-10.0%",
        "1.900\n-9.5%",
    }
    assert [(p.get_x(), p.get_y()) for p in axes.patches] == [(-0.47, -0.47), (0.53, 0.53)]


@pytest.mark.slow
def test_every_sample_person_is_served_best_by_the_own_adapter(tmp_path):
    found = measure_pull(tmp_path)
    assert found.off_diagonal() == []
    assert found.gain("Luke") >= 0.08
    assert min(found.questions.values()) >= 5
