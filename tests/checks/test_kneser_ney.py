"""The 5-gram yardstick is the model it says it is."""

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from echoes_lib.checks.kneser_ney import KneserNey

RNG = np.random.default_rng(0)
TOKENS = RNG.choice(20, size=600, p=RNG.dirichlet(np.ones(20) * 0.5))
# A ring: nltk counts otherwise what nothing stands before, the first tokens of a text.
TOKENS = np.concatenate([TOKENS[-4:], TOKENS])
QUERY = TOKENS[100:160].copy()
QUERY[::7] = RNG.choice(np.unique(TOKENS), len(QUERY[::7]))


@pytest.mark.parametrize("order", [2, 3, 5])
def test_it_equals_nltk_with_one_discount(order):
    reference = KneserNeyInterpolated(order=order, discount=0.3)
    spelt = [str(token) for token in TOKENS]
    reference.fit([list(everygrams(spelt, max_len=order))], spelt)
    ours = KneserNey(TOKENS, 20, order, discount=0.3).log2_probabilities(QUERY, order - 1)
    theirs = [
        reference.logscore(str(QUERY[at]), [str(t) for t in QUERY[at - order + 1 : at]])
        for at in range(order - 1, len(QUERY))
    ]
    assert np.abs(ours - theirs).max() < 1e-9


def test_its_probabilities_sum_to_one():
    model = KneserNey(TOKENS, 25)
    for context in (TOKENS[50:54], np.array([24, 24, 24, 24])):
        texts = [np.append(context, token) for token in range(25)]
        total = sum(2.0 ** model.log2_probabilities(text, 4)[0] for text in texts)
        assert total == pytest.approx(1.0, abs=0.01)


def test_it_knows_a_text_it_has_read():
    model = KneserNey(TOKENS, 4096)
    unread = RNG.permutation(QUERY)
    assert model.log2_probabilities(QUERY, 4).mean() > model.log2_probabilities(unread, 4).mean()


def test_too_many_ids_are_refused():
    with pytest.raises(ValueError, match="4096"):
        KneserNey(TOKENS, 5000)
