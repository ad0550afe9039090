"""Find the names of people in the texts of one person, without a language model.

A first pass gathers evidence over all texts: a first name (of the lists of two dozen countries
that Faker keeps) in the middle of a sentence, a capital after "my friend" or "Mrs", "my name
is". A capital right after a first name is a family name. A second pass then finds every place
where a gathered name stands, so that "Kowalski" is found alone as well.

A name that is a word too (Rose, Mark) must once stand inside a sentence; one that is a month
or a town too (April, Florence) needs a word such as "my aunt" once. Pets, streets and firms
that bear a name are not told apart from people; names from outside the lists that no such word
introduces are missed. Kinship words (Mum, Grandpa) are not names.

Shape: texts -> per text a tuple of parts for each full name found.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from echoes_lib.reflections.cleaning.gazetteer import (
    FUNCTION_WORDS,
    first_names,
    is_never_name,
    is_place,
    is_word,
)
from echoes_lib.reflections.cleaning.invented import is_invented

_UPPER = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĖĘĚĞĢĪĮİĶŁŃŇŌŐŒŘŚŞŠŤŪŮŰŹŻŽȘȚ"
_TOKEN = re.compile(rf"(?<![\w@/'-])[{_UPPER}][^\W\d_]*(?:['-][{_UPPER}][^\W\d_]*)*(?![\w@/]|-\w)")
_PARTICLE = (
    r"(?:(?:de la|de los|del|de|da|dos|di|van der|van den|van|von der|von|bin|ibn|al|el|le|la|y)\s)"
)
_GAP = re.compile(rf"\s(?:[{_UPPER}]\.\s)?{_PARTICLE}?")
_TITLE = re.compile(
    r"\b(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof|Sr|Sra|Fr|Rev)\.?|Miss|Professor|Doctor|Father|Pastor|Rabbi|"
    r"Imam|Coach|Captain|Sergeant|Judge|Sir|Lady|Lord|Sister|Brother|Mother|Se\u00f1ora?|Do\u00f1a|Don|"
    r"Pani?|Herr|Frau|Madame|Monsieur)\s$"
)
_KIN = re.compile(
    r"\b(?:[Uu]ncle|[Aa]unt(?:ie|y)?|[Cc]ousin|[Gg]rand(?:ma|pa|mother|father)|[Gg]ran(?:ny)?|[Nn]ana|"
    r"T[i\u00ed][ao]|Abuel[ao]|Ciocia|Wujek|Babcia|Dziadek|Tante|Onkel|Oma|Opa|Zia|Zio|Nonn[ao])\s$"
)
_RELATION = re.compile(
    r"\b(?:[Mm]y|[Oo]ur|[Hh]is|[Hh]er|[Tt]heir|[Yy]our|[Aa]n?|[Tt]he)\s(?:\w+\s){0,2}?"
    r"(?:friend|wife|husband|brother|sister|mother|father|mum|mom|dad|son|daughter|boss|partner|"
    r"neighbou?r|girlfriend|boyfriend|fianc\u00e9e?|grandson|granddaughter|nephew|niece|cousin|aunt|"
    r"uncle|twin|colleague|roommate|flatmate|teacher|mentor|manager|therapist|doctor|coach|"
    r"godmother|godfather|stepson|stepdaughter|baby|boy|girl|man|woman|ex|mate|kid),?\s"
    r"(?:(?:was\s|is\s)?(?:named|called)\s)?$"
)
_INTRODUCED = re.compile(
    r"\b(?:[Mm]y name(?:'s| is| was)|[Nn]ame(?:d)? (?:him|her|them)|[Bb]aptised|[Cc]hristened|"
    r"[Kk]nown as|(?:[Hh]is|[Hh]er) name (?:was|is)|[Ww]ent by)\s$"
)
_SAINT = re.compile(r"\b(?:St\.?|Saint|San|Santa)\s$")
_CLAN = re.compile(r"(?:O'|Mc|Mac(?=[A-Z]))[A-Z][a-z]+")
_SENTENCE_START = re.compile(r"(?:^|[.!?…:;][\"')\]]*\s+|\n\s*|[\"(\[*•–—-]\s*)$")
_BEFORE = 60


@dataclass(frozen=True, order=True)
class Part:
    """One word of a name: where it stands and whether it is a `given` or a `family` name."""

    start: int
    end: int
    role: str


@dataclass
class _Known:
    """The names gathered so far, in lower case, with their roles."""

    roles: dict[str, str] = field(default_factory=dict)
    spared: frozenset[str] = frozenset()

    def learn(self, word: str, role: str) -> None:
        if word.casefold() not in self.spared and not is_invented(word):
            self.roles.setdefault(word.casefold(), role)


def find_names(texts: Sequence[str], spare: Iterable[str] = ()) -> list[list[tuple[Part, ...]]]:
    """Find the people named in the texts of one person.

    Args:
        texts: all answers of that person.
        spare: names to leave out, such as the person's own.

    Returns:
        Per text, in order, one tuple of parts for each name as it stands there ("Maria",
        "Maria Kowalska"). A possessive 's is not part of it.
    """
    spared = frozenset(word.casefold() for name in spare for word in name.split())
    known = _Known(spared=spared)
    lowered = {
        word
        for text in texts
        for word in re.findall(r"(?<![\w'])[^\W\d_]+", text)
        if word.islower()
    }
    tokens = [list(_TOKEN.finditer(text)) for text in texts]
    for text, found in zip(texts, tokens, strict=True):
        _learn_given(text, found, known, lowered)
    for text, found in zip(texts, tokens, strict=True):
        _learn_family(text, found, known)
    return [_places(text, found, known) for text, found in zip(texts, tokens, strict=True)]


def _learn_given(text: str, tokens: list[re.Match], known: _Known, lowered: set[str]) -> None:
    for token in tokens:
        word = token.group()
        if not _may_be_name(word):
            continue
        before = text[max(0, token.start() - _BEFORE) : token.start()]
        if _TITLE.search(before):
            known.learn(word, "given" if word.casefold() in first_names() else "family")
        elif _KIN.search(before) or _RELATION.search(before) or _INTRODUCED.search(before):
            known.learn(word, "given")
        elif _is_plain_name(word, before, lowered):
            known.learn(word, "family" if _CLAN.match(word) else "given")


def _is_plain_name(word: str, before: str, lowered: set[str]) -> bool:
    """Tell whether a word is a first name by itself: listed, and not a word that begins a line."""
    is_listed = all(part.casefold() in first_names() for part in word.split("-"))
    if is_place(word) or _SAINT.search(before) or not (is_listed or _CLAN.match(word)):
        return False
    is_first = _SENTENCE_START.search(before) is not None
    return not is_first or not (is_word(word) or word.casefold() in lowered)


def _learn_family(text: str, tokens: list[re.Match], known: _Known) -> None:
    for left, right in zip(tokens, tokens[1:], strict=False):
        if left.group().casefold() not in known.roles or not _may_be_name(right.group()):
            continue
        gap = text[left.end() : right.start()]
        if _GAP.fullmatch(gap) and (not is_place(right.group()) or gap != " "):
            role = "given" if right.group().casefold() in first_names() else "family"
            known.learn(right.group(), role)


def _places(text: str, tokens: list[re.Match], known: _Known) -> list[tuple[Part, ...]]:
    names: list[list[Part]] = []
    for token in tokens:
        role = known.roles.get(token.group().casefold())
        if role is None or not _may_be_name(token.group()) or _is_plain_word(text, token):
            continue
        part = Part(token.start(), token.end(), role)
        if names and _GAP.fullmatch(text[names[-1][-1].end : part.start]):
            names[-1].append(part)
        else:
            names.append([part])
    return [tuple(parts) for parts in names]


def _may_be_name(word: str) -> bool:
    return len(word) > 1 and not is_never_name(word) and (not word.isupper() or len(word) > 3)


def _is_plain_word(text: str, token: re.Match) -> bool:
    """Will, May, So at the head of a sentence are far more often the word than the name."""
    if token.group().casefold() not in FUNCTION_WORDS:
        return False
    return _SENTENCE_START.search(text[max(0, token.start() - _BEFORE) : token.start()]) is not None
