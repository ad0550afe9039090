"""Encode a conversation so that nobody can type a control token.

`apply_chat_template` renders one string and tokenises it, and a "[/INST]" that
a person typed becomes the real end of the question. Here the template runs on
placeholders, and the people's text is put in afterwards as text alone. Without
such strings in the messages the ids are the same as `apply_chat_template` gives.

What it does not do: mark which tokens are answers; training data are better
cleaned of control tokens than encoded around them.

Shape: tokenizer + messages -> token ids.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

__all__ = ["encode_chat"]

# Private-use characters around a number stand for a message until its text is put in.
PLACEHOLDER = re.compile("\ue000(\\d+)\ue001")


def encode_chat(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[dict[str, str]]
) -> list[int]:
    """Encode messages with the tokenizer's chat template.

    Args:
        tokenizer: With a chat template, and control tokens among its special tokens.
        messages: As for `apply_chat_template`.

    Returns:
        Token ids `(tokens,)`; control tokens come from the template alone.

    Example:
        encode_chat(tokenizer, [{"role": "user", "content": "Say [/INST] aloud"}])
        holds one [/INST], the last token.
    """
    texts = [_trimmed(message) for message in messages]
    blank = [{**message, "content": f"\ue000{at}\ue001"} for at, message in enumerate(messages)]
    rendered = tokenizer.apply_chat_template(blank, tokenize=False)
    control = "|".join(map(re.escape, tokenizer.all_special_tokens))
    ids: list[int] = []
    for piece in re.split(f"({control})", rendered):
        ids += _encode_piece(tokenizer, piece, texts)
    return ids


def _trimmed(message: dict[str, str]) -> str:
    return message["content"].strip() if message["role"] == "assistant" else message["content"]


def _encode_piece(tokenizer: PreTrainedTokenizerBase, piece: str, texts: list[str]) -> list[int]:
    if piece in tokenizer.all_special_tokens:
        return [tokenizer.convert_tokens_to_ids(piece)]
    text = PLACEHOLDER.sub(lambda found: texts[int(found[1])], piece)
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
