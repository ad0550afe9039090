"""Choose what of a conversation the model sees: the persona, the last messages, what fits.

The persona prompt always stands first and is the echo's own; system messages of a client are
left out, so that nobody can talk an echo into another person. Then come at most the last ten
messages, and of these as many as leave room for the reply. Retrieved memories and the length
of the reply are not decided here.

Shape: messages, persona, tokenizer, room in tokens -> Encoded prompt.
"""

from collections.abc import Sequence
from typing import Any

from echoes_lib.chat.render import Encoded, Message, encode_chat
from echoes_lib.errors import ModelError

HISTORY_MESSAGES = 10


def fit_prompt(
    tokenizer: Any,
    messages: Sequence[Message],
    system_prompt: str,
    context_tokens: int,
    max_new_tokens: int,
) -> Encoded:
    """Render the newest part of a conversation that leaves room for the reply.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        messages: the whole conversation, oldest first; it must hold a user message.
        system_prompt: the persona, never dropped.
        context_tokens: how many tokens the model can see at once.
        max_new_tokens: room to keep for the reply.

    Returns:
        The encoded prompt, at most `context_tokens - max_new_tokens` long.

    Raises:
        ModelError: there is no user message, or persona and last message alone do not fit.
    """
    turns = alternate(messages)[-HISTORY_MESSAGES:]
    turns = turns[1:] if turns and turns[0]["role"] == "assistant" else turns
    if not turns:
        raise ModelError("the conversation holds no user message: send one to get a reply")
    persona = {"role": "system", "content": system_prompt}
    room = context_tokens - max_new_tokens
    while True:
        encoded = encode_chat(tokenizer, [persona, *turns])
        if len(encoded.ids) <= room:
            return encoded
        if len(turns) == 1:
            raise ModelError(
                f"persona and last message are {len(encoded.ids)} tokens, but the context of "
                f"{context_tokens} leaves {room} beside max_new_tokens={max_new_tokens}: "
                "shorten the message or lower max_new_tokens"
            )
        turns = turns[2:]  # the oldest question goes together with its answer


def alternate(messages: Sequence[Message]) -> list[Message]:
    """Make roles alternate, from the first to the last user message.

    Args:
        messages: any roles in any order.

    Returns:
        User and assistant in turn: neighbours of one role are joined by a blank line; other
        roles, blank messages, and assistant messages before the first or after the last user
        message are left out. Empty when no user message is there.
    """
    turns: list[dict[str, str]] = []
    for message in messages:
        role, content = message["role"], message["content"].strip()
        if role not in ("user", "assistant") or not content or (not turns and role != "user"):
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += f"\n\n{content}"
        else:
            turns.append({"role": role, "content": content})
    if turns and turns[-1]["role"] == "assistant":
        turns.pop()
    return turns


def context_size(model: Any, tokenizer: Any) -> int:
    """Return how many tokens the model can see at once, by its config and its tokenizer."""
    positions = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    # A tokenizer without a limit says 1e30.
    return int(min(positions, tokenizer.model_max_length))
