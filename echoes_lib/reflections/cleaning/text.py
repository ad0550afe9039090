"""Clean the text of answers without changing a word of it.

One form for each character (NFC), no control or invisible characters, straight quotes, one
blank between words, paragraphs parted by one empty line, and no remains of a web page (see
`markup`). Cleaning what is clean changes nothing.

Quotes and apostrophes become straight: " and '. The same hand writes don't on a keyboard and
don\u2019t on a phone; with two forms every contraction would be two words to the tokenizer, to
the duplicate filter and to the style measures, and straight is what people type in a chat.
Low and reversed marks count as quotes. Guillemets, primes (5\u2032), backticks, dashes and the
ellipsis stay: they are spelling, or the person's own.

Does not correct spelling, nor text that was decoded wrongly before it came here.

Shape: answers -> answers, same order and number.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from echoes_lib.reflections.cleaning.markup import strip_markup
from echoes_lib.reflections.sources.store import Reflection

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_HIDDEN = ("Cc", "Cf", "Cs", "Co")
# Joiners part and join emoji and the letters of some scripts; beside ASCII they only hide.
_LONELY_JOINER = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")
_STRAIGHT = str.maketrans(dict.fromkeys("‘’‚‛", "'") | dict.fromkeys("“”„‟", '"'))
_ACCENT_AS_APOSTROPHE = re.compile(r"(?<=[^\W\d_])\u00b4(?=[^\W\d_])")


def clean_text(text: str) -> str:
    r"""Clean one text.

    Args:
        text: an answer as it was typed or pasted.

    Returns:
        The same words; `clean_text(clean_text(x)) == clean_text(x)`.

    >>> clean_text("  One\r\n\r\n\r\n two\u00a0\u200bthree&nbsp;four<br>I <3 R&D ")
    'One\n\ntwo three four\nI <3 R&D'
    """
    # What lies inside an entity may itself need cleaning; most texts need two rounds, to see
    # that nothing is left. Each round that changes a text makes it shorter or simpler.
    while (cleaner := _clean_once(text)) != text:
        text = cleaner
    return text


def clean_answers(answers: Iterable[Reflection]) -> list[Reflection]:
    """Clean the texts of answers and of their questions.

    Args:
        answers: as read from the store.

    Returns:
        New answers in the same order; a text that was only white space is empty.
    """
    return [
        replace(answer, text=clean_text(answer.text), question=clean_text(answer.question))
        for answer in answers
    ]


def _clean_once(text: str) -> str:
    text = _LINE_ENDS.sub("\n", strip_markup(text))
    text = "".join(ch for ch in text if _is_kept(ch))
    text = unicodedata.normalize("NFC", _LONELY_JOINER.sub("", text))
    text = _ACCENT_AS_APOSTROPHE.sub("'", text.translate(_STRAIGHT))
    lines = [_BLANKS.sub(" ", line).strip() for line in text.split("\n")]
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _is_kept(ch: str) -> bool:
    if ch in "\n\t\u200c\u200d":
        return True
    # Unassigned points are kept: an emoji newer than this Python is one.
    return unicodedata.category(ch) not in _HIDDEN and not _is_noncharacter(ord(ch))


def _is_noncharacter(point: int) -> bool:
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE
