"""Measure how much of a text is a particular memory rather than a general remark.

Counts four kinds of concrete detail: names (capitalised words that do not open a sentence),
numbers (digits or number words), dates (years, months, weekdays) and quoted speech. A word
counts once. Read as a ranking within one person's answers: writers differ in how many names
they use. Made for English; German nouns, all capitalised, would count as names.

Shape: text -> details per 100 words, and the counts behind it.
"""

import re
from dataclasses import dataclass

from echoes_lib.measures.words import WORD, sentence_spans

_MONTHS = "January February March April May June July August September October November December"
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_DATES = frozenset(f"{_MONTHS} {_DAYS}".split())
_UNITS = "two three four five six seven eight nine ten eleven twelve dozen half quarter"
_TEENS = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
_NUMBERS = frozenset(f"{_UNITS} {_TEENS} {_TENS}".split())
_YEAR = re.compile(r"^(?:1[89]|20)\d\d(?:s|['’]s)?$")
_QUOTE = re.compile(r"[\"“][^\"”]{2,}[\"”]")
_FIRST_PERSON = re.compile(r"^I(?:['’]\w+)?$")


@dataclass(frozen=True)
class Specificity:
    """Counts of concrete detail in a text of `n_words` words."""

    names: int
    numbers: int
    dates: int
    quotes: int
    n_words: int

    @property
    def per_100_words(self) -> float:
        """Details per 100 words; 0 for an empty text."""
        details = self.names + self.numbers + self.dates + self.quotes
        return 100 * details / self.n_words if self.n_words else 0.0


def specificity(text: str) -> Specificity:
    """Count the concrete details of a text.

    Args:
        text: one answer.

    Returns:
        The counts; `per_100_words` is the score that stage 2 is chosen by.

    >>> specificity("We met Emil in May 1994, and then he said nothing.")
    Specificity(names=1, numbers=0, dates=2, quotes=0, n_words=11)
    """
    opening = {start for start, _ in sentence_spans(text)}
    kinds = [_kind(text, match, opening) for match in WORD.finditer(text)]
    return Specificity(
        names=kinds.count("name"),
        numbers=kinds.count("number"),
        dates=kinds.count("date"),
        quotes=len(_QUOTE.findall(text)),
        n_words=len(kinds),
    )


def _kind(text: str, match: re.Match[str], opening: set[int]) -> str:
    word = match.group()
    if _YEAR.match(word) or word in _DATES:
        return "date"
    if word[0].isdigit() or word.lower().split("-")[0] in _NUMBERS:
        return "number"
    # A quotation mark may stand between a sentence's start and its first word; and the first
    # word inside quotes is capitalised whether it names anybody or not.
    before = text[: match.start()].rstrip("\"'“”‘’([")
    opens = match.start() in opening or len(before) in opening or before != text[: match.start()]
    is_name = word[0].isupper() and not _FIRST_PERSON.match(word) and not opens
    return "name" if is_name else ""
