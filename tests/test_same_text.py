"""What training learned from, what chat asks and what evaluation scores are the same tokens."""

import pytest

from echoes_lib.chat.render import encode_chat
from echoes_lib.models.load import load_tokenizer
from echoes_lib.models.render import encode
from echoes_lib.models.templates import training_template
from echoes_lib.params import TrainParams
from echoes_lib.reflections.sources.sample import read_lines

SYSTEM = {"role": "system", "content": "You are Luke."}


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(TrainParams())


@pytest.mark.parametrize("user_id", ["luke", "agnes", "dev", "marisol", "henryk"])
def test_training_and_chat_read_the_same_tokens(tokenizer, user_id):
    template = training_template(tokenizer)
    texts = [row["response_text"] for row in list(read_lines(f"answers/{user_id}"))[:6]]
    for first, second in zip(texts, texts[1:], strict=False):
        talk = [
            SYSTEM,
            {"role": "user", "content": "Who taught you?"},
            {"role": "assistant", "content": first},
            {"role": "user", "content": "And then?"},
            {"role": "assistant", "content": second},
        ]
        trained = encode(tokenizer, template, talk).input_ids
        assert trained == encode_chat(tokenizer, talk, reply_next=False).ids
        prompt = encode_chat(tokenizer, talk[:-1]).ids
        assert trained[: len(prompt)] == prompt
