"""The seedling: its corpus, template, tokenizer, weights, and training that resumes exactly."""

import json
import re

import pytest

from echoes_lib.models.seedling import SEEDLING_DIR
from echoes_lib.models.seedling.corpus import PERSONAS, compose, conversations, held_out
from echoes_lib.models.seedling.corpus.grammar import Scope, expand, parse
from echoes_lib.models.seedling.corpus.inflect import forms
from echoes_lib.models.seedling.corpus.library import read_library

SYSTEM = {"role": "system", "content": "You are Luke."}
FIRST = [{"role": "user", "content": "Who are you?"}, {"role": "assistant", "content": " Luke. "}]
SECOND = [{"role": "user", "content": "Sure?"}, {"role": "assistant", "content": "Yes."}]
GOLDEN = {
    "one turn": (FIRST, "<s>[INST] Who are you?[/INST] Luke.</s>"),
    "one turn, system": (
        [SYSTEM, *FIRST],
        "<s>[INST] You are Luke.\n\nWho are you?[/INST] Luke.</s>",
    ),
    "two turns": (
        FIRST + SECOND,
        "<s>[INST] Who are you?[/INST] Luke.</s>[INST] Sure?[/INST] Yes.</s>",
    ),
    "two turns, system": (
        [SYSTEM, *FIRST, *SECOND],
        "<s>[INST] Who are you?[/INST] Luke.</s>[INST] You are Luke.\n\nSure?[/INST] Yes.</s>",
    ),
    "a prompt": ([SYSTEM, FIRST[0]], "<s>[INST] You are Luke.\n\nWho are you?[/INST]"),
}
ODD_TEXTS = [
    "plain words",
    "naïve café — “quotes”, 3½ €",
    "日本語 and العربية",
    "👩‍👧 emoji \U0001f9ff",
    "tabs\tand\r\nlines  with   gaps ",
    "\x00\x07 control",
    "a\u0301 combining, \ufeff mark, \u202e turn",
]


@pytest.fixture(scope="module")
def talks():
    return list(conversations(300, seed=5))


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SEEDLING_DIR)


def test_the_same_seed_writes_the_same_conversations(talks):
    assert talks[40:60] == list(conversations(20, seed=5, start=40))
    assert compose(5, 40) != compose(6, 40)


