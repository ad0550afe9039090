"""Clean the text of answers without changing a word of it.

One form for each character (NFC), no control or invisible characters, one blank between
words, paragraphs parted by one empty line. Cleaning what is clean changes nothing. Does not
correct spelling, dashes or quotes: they are the person's own.

Shape: answers -> answers, same order and number.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

from echoes_lib.reflections.store import Reflection

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")
_KEPT_FORMATS = "\u200d"  # joins the parts of one emoji


def clean_text(text: str) -> str:
    r"""Clean one text.

    Args:
        text: an answer as it was typed or pasted.

    Returns:
        The same words; `clean_text(clean_text(x)) == clean_text(x)`.

    >>> clean_text("  One\r\n\r\n\r\n two\u00a0\u200bthree ")
    'One\n\ntwo three'
    """
    text = _LINE_ENDS.sub("\n", text)
    text = "".join(ch for ch in text if _is_kept(ch))
    text = unicodedata.normalize("NFC", text)
    lines = [_BLANKS.sub(" ", line).strip() for line in text.split("\n")]
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


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


def _is_kept(ch: str) -> bool:
    if ch in "\n\t" or ch in _KEPT_FORMATS:
        return True
    return unicodedata.category(ch) not in ("Cc", "Cf", "Cs", "Co", "Cn")
