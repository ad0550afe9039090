"""Another value of the same kind for each private value, always the same one.

Chosen by a keyed hash (see `keys`), so it is the same in every answer and every run with that
key, and tells nothing to those without the key. Where two values of one call would meet, the
one that comes first keeps the pseudonym and the other moves on: within a call two values
never become one. Across calls the same holds unless such a meeting is undone or newly made by
answers that came or went; with 100 names that happens to about one person in sixty.

Every pseudonym lies where no real value can: addresses at example.org (RFC 2606), telephone
numbers 555-01xx (kept free for fiction), cards, accounts and ids that begin with 000 (cards
fail their check as well), IBANs with the check digits 00, IP addresses of RFC 5737 and 3849,
invented names. `Reserved` knows them by that, so they are never taken for private data again,
whatever stands beside them.

Shape: Pseudonyms(key).of(kind, text, role) -> text.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator

from echoes_lib.errors import DataError
from echoes_lib.reflections.cleaning.invented import INVENTED, family_name, given_name

MAX_ATTEMPTS = 5000
_AREAS = [
    "201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215",
    "216", "217", "218", "219", "224", "225", "229", "231", "234", "239", "240", "248", "251",
    "252", "253", "254", "256", "260", "262", "267", "269", "270", "276", "281", "301", "302",
    "303", "304", "305", "307", "308", "309", "310", "312", "313", "314", "315", "316", "317",
    "318", "319", "320", "321", "323", "325", "330", "334", "336", "337", "339", "347", "351",
    "352", "360", "361", "386", "401", "402", "404", "405", "406", "407", "408", "409", "410",
    "412", "413", "414", "415", "417", "419", "423", "424", "425", "430", "432", "434", "435",
]  # fmt: skip
_BREAK, _GAP = r"[ ./()-]{0,3}", r"[ ./-]{0,22}"
_STREETS = ["Street", "Road", "Lane", "Avenue"]
_NETS = ["192.0.2.", "198.51.100.", "203.0.113."]
_INWARD = list("ABDEFGHJLNPQRSTUWXYZ")
MIN_ID = 9  # three zeros and six places to differ in
NOT_A_SECRET = "not-a-secret-"


class _Choices:
    """A stream of choices drawn from a keyed hash: the same for the same key and value."""

    def __init__(self, key: bytes, *parts: str):
        digest = hmac.new(key, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha512)
        self._number = int.from_bytes(digest.digest(), "big")

    def below(self, limit: int) -> int:
        self._number, choice = divmod(self._number, limit)
        return choice

    def pick(self, options: list[str]) -> str:
        return options[self.below(len(options))]


class Pseudonyms:
    """The pseudonyms of one person's values; two values of one kind never get the same."""

    def __init__(self, key: bytes | str):
        """Take the person's key (see `keys.privacy_key`)."""
        self._key = key.encode() if isinstance(key, str) else key
        self._owner: dict[tuple[str, str], str] = {}

    def of(self, kind: str, text: str, role: str = "") -> str:
        """Return the pseudonym of one value.

        Args:
            kind: a field of PrivacyPolicy.
            text: the value as it stands in the answer.
            role: `given` or `family`, for names.

        Returns:
            A value of the same kind, in the same layout where that makes sense.

        Raises:
            DataError: there are more different values than the kind has pseudonyms.
        """
        value = plain(kind, text)
        for attempt in range(MAX_ATTEMPTS):
            choices = _Choices(self._key, kind, role, value, str(attempt))
            made = _SHAPES[role or kind](choices, text)
            if self._owner.setdefault((kind, plain(kind, made)), value) == value:
                return made
        raise DataError(
            f"privacy.{kind}=pseudonymise: there are more different values than can be told "
            f"apart: set privacy.{kind} to redact"
        )


def plain(kind: str, text: str) -> str:
    """Reduce a value to what makes two spellings of it the same value."""
    if kind == "phone":
        digits = re.sub(r"\D", "", text).removeprefix("00")
        return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    if kind in ("card", "bank", "id"):
        return re.sub(r"[\W_]", "", text).casefold()
    if kind == "secret":
        return text
    return " ".join(re.sub(r"[.,]", " ", text).split()).casefold()


class Reserved:
    """The places in one text that hold what this module made, or what is set apart alike."""

    def __init__(self, text: str):
        """Look for them."""
        self._words = [match.span() for match in _RESERVED_WORD.finditer(text)]
        self._numbers = [match.span() for match in _RESERVED_NUMBER.finditer(text)]

    def covers(self, start: int, end: int) -> bool:
        """Tell whether a span is such a place: it touches a word, or begins in a number.

        A number that only ends like one (5500-0000-0000-0004) is somebody's.
        """
        return any(start < b and a < end for a, b in self._words) or any(
            a <= start < b for a, b in self._numbers
        )


