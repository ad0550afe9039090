"""How a base model is spoken to: its chat template, the token that ends a reply, its padding.

A tokenizer brings its own template, or is given one of those that ship by name. Either way
the answers of the template can be told apart, and the token that ends them is one token.

Does not load (see `load.py`) and does not render (see `render.py`).

Shape: tokenizer, name of a template or None -> Speech(tokenizer, end_id, info).
"""

from dataclasses import dataclass
from typing import Any

from echoes_lib.errors import ModelError
from echoes_lib.models.render import end_id
from echoes_lib.models.templates import find_template

PAD_CANDIDATES = ("<pad>", "<|pad|>", "[PAD]", "<|finetune_right_pad_id|>", "<|endoftext|>")


@dataclass(frozen=True)
class Speech:
    """A tokenizer that is ready for chat and training.

    `info` holds chat_template, chat_template_reason, end_token, pad_token, pad_token_reason.
    """

    tokenizer: Any
    end_id: int
    info: dict[str, Any]


def prepare(tokenizer: Any, chat_template: str | None = None) -> Speech:
    """Give a tokenizer what chat and training need, in place.

    Args:
        tokenizer: as it was loaded.
        chat_template: the name of a template that ships, used instead of the tokenizer's own.

    Returns:
        The tokenizer, the token that ends a reply, and what was chosen with reasons.

    Raises:
        ModelError: there is no template to train with, its replies end with no single token,
            or no token is free for padding.
    """
    name, reason, text = find_template(tokenizer, chat_template)
    if chat_template:
        tokenizer.chat_template = text
    end = end_id(tokenizer, text)
    tokenizer.pad_token, pad_reason = choose_pad_token(tokenizer, end)
    info = {
        "chat_template": name,
        "chat_template_reason": reason,
        "end_token": tokenizer.convert_ids_to_tokens(end),
        "pad_token": tokenizer.pad_token,
        "pad_token_reason": pad_reason,
    }
    return Speech(tokenizer, end, info)


def choose_pad_token(tokenizer: Any, end: int | None = None) -> tuple[str, str]:
    """Choose a token for padding that never ends a reply.

    With the end token as padding, a collator that hides padding also hides every end, and
    the model never learns to stop.

    Args:
        tokenizer: of the base model.
        end: the token that ends replies, where it is not the tokenizer's end token.

    Returns:
        The token and the reason.

    Raises:
        ModelError: the vocabulary has no token to spare.
    """
    ends = {tokenizer.eos_token, None if end is None else tokenizer.convert_ids_to_tokens(end)}
    if tokenizer.pad_token is not None and tokenizer.pad_token not in ends:
        return tokenizer.pad_token, "the tokenizer's own"
    vocabulary = tokenizer.get_vocab()
    for token in PAD_CANDIDATES:
        if token in vocabulary and token not in ends:
            return token, "in the vocabulary, and not the end token"
    if tokenizer.unk_token is not None and tokenizer.unk_token not in ends:
        return tokenizer.unk_token, "the tokenizer has no pad token; unknown never ends a reply"
    raise ModelError(
        "the base model's tokenizer has no token for padding besides its end token: set "
        "pad_token in its tokenizer_config.json to an unused token of the vocabulary"
    )