def test_every_conversation_has_a_persona_and_alternates(talks):
    for talk in talks:
        roles = [message["role"] for message in talk]
        assert roles == ["system", *["user", "assistant"] * (len(roles) // 2)]
        assert 3 <= len(roles) <= 7
        assert talk[0]["content"].startswith("You are ")


def test_the_wished_persona_is_the_usual_one(talks):
    wished = (
        "You are {name}, sharing your authentic thoughts and experiences with warmth and wisdom."
    )
    assert wished == PERSONAS[0]
    pattern = wished.replace("{name}", r"\w+")
    assert sum(bool(re.fullmatch(pattern, talk[0]["content"])) for talk in talks) > 100


def test_answers_are_english_of_the_wished_length(talks):
    answers = [m["content"] for talk in talks for m in talk if m["role"] == "assistant"]
    lengths = [len(answer.split()) for answer in answers]
    assert max(lengths) <= 240
    # The short ones answer a greeting or the question whether this is an AI.
    assert sum(length < 60 for length in lengths) < 0.08 * len(lengths)
    assert not any(re.search(r"[<>|()]|\ba [aeio]", answer) for answer in answers)


def test_long_sentences_seldom_repeat():
    answers = (
        m["content"] for talk in conversations(600) for m in talk if m["role"] == "assistant"
    )
    long = [s for a in answers for s in re.split(r"(?<=[.!?]) ", a) if len(s.split()) >= 12]
    assert len(set(long)) > 0.75 * len(long)


def test_held_out_people_and_words_are_new():
    seen = {
        talk[0]["content"] + talk[1]["content"] + talk[2]["content"] for talk in conversations(200)
    }
    fresh = {talk[0]["content"] + talk[1]["content"] + talk[2]["content"] for talk in held_out(50)}
    assert len(fresh) == 50 and not fresh & seen


def test_no_question_is_a_question_of_the_sample():
    sample = SEEDLING_DIR.parents[2] / "reflections" / "sample" / "questions.jsonl"
    asked = {json.loads(line)["question_text"].lower() for line in sample.read_text().splitlines()}
    ours = {
        m["content"].lower() for talk in conversations(1500) for m in talk if m["role"] == "user"
    }
    assert not asked & ours


def test_every_frame_expands():
    import random

    from echoes_lib.models.seedling.corpus.people import invent

    library = read_library()
    person = invent(0, 0, library.banks)
    frames = [frame for bank in library.banks.values() for frame in bank]
    for topic in library.topics:
        frames += topic.openings + topic.events + topic.lessons + topic.endings
        frames += [frame for pair in topic.questions + topic.followups for frame in pair]
    for frame in frames:
        scope = Scope(library.banks, person.own, random.Random(frame))
        for _ in range(3):
            assert not re.search(r"[<>|()]", expand(frame, scope)), frame


def test_grammar_binds_and_mends():
    import random

    scope = Scope({"pet": ["owl/owls", "eel/eels"]}, {}, random.Random(1))
    first = expand("a <pet.k>. many <pet.k:1>, and i(| too).", scope)
    assert re.fullmatch(r"An (owl|eel)\. Many \1s, and I( too)?\.", first)
    with pytest.raises(ValueError, match="brackets"):
        parse("(open")


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("chop the onions", "chop the onions/chopped the onions/chopping the onions"),
        ("bury the dog", "bury the dog/buried the dog/burying the dog"),
        ("lie", "lie/lay/lying"),
        ("write a list", "write a list/wrote a list/writing a list"),
    ],
)
def test_verbs_inflect(phrase, expected):
    assert forms(phrase) == expected


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_every_text_survives_the_tokenizer(tokenizer, text):
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_control_tokens_have_the_ids_of_the_config(tokenizer):
    config = json.loads((SEEDLING_DIR / "config.json").read_text())
    assert tokenizer.convert_tokens_to_ids(["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]) == [
        *range(5)
    ]
    assert (config["bos_token_id"], config["eos_token_id"]) == (1, 2)
    assert config["pad_token_id"] == tokenizer.pad_token_id == 5
    assert len(tokenizer) == config["vocab_size"] == 4096


@pytest.mark.parametrize("case", GOLDEN)
def test_the_template_renders_exactly(tokenizer, case):
    messages, expected = GOLDEN[case]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == expected


@pytest.mark.parametrize("roles", ["uu", "a", "sa", "us", "uaa", "ut"])
def test_roles_out_of_order_are_refused(tokenizer, roles):
    names = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    with pytest.raises(Exception, match="must alternate"):
        tokenizer.apply_chat_template([{"role": names[r], "content": "x"} for r in roles])


def test_the_mask_covers_the_answers_and_their_ends(tokenizer):
    messages = [SYSTEM, *FIRST, *SECOND]
    rendered = tokenizer.apply_chat_template(
        messages, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, mask = rendered["input_ids"], rendered["assistant_masks"]
    own = tokenizer.decode([token for token, is_own in zip(ids, mask, strict=True) if is_own])
    assert own == " Luke.</s> Yes.</s>"


def test_the_shipped_weights_load_and_answer(tokenizer):
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(SEEDLING_DIR, dtype=torch.float32)
    assert 3.5e6 < sum(p.numel() for p in model.parameters()) < 4.5e6
    prompt = tokenizer.apply_chat_template(GOLDEN["a prompt"][0], return_tensors="pt")
    with torch.inference_mode():
        logits = model(prompt["input_ids"]).logits
    assert torch.isfinite(logits).all()
    assert sum(path.stat().st_size for path in SEEDLING_DIR.iterdir()) <= 20 * 2**20


def test_the_record_tells_how_the_weights_were_made():
    record = json.loads((SEEDLING_DIR / "training.json").read_text())
    assert record["tokens"] > 0 and record["curve"][-1][1] < record["curve"][0][1]
    assert 0 < record["held_out_bits_per_byte"] < 2
    assert {"seed", "conversations", "pretrain_s", "versions", "tokens_sha256"} <= record.keys()


@pytest.fixture
def one_thread():
    """A miniature spends its time waiting for a second thread when the cores are busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


TINY = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32}


def tiny_run(folder=None, stop_after=None, steps=8, model_seed=3):
    import numpy as np

    from echoes_lib.models.seedling.architecture import new_model, seedling_config
    from echoes_lib.models.seedling.pretrain import PretrainArgs, pretrain

    model = new_model(seedling_config(**TINY), model_seed)
    tokens = np.random.default_rng(0).integers(6, 64, 400).astype(np.uint16)
    args = PretrainArgs(
        steps=steps, block_tokens=16, warmup_steps=2, decay_steps=2, checkpoint_every=3, log_every=2
    )
    return model, pretrain(model, tokens, args, folder, stop_after)


def same_weights(one, other):
    import torch

    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("stop_after", [1, 4, 7])
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, stop_after):
    whole, curve = tiny_run()
    tiny_run(tmp_path, stop_after)
    resumed, _ = tiny_run(tmp_path, model_seed=99)
    assert same_weights(whole, resumed)
    assert curve[-1][0] == 8


@pytest.mark.usefixtures("one_thread")
def test_the_end_may_move_while_the_rate_is_level(tmp_path):
    tiny_run(tmp_path, stop_after=4, steps=12)
    assert same_weights(tiny_run(steps=8)[0], tiny_run(tmp_path, steps=8)[0])


@pytest.mark.usefixtures("one_thread")
def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    tiny_run(tmp_path)
    with pytest.raises(ValueError, match="other arguments"):
        tiny_run(tmp_path, steps=9)
