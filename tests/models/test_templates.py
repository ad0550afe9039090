from typing import get_args

import pytest

from echoes_lib.errors import ModelError
from echoes_lib.models.render import as_text, check_end_is_trained, encode, end_id
from echoes_lib.models.templates import (
    find_template,
    renders_alike,
    seat_system,
    shipped_templates,
    template_text,
    training_template,
)
from echoes_lib.params import Common
from tests.models.families import TOKENIZERS, make_family_tokenizer
from tests.models.own_templates import FOUND, MISTRAL
from tests.models.tiny import make_tiny_tokenizer

SYSTEM = {"role": "system", "content": "Be Luke."}
ASK = {"role": "user", "content": "Hi?"}
YES = {"role": "assistant", "content": "Yes."}
WHY = {"role": "user", "content": "Why?"}
SO = {"role": "assistant", "content": "So."}

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


@pytest.mark.parametrize("family", TOKENIZERS)
def test_shipped_template_is_found_by_rendering(family):
    name, reason, text = find_template(make_family_tokenizer(family))
    assert (name, text) == (FOUND[family][1], template_text(FOUND[family][1]))
    assert "renders as the tokenizer's own" in reason
    assert training_template(make_family_tokenizer(family)) == text


@pytest.mark.parametrize("family", TOKENIZERS)
def test_no_other_template_renders_alike(family):
    own, name = FOUND[family]
    others = [template for template in shipped_templates() if template != name]
    alike = [
        t for t in others if renders_alike(make_family_tokenizer(family), own, template_text(t))
    ]
    assert alike == []


def test_every_shipped_template_can_be_chosen_by_name():
    field = Common.model_fields["chat_template"]
    (names, _) = get_args(field.annotation)
    assert sorted(get_args(names)) == shipped_templates()
    with pytest.raises(ModelError, match="'vicuna' is none of chatml"):
        find_template(make_tiny_tokenizer(), "vicuna")


def test_phi3_gets_the_persona_in_its_first_question():
    tokenizer = make_family_tokenizer("phi3")
    talk = [SYSTEM, ASK, YES, WHY]
    seated = seat_system(tokenizer, talk)
    assert seated == [{"role": "user", "content": "Be Luke.\n\nHi?"}, YES, WHY]
    ours = tokenizer.apply_chat_template(talk, chat_template=template_text("phi3"), tokenize=False)
    assert ours == tokenizer.apply_chat_template(seated, tokenize=False)


@pytest.mark.parametrize("family", TOKENIZERS)
def test_the_end_of_a_reply_is_one_known_token(family):
    tokenizer = make_family_tokenizer(family)
    end = tokenizer.convert_ids_to_tokens(end_id(tokenizer, training_template(tokenizer)))
    known = {"smollm2": "<|im_end|>", "phi3": "<|end|>", "phi3_mini": "<|end|>"}
    assert end == known.get(family, "</s>")


@pytest.mark.parametrize("name", ["mistral_v3", "llama2"])
def test_roles_that_do_not_alternate_are_refused(name):
    from jinja2 import TemplateError

    tokenizer = make_tiny_tokenizer()
    for talk in ([ASK, ASK], [YES], [ASK, SYSTEM]):
        with pytest.raises(TemplateError, match="roles must alternate"):
            tokenizer.apply_chat_template(talk, chat_template=template_text(name), tokenize=False)


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
    with pytest.raises(
        ModelError, match="choose an instruct model.*set chat_template to one of chatml"
    ):
        training_template(tokenizer)


def test_an_empty_mask_is_an_error():
    tokenizer = make_tiny_tokenizer()
    with pytest.raises(ModelError, match="nothing to train on"):
        encode(tokenizer, MISTRAL, [ASK, YES])
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