def _phone(choices: _Choices, text: str) -> str:
    number = choices.pick(_AREAS) + "55501" + f"{choices.below(100):02}"
    if text.startswith(("+", "00")):
        return f"+1 {number[:3]}-{number[3:6]}-{number[6:]}"
    if re.fullmatch(rf"\(?\d{{3}}{_BREAK}\d{{3}}{_BREAK}\d{{4}}", text):
        return _fill(text, iter(number))
    return f"{number[:3]}-{number[3:6]}-{number[6:]}"


def _card(choices: _Choices, text: str) -> str:
    digits = [*"000", *(str(choices.below(10)) for _ in plain("card", text)[3:])]
    if _luhn(digits) == 0:
        digits[-1] = str((int(digits[-1]) + 1) % 10)
    return _fill(text, iter(digits))


def _luhn(digits: list[str]) -> int:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10


def _fill(layout: str, characters: Iterator[str]) -> str:
    return "".join(next(characters) if ch.isalnum() else ch for ch in layout)


def _bank(choices: _Choices, text: str) -> str:
    value = plain("bank", text)
    if not re.match(r"[a-z]{2}\d\d", value):
        return _identity(choices, text)
    country = iter(value[:2].upper() + "00")
    made = [next(country, None) or _alike(ch, choices) for ch in value]
    return _fill(text, iter(made))


def _identity(choices: _Choices, text: str) -> str:
    made = ["0", "0", "0", *(_alike(ch, choices) for ch in plain("id", text)[3:])]
    made += [str(choices.below(10)) for _ in range(len(made), MIN_ID)]
    rest = iter(made)
    return _fill(text, rest) + "".join(rest)


def _alike(ch: str, choices: _Choices) -> str:
    if ch.isdigit():
        return str(choices.below(10))
    return chr(ord("A") + choices.below(26))


def _address(choices: _Choices, text: str) -> str:
    if re.fullmatch(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", text):
        inward = f"{choices.below(10)}{choices.pick(_INWARD)}{choices.pick(_INWARD)}"
        return f"ZZ{1 + choices.below(99)} {inward}"
    if re.fullmatch(r"[\d-]+", text):
        return f"000{choices.below(100):02}"
    number, name = 1 + choices.below(400), family_name(choices.pick)
    return f"{number} {name} {choices.pick(_STREETS)}"


def _ip(choices: _Choices, text: str) -> str:
    if ":" in text:
        return f"2001:db8::{choices.below(0xFFFF) + 1:x}:{choices.below(0xFFFF) + 1:x}"
    return choices.pick(_NETS) + str(choices.below(256))


def _cased(name: str, text: str) -> str:
    return name.upper() if len(text) > 1 and text.isupper() else name


_SHAPES: dict[str, Callable[[_Choices, str], str]] = {
    "email": lambda c, _: f"{given_name(c.pick)}.{family_name(c.pick)}@example.org".lower(),
    "phone": _phone,
    "card": _card,
    "bank": _bank,
    "id": _identity,
    "address": _address,
    "secret": lambda c, _: f"{NOT_A_SECRET}{c.below(16**12):012x}",
    "url": lambda c, _: f"https://{given_name(c.pick).lower()}.example.org",
    "ip": _ip,
    "handle": lambda c, _: f"@example_{given_name(c.pick).lower()}{c.below(100)}",
    "given": lambda c, text: _cased(given_name(c.pick), text),
    "family": lambda c, text: _cased(family_name(c.pick), text),
}
_RESERVED_NUMBER = re.compile(
    "|".join(
        (
            rf"(?<![\w.,])0{_GAP}0{_GAP}0(?:{_GAP}[\dA-Z]){{6,}}\b|\b000\d\d\b",
            rf"(?<!\d)(?:\+?1 ?)?\(?\d{{3}}{_BREAK}555{_BREAK}01{_BREAK}\d{_BREAK}\d(?!\d)",
            r"\b[A-Z]{2}00(?:[ -]?[A-Z0-9]){8,}\b",
            r"\bZZ\d{1,2} \d[A-Z]{2}\b",
            r"\b(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}\b|\b2001:db8:[0-9a-f:]*",
        )
    )
)
_RESERVED_WORD = re.compile(
    r"(?<![\w-])example\.(?:org|com|net)(?![\w-])|@example_\w+"
    rf"|{NOT_A_SECRET}[0-9a-f]{{12}}|(?i:\b{INVENTED}\b)"
)
