"""Turn a conversation into tokens and say which of them are the person's own words.

Used wherever a loss is taken, in training as in scoring, so that both see the same text.
Every answer counts from its first word to its end token; questions and the system prompt
never count.

Control tokens that someone typed are broken up and trained as text. What a role looks like is
the chat template's business (see `templates/`).

Shape: messages -> Encoded(input_ids (tokens,), labels (tokens,)), labels -100 where hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echoes_lib.errors import ModelError

IGNORED = -100


@dataclass(frozen=True)
class Encoded:
    """One conversation as tokens: `input_ids` and `labels`, both (tokens,)."""

    input_ids: list[int]
    labels: list[int]
    truncated: bool = False

    @property
    def trained_tokens(self) -> int:
        """How many tokens the loss is taken over."""
        return sum(label != IGNORED for label in self.labels)


def encode(
    tokenizer: Any,
    template: str,
    messages: Sequence[dict[str, str]],
    max_length: int | None = None,
) -> Encoded:
    """Render and tokenise one conversation.

    Args:
        tokenizer: of the base model.
        template: with generation marks, from `templates.training_template`.
        messages: system, user and assistant messages; at least one answer.
        max_length: tokens to keep from the start; None keeps all.

    Returns:
        Tokens and labels.

    Raises:
        ModelError: no token would be trained: the template marks nothing, or the prompt
            alone fills `max_length`.
    """
    rendered = tokenizer.apply_chat_template(
        [message | {"content": as_text(tokenizer, message["content"])} for message in messages],
        chat_template=template,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    ids, mask = rendered["input_ids"], rendered["assistant_masks"]
    labels = [token if own else IGNORED for token, own in zip(ids, mask, strict=True)]
    encoded = Encoded(
        ids[:max_length], labels[:max_length], max_length is not None and len(ids) > max_length
    )
    if not encoded.trained_tokens:
        raise ModelError(
            f"a conversation of {len(ids)} tokens leaves nothing to train on: raise max_length "
            f"(now {max_length}), or mark the answers in the chat template with generation tags"
        )
    return encoded


def as_text(tokenizer: Any, text: str) -> str:
    """Break up control tokens that a person typed, so that they stay text.

    Tokenizers read a typed `</s>` as the end of the reply and `[INST]` as a new question. A
    space behind the first character is the one change; text without them is returned as is.

    Args:
        tokenizer: whose control tokens to look for.
        text: what a person wrote.

    Returns:
        The text, `"a </s> b"` as `"a < /s> b"`.
    """
    for token in tokenizer.added_tokens_encoder:
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def check_end_is_trained(tokenizer: Any, encoded: Encoded) -> None:
    """Make sure that the last trained token ends the reply.

    Raises:
        ModelError: the template leaves the end token outside its marks, so that the model
            would never learn to stop.
    """
    last = next(label for label in reversed(encoded.labels) if label != IGNORED)
    if not encoded.truncated and last not in tokenizer.all_special_ids:
        raise ModelError(
            "the chat template leaves the end token out of {% generation %}: move the end tag "
            "behind it, or the echo would never stop"
        )
