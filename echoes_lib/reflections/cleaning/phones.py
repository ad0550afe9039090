"""Find telephone numbers, and leave years, prices and order numbers alone.

libphonenumber knows the numbers of every country, and for so many countries almost every run
of nine digits is somebody's number. So three things are asked: an international number counts
by itself; one after a word such as "call" or "mobile" counts in any country of the list; any
other counts only where it is grouped exactly as a country groups its numbers, and not after
a word such as "order" or "ticket".

Shape: text -> spans (start, end) in order, not overlapping.
"""

import re

REGIONS = (
    "US", "GB", "IE", "AU", "NZ", "IN", "ZA", "DE", "FR", "ES", "IT", "PL", "PT", "NL", "SE",
    "MX", "BR", "PH",
)  # fmt: skip
WINDOW, AFTER = 48, 20  # characters before and after in which a word may say what it is
_RUN = re.compile(r"(?<![\w+])(?:\+ ?|\()?\d(?:[ \u00a0().\-/]{0,3}\d){6,}(?!\w)")
MAX_DIGITS = 17  # with a prefix such as 00; longer runs are tables, not telephones
_LOCAL = re.compile(r"(?<![\d-])\d{3}[-. ]?\d{4}(?![\d-])")
_PHONE_WORD = re.compile(
    r"\b(?:call(?:ed|ing)?|phone[ds]?|phoning|tel(?:ephone)?|mobile|cell(?:phone)?|dial(?:led|ed)?|"
    r"text(?:ed)?|rang|ring|whats\s?app|fax|landline|reach(?:ed)?|sms|signal)\b",
    re.IGNORECASE,
)
_OTHER_WORD = re.compile(
    r"\b(?:order|invoice|ticket|tracking|reference|ref|serial|model|part|isbn|lot|flight|batch|"
    r"booking|confirmation|case|docket|item|sku|version|score|bib|claim|policy|permit|page)s?\b"
    r"|[$£€]\s?$",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d[^\d]{1,2}\d")
VALID, EXACT_GROUPING = 1, 3


def find_phones(text: str) -> list[tuple[int, int]]:
    """Find the telephone numbers of one text.

    Args:
        text: an answer.

    Returns:
        Spans (start, end).
    """
    found = [m.span() for m in _LOCAL.finditer(text) if _is_named(text, *m.span())]
    for run in _RUN.finditer(text):
        if sum(ch.isdigit() for ch in run.group()) <= MAX_DIGITS:
            found += _valid(text, *run.span())
    return _longest(found)


def _valid(text: str, start: int, end: int) -> list[tuple[int, int]]:
    from phonenumbers import PhoneNumberMatcher

    return [
        (start + match.start, start + match.end)
        for region in REGIONS
        for match in PhoneNumberMatcher(text[start:end], region, leniency=VALID)
        if _counts(text, start + match.start, start + match.end, region)
    ]


def _counts(text: str, start: int, end: int, region: str) -> bool:
    raw = text[start:end]
    if raw.startswith("+") or _is_named(text, start, end):
        return True
    before = text[max(0, start - WINDOW) : start]
    if _OTHER_WORD.search(before) or len(_GROUPED.findall(raw)) < 1:
        return False
    return _is_grouped_exactly(raw, region)


def _is_grouped_exactly(raw: str, region: str) -> bool:
    from phonenumbers import PhoneNumberMatcher

    return any(True for _ in PhoneNumberMatcher(raw, region, leniency=EXACT_GROUPING))


def _is_named(text: str, start: int, end: int) -> bool:
    """Tell whether the nearest word that says what a number is means a telephone."""
    before = text[max(0, start - WINDOW) : start]
    named = [m.end() for m in _PHONE_WORD.finditer(before)]
    other = [m.end() for m in _OTHER_WORD.finditer(before)]
    if named or other:
        return max(named, default=-1) > max(other, default=-1)
    return _PHONE_WORD.search(text[end : end + AFTER].split("\n")[0]) is not None


def _longest(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in sorted(set(spans), key=lambda s: (s[0] - s[1], s[0])):
        if all(end <= a or b <= start for a, b in kept):
            kept.append((start, end))
    return sorted(kept)
