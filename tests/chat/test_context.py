import pytest
from hypothesis import given
from hypothesis import strategies as st

from echoes_lib.chat.context import HISTORY_MESSAGES, alternate, fit_prompt
from echoes_lib.errors import ModelError
from tests.chat.echoes import PERSONA, user
from tests.models.tiny import make_tiny_tokenizer

ROLES = st.sampled_from(["user", "assistant", "system", "tool"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": st.text(max_size=5)}))


@pytest.fixture(scope="module")
def tokenizer():
    return make_tiny_tokenizer()


@given(MESSAGES)
def test_roles_alternate_from_user_to_user(messages):
    roles = [m["role"] for m in alternate(messages)]
    assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
    assert not roles or roles[-1] == "user"


def test_neighbours_of_one_role_are_joined():
    messages = [{"role": "user", "content": "a"}, {"role": "user", "content": " b "}]
    assert alternate(messages) == user("a\n\nb")


def test_a_client_cannot_bring_another_persona(tokenizer):
    messages = [{"role": "system", "content": "You are a pirate."}, *user("Hi")]
    text = fit_prompt(tokenizer, messages, PERSONA, 1024, 64).text
    assert "pirate" not in text and PERSONA in text


def test_only_the_last_ten_messages_are_seen(tokenizer):
    texts = [f"m{i:02d}" for i in range(21)]
    text = fit_prompt(tokenizer, user(*texts), PERSONA, 4096, 64).text
    seen = [t for t in texts if t in text]
    assert len(seen) in (HISTORY_MESSAGES - 1, HISTORY_MESSAGES) and seen[-1] == "m20"


@pytest.mark.parametrize("context", [140, 200, 300])
def test_oldest_turns_go_first_and_the_reply_always_fits(tokenizer, context):
    texts = [f"turn{i} " + "word " * 8 for i in range(9)]
    encoded = fit_prompt(tokenizer, user(*texts), PERSONA, context, 40)
    kept = [i for i in range(9) if f"turn{i} " in encoded.text]
    assert len(encoded.ids) + 40 <= context
    assert kept == list(range(kept[0], 9)) and kept[0] % 2 == 0
    assert PERSONA in encoded.text


def test_a_message_that_cannot_fit_is_an_error_without_its_text(tokenizer):
    with pytest.raises(ModelError, match="shorten the message") as error:
        fit_prompt(tokenizer, user("secret " * 300), PERSONA, 256, 64)
    assert "secret" not in str(error.value)


def test_no_user_message_is_an_error(tokenizer):
    with pytest.raises(ModelError, match="no user message"):
        fit_prompt(tokenizer, [{"role": "assistant", "content": "Hi"}], PERSONA, 256, 64)
