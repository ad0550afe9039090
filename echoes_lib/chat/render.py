"""Write a conversation as token ids, so that what people type stays mere text.

A model's format is spoken in control tokens such as `[INST]` or `</s>`. Tokenizers recognise
them anywhere, so a person who types `[/INST]` could end their own turn and write the next.
Here control marks inside a message are set apart before the template is rendered, and encoded
as plain text after; all else is tokenized whole, exactly as training does.

Does not choose which messages are shown (`context`) and does not know about adapters.

Shape: tokenizer, messages -> Encoded(ids, offsets into the rendered text, the text).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echoes_lib.models.render import control_marks
from echoes_lib.models.templates import seat_system, training_template

Message = Mapping[str, str]

# Noncharacters of Unicode: no text holds them, so they can stand for a mark while rendering.
_OPEN, _CLOSE, _BEGIN, _END = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
_NONCHARACTERS = dict.fromkeys(map(ord, (_OPEN, _CLOSE, _BEGIN, _END)))
_SLOT = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


@dataclass(frozen=True)
class Encoded:
    """A rendered conversation: `ids[i]` covers `text[offsets[i][0]:offsets[i][1]]`.

    `answer` is where the last message's content lies in `text`; (0, 0) before a reply.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]
    text: str
    answer: tuple[int, int] = (0, 0)


def encode_chat(tokenizer: Any, messages: Sequence[Message], reply_next: bool = True) -> Encoded:
    """Render messages in the tokenizer's chat format and encode them.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        messages: an optional system message, then user and assistant in turn.
        reply_next: end where the assistant's next reply begins.

    Returns:
        The ids with their places in the rendered text; control marks that were typed inside a
        message stand in that text as one-mark placeholders.
    """
    marks = control_marks(tokenizer)
    pattern = re.compile("|".join(re.escape(mark) for mark in marks))
    shielded = [{**m, "content": _shield(m["content"], marks, pattern)} for m in messages]
    if not reply_next:
        shielded[-1]["content"] = f"{_BEGIN}{shielded[-1]['content'].strip()}{_END}"
    text = tokenizer.apply_chat_template(
        seat_system(tokenizer, shielded),
        # Some models' own templates forget the persona once the answer stands there.
        chat_template=None if reply_next else training_template(tokenizer),
        tokenize=False,
        add_generation_prompt=reply_next,
    )
    before, begun, rest = text.partition(_BEGIN)
    content, _, after = rest.partition(_END)
    answer = (len(before), len(before) + len(content)) if begun else (0, 0)
    return _encode_parts(tokenizer, before + content + after, marks, answer)


def _encode_parts(tokenizer: Any, text: str, marks: list[str], answer: tuple[int, int]) -> Encoded:
    """Encode rendered text; what stands in a slot is encoded as plain text."""
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    start = 0
    for slot in [*_SLOT.finditer(text), None]:
        end = slot.start() if slot else len(text)
        part = tokenizer(text[start:end], add_special_tokens=False, return_offsets_mapping=True)
        ids += part["input_ids"]
        offsets += [(a + start, b + start) for a, b in part["offset_mapping"]]
        if slot:
            typed = _encode_typed(tokenizer, marks[int(slot.group(1))])
            ids += typed
            offsets += [slot.span()] * len(typed)
            start = slot.end()
    return Encoded(ids, offsets, text, answer)


def _shield(text: str, marks: list[str], pattern: re.Pattern[str]) -> str:
    clean = text.translate(_NONCHARACTERS)
    return pattern.sub(lambda found: f"{_OPEN}{marks.index(found.group())}{_CLOSE}", clean)


def _encode_typed(tokenizer: Any, mark: str) -> list[int]:
    """Encode a control mark that a person typed, letter by letter if need be."""
    added = tokenizer.get_added_vocab()
    control = set(added.values()) | set(tokenizer.all_special_ids)
    ids = tokenizer(mark, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if mark not in added or control & set(ids):
        # Tokens alone cannot tell it from the format's own mark: break the mark itself.
        broken = f"{mark[0]} {mark[1:]}"
        ids = tokenizer(broken, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    return ids
