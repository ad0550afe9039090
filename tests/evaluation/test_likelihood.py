import math

import pytest
import torch

from echoes_lib.errors import ModelError
from echoes_lib.evaluation.likelihood import score_answers
from echoes_lib.models.load import load_base
from echoes_lib.params import Common
from tests.chat.echoes import ANSWERS, PERSONA, user
from tests.models.tiny import make_tiny_base

SYSTEM = {"role": "system", "content": PERSONA}
PAIRS = [([SYSTEM, *user(f"Tell me about number {i}.")], a) for i, a in ANSWERS.items()]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = make_tiny_base(tmp_path_factory.mktemp("base"), tie_word_embeddings=False)
    return load_base(Common(base_model=str(folder)))


@pytest.fixture
def uniform(base):
    """Give the model zero logits: every token costs log2(V) bits."""
    hook = base.model.get_output_embeddings().register_forward_hook(lambda m, i, out: out * 0)
    yield base
    hook.remove()


def test_a_uniform_model_costs_log2_v_per_token(uniform):
    answer = "Rain on a tin roof."
    tokens = uniform.tokenizer(" " + answer, add_special_tokens=False)["input_ids"]
    (found,) = score_answers(uniform.model, uniform.tokenizer, [(PAIRS[0][0], answer)])
    vocabulary = uniform.model.config.vocab_size
    assert found.n_bytes == 19
    assert found.bits == pytest.approx(len(tokens) * math.log2(vocabulary), rel=1e-6)
    assert found.per_byte == pytest.approx(found.bits / 19)


def test_bytes_are_utf8(uniform):
    (found,) = score_answers(uniform.model, uniform.tokenizer, [(PAIRS[0][0], " naïve – yes ")])
    assert found.n_bytes == len("naïve – yes".encode()) == 14


# In the first answer the blank before it shares a token with its first word, in the other not.
@pytest.mark.parametrize("which", [0, 2])
def test_by_hand_without_batch_or_padding(base, which):
    messages, answer = PAIRS[which]
    prompt = base.tokenizer.apply_chat_template(messages, tokenize=False)
    start = base.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    rest = base.tokenizer(" " + answer, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = base.model(torch.tensor([start + rest])).logits[0].double()
    log_p = torch.log_softmax(logits, dim=-1)
    counted = [(i, t) for i, t in enumerate(rest) if base.tokenizer.decode([t]) != " " or i]
    bits = -sum(log_p[len(start) + i - 1, t].item() for i, t in counted) / math.log(2)
    assert len(counted) == len(rest) - (which == 2)
    (found,) = score_answers(base.model, base.tokenizer, [PAIRS[which]])
    assert found.bits == pytest.approx(bits, rel=1e-5)


@pytest.mark.parametrize("batch_size", [2, 3, 6])
def test_batch_size_and_order_change_nothing(base, batch_size):
    alone = [score_answers(base.model, base.tokenizer, [pair])[0] for pair in PAIRS]
    found = score_answers(base.model, base.tokenizer, PAIRS[::-1], batch_size)[::-1]
    assert [f.n_bytes for f in found] == [a.n_bytes for a in alone]
    assert [f.bits for f in found] == pytest.approx([a.bits for a in alone], rel=1e-5)


def test_what_lies_beyond_max_length_counts_neither_in_bits_nor_in_bytes(uniform):
    answer = "one two three four five six seven eight nine ten. " * 6
    (whole,) = score_answers(uniform.model, uniform.tokenizer, [(PAIRS[0][0], answer)])
    (part,) = score_answers(
        uniform.model, uniform.tokenizer, [(PAIRS[0][0], answer)], max_length=150
    )
    assert 0 < part.n_bytes < whole.n_bytes
    assert part.bits < whole.bits
    assert part.per_byte == pytest.approx(whole.per_byte, rel=0.15)


def test_a_prompt_longer_than_max_length_names_the_parameter(base):
    with pytest.raises(ModelError, match="max_length=8"):
        score_answers(base.model, base.tokenizer, PAIRS[:1], max_length=8)


def test_a_control_mark_in_an_answer_is_scored_as_text(base):
    (found,) = score_answers(base.model, base.tokenizer, [(PAIRS[0][0], "He wrote </s> on it.")])
    assert math.isfinite(found.bits) and found.n_bytes == 20
