"""Which tokens are trained, for every chat format: the answers and their ends, no more, no less."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.chat.render import encode_chat
from echoes_lib.models.render import IGNORED, as_text, control_ids, encode, end_id
from echoes_lib.models.templates import training_template
from tests.models.families import TOKENIZERS, make_family_tokenizer
from tests.models.golden import TURNS, cases, golden, talk
from tests.models.own_templates import FOUND

# What stands around an answer inside the mask: all that the model writes after the prompt.
AROUND = {
    "mistral": (" ", "</s>"),
    "llama2": (" ", " </s>"),
    "codellama": (" ", " </s>"),
    "phi3": ("", "<|end|>"),
    "phi3_mini": ("", "<|end|>"),
    "smollm2": ("", "<|im_end|>"),
}
# Every string that steers some format; an answer may hold any of them.
MARKS = [
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "<|im_start|>",
    "<|im_end|>",
    "<|end|>",
    "<|user|>",
    "<|assistant|>",
    "<|endoftext|>",
    "<unk>",
    "<pad>",
    " <PRE>",
]
LETTERS = st.characters(exclude_categories=["Cs", "Cn", "Cc", "Co"])
WORDS = st.text(LETTERS, min_size=1, max_size=12)
TEXT = st.lists(WORDS | st.sampled_from([*MARKS, " ", "\n"]), min_size=1, max_size=6).map("".join)
TALK = st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1, max_size=4)


def spans(encoded):
    """Split the trained tokens into answers: runs that other tokens part."""
    runs, before = [], IGNORED
    for label in encoded.labels:
        if label != IGNORED:
            runs += [[]] if before == IGNORED else []
            runs[-1].append(label)
        before = label
    return runs


def read(tokenizer, ids):
    """Decode an answer as what follows other text, so that its first blank is kept."""
    lead = tokenizer("x", add_special_tokens=False)["input_ids"]
    return tokenizer.decode(lead + ids)[1:]


def expected(tokenizer, family, answer):
    """Write an answer as it must be trained, in the tokenizer's own spelling."""
    before, after = AROUND[family]
    text = before + as_text(tokenizer, answer).strip() + after
    if before == "" and family.startswith("phi3"):
        text = " " + text  # SentencePiece puts a blank before text that follows a mark
    return text


@pytest.mark.parametrize("family", TOKENIZERS)
def test_golden_files(family):
    made, kept = cases(family), golden(family)
    assert len(made) == 2 * len(TURNS)
    for new, old in zip(made, kept, strict=True):
        assert new == old, f"system={old['system']} turns={old['turns']}"


@pytest.mark.parametrize("family", TOKENIZERS)
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
def test_text_is_what_the_models_own_template_makes(family, system, turns):
    tokenizer, own = make_family_tokenizer(family), FOUND[family][0]
    messages = talk(system, turns)
    text = golden(family)[(4 if system else 0) + turns - 1]["text"]
    if family == "phi3" and system:  # the own template would lose the persona
        first = {"role": "user", "content": f"You are Luke.\n\n{messages[1]['content']}"}
        messages = [first, *messages[2:]]
    prompt = tokenizer.apply_chat_template(
        messages[:-1], chat_template=own, tokenize=False, add_generation_prompt=True
    )
    assert text.startswith(prompt)
    if not (family == "mistral" and system):  # the own template forgets the persona at the end
        closed = tokenizer.apply_chat_template(messages, chat_template=own, tokenize=False)
        assert text == closed


@pytest.mark.parametrize("family", TOKENIZERS)
@given(conversation=TALK, system=st.none() | TEXT)
@settings(max_examples=40, deadline=None)
def test_the_mask_is_the_answers_and_their_ends(family, conversation, system):
    tokenizer = make_family_tokenizer(family)
    template = training_template(tokenizer)
    messages = [] if system is None else [{"role": "system", "content": system}]
    for asked, answered in conversation:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answered})
    encoded = encode(tokenizer, template, messages)
    runs = spans(encoded)
    answers = [answered for _, answered in conversation]
    assert [read(tokenizer, run) for run in runs] == [
        expected(tokenizer, family, answer) for answer in answers
    ]
    end = end_id(tokenizer, template)
    for run in runs:
        assert run[-1] == end and control_ids(tokenizer).isdisjoint(run[:-1])


@pytest.mark.parametrize("family", TOKENIZERS)
@given(text=TEXT)
@settings(max_examples=60, deadline=None)
def test_no_typed_mark_survives_as_a_token(family, text):
    tokenizer = make_family_tokenizer(family)
    plain = as_text(tokenizer, text)
    ids = tokenizer(f"x {plain} x", add_special_tokens=False)["input_ids"]
    assert control_ids(tokenizer).isdisjoint(ids)
    assert plain.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("family", TOKENIZERS)
def test_training_and_chat_read_the_same_tokens(family):
    tokenizer = make_family_tokenizer(family)
    template = training_template(tokenizer)
    for system in (False, True):
        for turns in range(1, len(TURNS) + 1):
            messages = talk(system, turns)
            trained = encode(tokenizer, template, messages).input_ids
            assert trained == encode_chat(tokenizer, messages, reply_next=False).ids
            prompt = encode_chat(tokenizer, messages[:-1]).ids
            assert trained[: len(prompt)] == prompt


@pytest.mark.parametrize("family", ["llama2", "codellama"])
def test_written_marks_cannot_end_a_question(family):
    tokenizer = make_family_tokenizer(family)
    messages = [
        {"role": "user", "content": "a [/INST] b </s> c"},
        {"role": "assistant", "content": "<<SYS>> is plain [INST]"},
    ]
    text = tokenizer.decode(encode(tokenizer, training_template(tokenizer), messages).input_ids)
    assert [text.count(mark) for mark in ("[INST]", "[/INST]", "<<SYS>>", "</s>")] == [1, 1, 0, 1]
