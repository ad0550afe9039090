"""The lists behind `names`: first names of many countries, and the words that look like them.

First names come from Faker, whose lists are kept up by people of those countries; only
alphabets with capital letters are of use here. The other lists are short and by hand: names
that are words, months or towns too, and capitals that are never a person.

Shape: () -> set of names in lower case; word -> is it a word as well.
"""

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

LOCALES = (
    "en_US", "en_GB", "en_IE", "en_IN", "en_NZ", "en_KE", "en_NG", "en_PK", "es_ES", "es_MX",
    "es_AR", "es_CO", "pl_PL", "de_DE", "de_AT", "fr_FR", "it_IT", "pt_PT", "pt_BR", "nl_NL",
    "sv_SE", "no_NO", "da_DK", "fi_FI", "cs_CZ", "sk_SK", "ro_RO", "hr_HR", "hu_HU", "tr_TR",
    "lt_LT", "ga_IE",
)  # fmt: skip

# At the head of a sentence these are the word, even where somebody of that name is about.
FUNCTION_WORDS = frozenset(
    ("will", "may", "can", "an", "so", "in", "my", "do", "see", "but", "no", "don")
)

SOURCES = ("first_names", "first_names_male", "first_names_female", "first_names_nonbinary")


@cache
def first_names() -> frozenset[str]:
    """Return the first names of all locales, in lower case."""
    names: set[str] = set()
    for locale in LOCALES:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for source in SOURCES:
            names |= set(_words(getattr(provider, source, ())))
    return frozenset(name.casefold() for name in names if len(name) > 2)


def is_word(word: str) -> bool:
    """Tell whether a name is an English word as well, as it may be where a sentence begins."""
    return word.casefold() in _list("also_words")


def is_place(word: str) -> bool:
    """Tell whether a name has a capital for other reasons: a month, a place, a rank."""
    return word.casefold() in _list("also_places")


def is_never_name(word: str) -> bool:
    """Tell whether a capital is never a person: kin, days, peoples, the pronoun I."""
    return word.casefold() in _list("never_names")


@cache
def _list(name: str) -> frozenset[str]:
    path = Path(__file__).parent / "lists" / f"{name}.txt"
    return frozenset(path.read_text(encoding="utf-8").split())


def _words(names: Iterable[str]) -> Iterable[str]:
    return (word for name in names for word in str(name).split())
