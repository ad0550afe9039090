import pytest

from echoes_lib.errors import ModelError
from echoes_lib.models.render import as_text, check_end_is_trained, encode
from echoes_lib.models.templates import template_text, training_template
from tests.models.tiny import make_tiny_tokenizer

SYSTEM = {"role": "system", "content": "Be Luke."}
ASK = {"role": "user", "content": "Hi?"}
YES = {"role": "assistant", "content": "Yes."}
WHY = {"role": "user", "content": "Why?"}
SO = {"role": "assistant", "content": "So."}

# The model's own template of Mistral-7B-Instruct-v0.3 without its branches for tools.
MISTRAL_OWN = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- endif %}
{%- endfor %}"""
SMOL_OWN = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PLAIN = "{% for message in messages %}{{ message['role'] + ': ' + message['content'] }}{% endfor %}"


def trained_text(tokenizer, encoded):
    return tokenizer.decode([token for token in encoded.labels if token != -100])


@pytest.mark.parametrize(
    ("messages", "text", "trained"),
    [
        ([ASK, YES], "<s>[INST] Hi?[/INST] Yes.</s>", " Yes.</s>"),
        (
            [SYSTEM, ASK, YES],
            "<s>[INST] Be Luke.\n\nHi?[/INST] Yes.</s>",
            " Yes.</s>",
        ),
        (
            [SYSTEM, ASK, YES, WHY, SO],
            "<s>[INST] Hi?[/INST] Yes.</s>[INST] Be Luke.\n\nWhy?[/INST] So.</s>",
            " Yes.</s> So.</s>",
        ),
    ],
)
def test_mistral_golden(messages, text, trained):
    tokenizer = make_tiny_tokenizer()
    encoded = encode(tokenizer, template_text("mistral_v3"), messages)
    assert tokenizer.decode(encoded.input_ids) == text
    assert trained_text(tokenizer, encoded) == trained
    check_end_is_trained(tokenizer, encoded)


def test_chatml_golden():
    tokenizer = make_tiny_tokenizer("chatml")
    tokenizer.add_special_tokens({"eos_token": "<|im_end|>"})
    encoded = encode(tokenizer, template_text("chatml"), [SYSTEM, ASK, YES])
    assert tokenizer.decode(encoded.input_ids) == (
        "<|im_start|>system\nBe Luke.<|im_end|>\n<|im_start|>user\nHi?<|im_end|>\n"
        "<|im_start|>assistant\nYes.<|im_end|>\n"
    )
    assert trained_text(tokenizer, encoded) == "Yes.<|im_end|>"
    check_end_is_trained(tokenizer, encoded)


@pytest.mark.parametrize(("own", "name"), [(MISTRAL_OWN, "mistral_v3"), (SMOL_OWN, "chatml")])
def test_shipped_template_is_found_by_rendering(own, name):
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = own
    assert training_template(tokenizer) == template_text(name)
    for prompt in ([ASK], [SYSTEM, ASK], [SYSTEM, ASK, YES, WHY]):
        asked = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        closed = tokenizer.apply_chat_template(
            [*prompt, SO], chat_template=template_text(name), tokenize=False
        )
        assert closed.startswith(asked)


def test_typed_control_tokens_stay_text():
    tokenizer = make_tiny_tokenizer()
    typed = {"role": "assistant", "content": "I typed </s> and [INST] once."}
    encoded = encode(tokenizer, template_text("mistral_v3"), [ASK, typed])
    text = " I typed < /s> and [ INST] once.</s>"
    assert trained_text(tokenizer, encoded) == text
    assert [encoded.input_ids.count(token) for token in (1, 2, 3, 4)] == [1, 1, 1, 1]
    assert as_text(tokenizer, "nothing special") == "nothing special"


def test_own_marks_win_and_strangers_are_refused():
    tokenizer = make_tiny_tokenizer()
    assert training_template(tokenizer) == tokenizer.chat_template
    tokenizer.chat_template = PLAIN
    with pytest.raises(ModelError, match=r"add echoes_lib/models/templates/<name>\.jinja"):
        training_template(tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(ModelError, match="choose an instruct model"):
        training_template(tokenizer)


def test_an_empty_mask_is_an_error():
    tokenizer = make_tiny_tokenizer()
    with pytest.raises(ModelError, match="nothing to train on"):
        encode(tokenizer, MISTRAL_OWN, [ASK, YES])
    with pytest.raises(ModelError, match="raise max_length"):
        encode(tokenizer, template_text("mistral_v3"), [ASK, YES], max_length=5)


def test_an_end_that_is_not_trained_is_an_error():
    tokenizer = make_tiny_tokenizer()
    template = template_text("mistral_v3").replace(
        '{{- " " + message["content"] | trim + eos_token -}}\n        {%- endgeneration -%}',
        '{{- " " + message["content"] | trim -}}{%- endgeneration -%}{{- eos_token -}}',
    )
    with pytest.raises(ModelError, match="never stop"):
        check_end_is_trained(tokenizer, encode(tokenizer, template, [ASK, YES]))


def test_the_seedling_carries_the_shipped_mistral_template():
    import json

    from echoes_lib.models.seedling import SEEDLING_DIR

    config = json.loads((SEEDLING_DIR / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["chat_template"] == template_text("mistral_v3")
