import threading

import pytest
import torch

from echoes_lib.chat.engine import Engine
from echoes_lib.chat.opening import open_engine
from echoes_lib.chat.sampling import draw, stop_ids
from echoes_lib.errors import ModelError
from echoes_lib.params import Generation
from tests.chat.echoes import load, make_echo_folder, user

SHORT = Generation(max_new_tokens=24)
GREEDY = Generation(max_new_tokens=24, do_sample=False)
Q = user("What small thing makes you happy?")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_echo_folder(tmp_path_factory.mktemp("echo"))


def push(echo, tokens, by):
    """Make some tokens likelier, or less likely, at every step."""
    bias = torch.zeros(echo.model.config.vocab_size)
    bias[tokens] = by
    echo.model.get_output_embeddings().register_forward_hook(lambda m, i, out: out + bias)


def talkative(echo):
    """Keep a random model from ending its reply at once."""
    push(echo, stop_ids(echo.model, echo.tokenizer), -1e4)
    return echo


@pytest.fixture
def engine(folder):
    return Engine(talkative(load(folder)))


@pytest.fixture
def plain_engine(folder):
    return Engine(load(folder))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("which", ["engine", "plain_engine"])
def test_stream_joined_is_the_reply(request, which, seed):
    engine = request.getfixturevalue(which)
    hot = Generation(max_new_tokens=40, temperature=2.0, top_k=0, top_p=1.0)
    whole = engine.reply(Q, hot, seed=seed)
    stream = engine.stream(Q, hot, seed=seed)
    assert "".join(stream) == whole.text
    assert stream.reply == whole


def test_same_seed_same_reply_and_torch_keeps_its_own_state(engine):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (engine.reply(Q, SHORT, seed=s).text for s in (1, 1, 2))
    assert first == again != other
    assert torch.rand(1) == expected


def test_control_tokens_are_never_shown_and_end_the_reply(engine):
    ends = stop_ids(engine.echo.model, engine.echo.tokenizer)
    inst = engine.echo.tokenizer.convert_tokens_to_ids("[INST]")
    assert inst in ends and engine.echo.tokenizer.eos_token_id in ends
    push(engine.echo, [inst], 1e6)
    reply = engine.reply(Q, SHORT, seed=1)
    assert (reply.text, reply.n_tokens, reply.finish_reason) == ("", 0, "stop")


def test_length_ends_a_reply_that_does_not_stop(engine):
    reply = engine.reply(Q, SHORT, seed=1)
    assert (reply.n_tokens, reply.finish_reason) == (24, "length")


def test_a_batch_answers_as_one_by_one(engine):
    many = [Q, user("Hi"), user("Tell me about a place, at some length, please.")]
    alone = [engine.reply_batch([m], GREEDY)[0].text for m in many]
    assert [r.text for r in engine.reply_batch(many, GREEDY)] == alone
    assert [engine.reply(m, GREEDY).text for m in many] == alone


def test_base_answers_when_asked_and_the_adapter_comes_back(engine):
    echo = engine.reply_batch([Q], GREEDY)[0]
    base = engine.reply_batch([Q], GREEDY, base=True)[0]
    assert base.served_by == "base" and base.text != echo.text
    assert engine.reply_batch([Q], GREEDY)[0] == echo


def break_adapter(echo, value=float("nan")):
    with torch.no_grad():
        for name, weights in echo.model.named_parameters():
            if "lora_B" in name:
                weights.fill_(value)


@pytest.mark.parametrize("generation", [SHORT, GREEDY])
def test_the_base_answers_for_a_broken_adapter_and_says_so(engine, generation):
    expected = engine.reply_batch([Q], generation, seed=3, base=True)[0].text
    break_adapter(engine.echo)
    reply = engine.reply(Q, generation, seed=3)
    stream = engine.stream(Q, generation, seed=3)
    assert "".join(stream) == reply.text == expected
    assert stream.reply.served_by == reply.served_by == "base"
    assert "adapter failed" in reply.reason


def test_evaluation_does_not_hide_a_broken_adapter(engine):
    break_adapter(engine.echo)
    with pytest.raises(FloatingPointError):
        engine.reply_batch([Q], GREEDY)


def test_a_base_that_fails_too_ends_the_stream_with_its_error(engine):
    def fail(*_):
        raise RuntimeError("no such kernel")

    engine.echo.model.get_output_embeddings().register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="no such kernel"):
        list(engine.stream(Q, SHORT, seed=1))


def test_leaving_a_stream_stops_the_model_and_frees_the_engine(engine):
    pieces = iter(engine.stream(Q, Generation(max_new_tokens=700), seed=1))
    next(pieces)
    pieces.close()
    assert not any("_work" in thread.name for thread in threading.enumerate())
    assert engine.reply(Q, SHORT, seed=1).n_tokens == 24


def test_asked_whether_it_is_an_ai_it_says_so(engine):
    reply = engine.reply(user("Hello", "Hi!", "Are you a real person?"))
    assert reply.served_by == "notice" and "AI echo of Luke" in reply.text
    stream = engine.stream(user("Are you a bot?"))
    assert "".join(stream) == reply.text


def test_too_long_a_message_fails_before_the_first_piece(engine):
    with pytest.raises(ModelError, match="context"):
        engine.stream(user("word " * 2000), SHORT)


def test_an_adapter_that_cannot_be_loaded_leaves_the_base(folder, tmp_path):
    import shutil

    broken = shutil.copytree(folder, tmp_path / "broken")
    (broken / "adapter_model.safetensors").write_bytes(b"not a tensor")
    engine = open_engine(broken)
    talkative(engine.echo)
    reply = engine.reply(Q, GREEDY)
    assert reply.served_by == "base" and "could not be loaded" in reply.reason
    assert reply.text == Engine(talkative(load(folder))).reply_batch([Q], GREEDY, base=True)[0].text


def test_a_folder_without_its_card_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="3_train"):
        open_engine(tmp_path)


def test_left_padding_does_not_change_greedy_tokens(engine):
    echo = engine.echo
    prompts = [[1, 3, 40, 41, 4], [1, 3, 50, 4]]
    together = draw(echo.model, echo.tokenizer, prompts, GREEDY)
    assert together == [draw(echo.model, echo.tokenizer, [p], GREEDY)[0] for p in prompts]
