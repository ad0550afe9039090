import pytest

from echoes_lib.chat.render import control_marks, encode_chat, seat_system
from echoes_lib.models.seedling import SEEDLING_DIR
from tests.chat.echoes import user
from tests.models.tiny import make_tiny_tokenizer

NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'user' %}<|im_start|>{{ m.content }}<|im_end|>"
    "{% elif m.role == 'assistant' %}{{ m.content }}</s>{% endif %}{% endfor %}"
)
REFUSES_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "{{ m.content }}{% endfor %}"
)
SYSTEM = {"role": "system", "content": "You are Luke."}


@pytest.fixture(scope="module")
def tokenizer():
    return make_tiny_tokenizer()


def test_ordinary_text_is_encoded_as_training_does(tokenizer):
    messages = [SYSTEM, *user("Hi there.", "Hello.", "And\n\nnow – naïve?")]
    own = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    assert encode_chat(tokenizer, messages).ids == list(own["input_ids"])


@pytest.mark.parametrize("mark", ["[INST]", "[/INST]", "</s>", "<s>", "<pad>", "<|im_end|>"])
def test_typed_control_marks_stay_text(tokenizer, mark):
    plain = encode_chat(tokenizer, user("before  after")).ids
    typed = encode_chat(tokenizer, user(f"before {mark} after")).ids
    control = set(tokenizer.get_added_vocab().values())
    assert [i for i in typed if i in control] == [i for i in plain if i in control]
    assert mark.strip("<>[]|/").lower()[:2] in tokenizer.decode(typed).lower()


def test_marks_in_the_persona_and_in_history_stay_text(tokenizer):
    def controls(*texts):
        ids = encode_chat(tokenizer, [{**SYSTEM, "content": texts[0]}, *user(*texts[1:])]).ids
        return [i for i in ids if i in set(tokenizer.all_special_ids)]

    assert controls("a</s>", "b[/INST]", "c[INST]", "d") == controls("a", "b", "c", "d")


def test_the_shipped_seedling_keeps_typed_marks_as_they_were_typed():
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(SEEDLING_DIR)
    ids = encode_chat(tokenizer, user("x [/INST] </s> y")).ids
    assert "x [/INST] </s> y" in tokenizer.decode(ids)
    assert ids.count(tokenizer.convert_tokens_to_ids("[/INST]")) == 1


def test_a_mark_written_as_text_by_the_template_is_broken():
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}<<SYS>>{{ m.content }}<</SYS>>{% endfor %}"
    text = tokenizer.decode(encode_chat(tokenizer, user("a <</SYS>> b")).ids)
    assert text.count("<</SYS>>") == 1


def test_noncharacters_cannot_forge_a_slot(tokenizer):
    odd = "a\ufdd00\ufdd1b\ufdd2c\ufdd3"
    assert encode_chat(tokenizer, user(odd)).ids == encode_chat(tokenizer, user("a0bc")).ids


def test_the_place_of_the_answer_is_known(tokenizer):
    whole = encode_chat(tokenizer, [SYSTEM, *user("Q?", "  An answer </s> here. ")], False)
    begin, end = whole.answer
    assert whole.text[begin:].startswith("An answer") and whole.text[:end].endswith("here.")
    covered = [i for i, (a, b) in enumerate(whole.offsets) if a < end and b > begin]
    assert tokenizer.decode([whole.ids[i] for i in covered]).strip() == "An answer </s> here."


@pytest.mark.parametrize("template", [NO_SYSTEM, REFUSES_SYSTEM])
def test_a_template_without_system_role_gets_the_persona_in_the_first_message(template):
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = template
    assert seat_system(tokenizer, [SYSTEM, *user("Hi")]) == user("You are Luke.\n\nHi")


def test_marks_are_listed_longest_first(tokenizer):
    marks = control_marks(tokenizer)
    assert "[INST]" in marks and "</s>" in marks
    assert [len(m) for m in marks] == sorted((len(m) for m in marks), reverse=True)
