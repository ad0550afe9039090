"""Turn a conversation into tokens and say which of them are the person's own words.

Used wherever a loss is taken, in training as in scoring, so that both see the same text.
Every answer counts from its first word to its end token; questions and the system prompt
never count.

Of an answer the model learns all that it must write itself once the prompt stands: what the
format puts around the words (a space, in Mistral's and Llama-2's), the words, the end token.
Control marks that someone typed are broken up and trained as text. What a role looks like is
the chat template's business (see `templates/`).

Shape: messages -> Encoded(input_ids (tokens,), labels (tokens,)), labels -100 where hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from echoes_lib.errors import ModelError

IGNORED = -100
# Formats such as Llama-2's write these as ordinary text instead of tokens of their own.
WRITTEN_MARKS = ("[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
BLANKS = " \u2581"  # the second is SentencePiece's sign for the first


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
        [_plain(tokenizer, message) for message in messages],
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
    """Break up control marks that a person typed, so that they stay text.

    Tokenizers read a typed `</s>` as the end of the reply and `[INST]` as a new question. A
    space behind the first character is the one change; text without them is returned as is.

    Args:
        tokenizer: whose control marks to look for.
        text: what a person wrote.

    Returns:
        The text, `"a </s> b"` as `"a < /s> b"`.
    """
    for mark in control_marks(tokenizer):
        for form in (mark, mark.replace(BLANKS[1], BLANKS[0])):
            cut = len(form) - len(form.lstrip(BLANKS)) + 1
            if cut < len(form) and form in text:
                text = text.replace(form, f"{form[:cut]} {form[cut:]}")
    return text


def control_marks(tokenizer: Any) -> list[str]:
    """List the strings that steer this tokenizer's chat format, longest first.

    They are its added tokens, and what its template writes as ordinary text, as Llama-2's does.
    """
    template = str(tokenizer.chat_template)
    written = [mark for mark in WRITTEN_MARKS if mark in template]
    known = {*tokenizer.get_added_vocab(), *tokenizer.all_special_tokens, *written}
    return sorted(known, key=lambda mark: (-len(mark), mark))


def control_ids(tokenizer: Any) -> set[int]:
    """List the tokens that are no part of anyone's words.

    More than the tokenizer's named ones: Phi-3 names neither `<|end|>` nor `<|user|>`.
    """
    added = tokenizer.added_tokens_decoder.items()
    return {number for number, token in added if token.special} | set(tokenizer.all_special_ids)


def end_id(tokenizer: Any, template: str) -> int:
    """Find the token that ends every reply: the last one of an answer that is trained.

    Args:
        tokenizer: of the base model.
        template: with generation marks, from `templates.training_template`.

    Raises:
        ModelError: replies do not end with a control token, so that none would ever stop.
    """
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    encoded = encode(tokenizer, template, messages)
    check_end_is_trained(tokenizer, encoded)
    return _last_trained(encoded)


def check_end_is_trained(tokenizer: Any, encoded: Encoded) -> None:
    """Make sure that the last trained token ends the reply.

    Raises:
        ModelError: the template leaves the end token outside its marks, or ends replies with
            letters, so that the model would never learn to stop.
    """
    if not encoded.truncated and _last_trained(encoded) not in control_ids(tokenizer):
        raise ModelError(
            "the chat template leaves the end token out of {% generation %}, or ends answers "
            "with what is no single token of this tokenizer: move the end tag behind the end "
            "token, or choose another chat_template, or the echo would never stop"
        )


def _last_trained(encoded: Encoded) -> int:
    return next(label for label in reversed(encoded.labels) if label != IGNORED)


def _plain(tokenizer: Any, message: dict[str, str]) -> dict[str, str]:
    """Return a message without control marks, an answer also without blanks at its ends.

    Phi-3's `<|assistant|>` swallows blanks behind it, and would be trained with them.
    """
    content = as_text(tokenizer, message["content"])
    return message | {"content": content.strip() if message["role"] == "assistant" else content}
