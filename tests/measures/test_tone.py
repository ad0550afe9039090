"""The tone of a text has its sign, and a distance is told from the person's own others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.measures.tone import FEWEST_OTHERS, LEAST_SPREAD, tone, tone_distances

TONES = st.lists(st.floats(-0.2, 0.2).map(lambda x: round(x, 3)), min_size=12, max_size=40)


def test_glad_plain_and_bitter():
    assert tone("It was a lovely day and we were happy and laughed.") > 0.3
    assert tone("He was a cruel liar and I hated the ugly, miserable place.") < -0.3
    assert tone("The bus came at four and we got on.") == 0 == tone("")
    assert tone("It was not good.") < 0 < tone("It was good.")


def test_the_odd_one_out_is_far_and_the_others_are_near():
    usual = [0.01, 0.05, -0.02, 0.0, 0.03, -0.04, 0.02, 0.06, -0.01, 0.04, 0.02, 0.0]
    found = tone_distances([*usual, -0.5], ["work"] * 13)
    assert found[-1] > 10 and max(found[:-1]) < 3


def test_what_is_usual_of_loss_is_unusual_of_joys():
    around = [0.01, -0.02, 0.0, 0.03, -0.01, 0.02, -0.03, 0.0, 0.01]
    tones = [v + shift for shift in (0.1, 0.0, -0.1) for v in around]
    kinds = [kind for kind in ("joys", "work", "loss") for _ in around]
    of_loss, of_joys = (tone_distances([*tones, -0.14], [*kinds, k])[-1] for k in ("loss", "joys"))
    assert of_joys > 2 * of_loss


def test_a_kind_with_few_answers_leans_on_all_of_them():
    many = [0.0, 0.04, -0.04, 0.02, -0.02] * 6
    alone = tone_distances([*many, 0.1], ["work"] * 30 + ["faith"])[-1]
    same = tone_distances([*many, 0.1], ["work"] * 31)[-1]
    assert alone == pytest.approx(same, rel=0.3)


def test_without_spread_the_least_spread_counts():
    found = tone_distances([0.0] * 20 + [0.05], ["work"] * 21)
    assert found[-1] == pytest.approx(0.05 / LEAST_SPREAD)


@pytest.mark.parametrize("n", [0, 1, FEWEST_OTHERS])
def test_of_few_answers_nothing_is_known(n):
    assert tone_distances([0.5] * n, ["work"] * n) == [None] * n


@given(TONES, st.randoms(use_true_random=False))
def test_unknown_stays_unknown_and_order_does_not_matter(tones, chance):
    values = [*tones, None]
    kinds = [f"kind{i % 3}" for i in range(len(values))]
    found = tone_distances(values, kinds)
    order = list(range(len(values)))
    chance.shuffle(order)
    again = tone_distances([values[i] for i in order], [kinds[i] for i in order])
    assert found[-1] is None and all(d >= 0 for d in found[:-1])
    assert again == [pytest.approx(found[i]) if found[i] is not None else None for i in order]


@given(TONES)
def test_a_person_who_is_gladder_throughout_is_not_further_from_themselves(tones):
    kinds = [f"kind{i % 3}" for i in range(len(tones))]
    shifted = tone_distances([t + 0.25 for t in tones], kinds)
    assert shifted == pytest.approx(tone_distances(tones, kinds), abs=1e-6)
