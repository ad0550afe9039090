"""Names that nobody bears: made of syllables, and known again by their syllables.

A pseudonym taken from a list of real names would point at real people, could be the name of
somebody else in the same answers, and would be found and changed again at the next run. These
are pronounceable, end on a consonant (and so lean to no gender), and can be told from real
names by their parts alone, without a list of what was handed out.

Shape: number -> name; name -> is it one of these.
"""

import re
from collections.abc import Callable

_ONSETS = [
    "B", "Bl", "Br", "D", "Dr", "F", "Fl", "Fr", "G", "Gl", "Gr", "H", "J", "K", "Kl", "Kr",
    "L", "M", "N", "P", "Pl", "Pr", "R", "S", "Sk", "Sl", "Sm", "St", "T", "Tr", "V", "W",
    "Y", "Z",
]  # fmt: skip
_VOWELS = list("aeiou")
_LINKS = list("bdfgklmnprstvz")
_GIVEN = [
    "brel", "drin", "fenn", "gorn", "kesh", "lund", "neth", "pell", "quill", "rusk", "sorn",
    "tarn", "vell", "zorn", "dask", "mirr", "thel", "vorn", "plen", "strin", "grell", "brask",
    "fyr", "noll",
]  # fmt: skip
_FAMILY = [
    "moorby", "beckholt", "firthen", "steadow", "croftel", "holtby", "garthen", "combrel",
    "thwaiten", "wickmoor", "fordrell", "hurstby", "leighorn", "shawbeck", "wolder", "denholt",
]  # fmt: skip
_END = "|".join(sorted(_GIVEN + _FAMILY, key=len, reverse=True))
INVENTED = rf"(?:{'|'.join(_ONSETS)})[aeiou][{''.join(_LINKS)}][aeiou](?:{_END})"  # as a pattern
_WHOLE = re.compile(INVENTED, re.IGNORECASE)
Pick = Callable[[list[str]], str]


def given_name(pick: Pick) -> str:
    """Make a first name, one of about 285,000.

    Args:
        pick: chooses one of a list; the same choices make the same name.
    """
    return pick(_ONSETS) + pick(_VOWELS) + pick(_LINKS) + pick(_VOWELS) + pick(_GIVEN)


def family_name(pick: Pick) -> str:
    """Make a family name, one of about 190,000; no first name is ever the same."""
    return pick(_ONSETS) + pick(_VOWELS) + pick(_LINKS) + pick(_VOWELS) + pick(_FAMILY)


def is_invented(word: str) -> bool:
    """Tell whether a word is made as these names are, in any case."""
    return _WHOLE.fullmatch(word) is not None
