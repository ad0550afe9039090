import numpy as np
import pytest
from scipy import stats

from echoes_lib.evaluation.bootstrap import difference, draw_questions, interval, resampled
from echoes_lib.evaluation.overlap import ratio_counts


def means(values):
    return ratio_counts("m", values, np.ones(len(values)))


def test_draws_are_seeded_and_complete():
    draws = draw_questions(12, 500, seed=7)
    assert draws.shape == (500, 12)
    assert (draws.sum(axis=1) == 12).all()
    assert (draws == draw_questions(12, 500, seed=7)).all()
    assert (draws != draw_questions(12, 500, seed=8)).any()


def test_agrees_with_scipy():
    values = np.random.default_rng(1).normal(3, 1, size=40)
    ours = interval(means(values), draw_questions(40, 20_000, seed=2), 0.95)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=3
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(4)
    draws = draw_questions(30, 400, seed=5)
    found = [interval(means(generator.normal(0, 1, 30)), draws, 0.9) for _ in range(300)]
    covered = np.mean([f.low <= 0 <= f.high for f in found])
    assert 0.83 <= covered <= 0.95


def test_a_paired_difference_is_surer_than_two_intervals():
    hard = np.linspace(1, 5, 12)
    draws = draw_questions(12, 2000, seed=1)
    found = difference(means(hard - 0.2), means(hard), draws, 0.95)
    assert found.value == pytest.approx(-0.2)
    assert (found.low, found.high) == pytest.approx((-0.2, -0.2))
    alone = interval(means(hard), draws, 0.95)
    assert alone.high - alone.low > 1


def test_ratio_of_sums_weighs_long_answers_more():
    counts = ratio_counts("bits_per_byte", [10, 300], [10, 100])
    assert counts.value() == pytest.approx(310 / 110)
    assert resampled(counts, np.array([[2, 0], [0, 2]])) == pytest.approx([1.0, 3.0])


def test_ratio_of_two_systems():
    draws = draw_questions(3, 200, seed=1)
    found = difference(means([1, 2, 3]), means([2, 4, 6]), draws, 0.95, np.divide)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
