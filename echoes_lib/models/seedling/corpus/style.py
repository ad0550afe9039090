"""Give an invented person a voice: how long the sentences, how sure, how dry.

The same frames pass through every person's style, so that the base model has
seen many ways to say a thing and an adapter has a direction to move in.

What it does not do: decide what is said (`conversations`) or in which words
(`grammar`).

Shape: list of sentences + Style -> one answer (str).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from echoes_lib.models.seedling.corpus.grammar import sentences, tidy

__all__ = ["Style", "invent_style", "speak"]

TONES = ("warm", "dry", "plain")
NEGATED = "do|does|did|is|are|was|were|have|has|had|could|would|should"
ANYONE = "I|you|we|they|she|he"
CONTRACTIONS = {
    r"\b(I) am(?= \w)": r"\1'm",
    rf"\b({NEGATED}) not\b": r"\1n't",
    r"\bcannot\b": "can't",
    r"\bwill not\b": "won't",
    # "have" shortens before a participle only: "I have a dog" keeps it.
    r"(?<!should )(?<!could )(?<!would )\b(I|you|we|they) have (?=(?!to\b)\w+(?:ed|en|n)\b)": (
        r"\1've "
    ),
    r"\b(it|that|there|she|he|what) is(?= \w)": r"\1's",
    r"\b(we|you|they) are(?= \w)": r"\1're",
    rf"\b({ANYONE}) will(?= \w)": r"\1'll",
    rf"\b({ANYONE}) would(?= \w)": r"\1'd",
}
# Only words that are never names may lose their capital when two sentences are joined.
STARTS = """
The A An We He She It They My Then There You Nobody Somebody In On At After When If Once That This
What Every People Some Most And But Since For Outside Our His Her One By Since Everybody Never These
Looking Now Slowly Each As While Although Because Before Instead Under Between Neither Either First
Many More Without Why Who Have Should Let So Whoever It's From
"""
SAFE_STARTS = frozenset(STARTS.split())
SUBJECTS = frozenset(
    ("I", "we", "he", "she", "they", "it", "you", "nobody", "somebody", "everybody", "there")
    + ("that", "then")
)
JOINTS = (", and ", ", and ", ", but ", "; ", ", so ", " - ")
SOFT_OPENINGS = ("to be honest", "truth be told", "to tell the truth")


@dataclass(frozen=True)
class Style:
    """How one person talks.

    Attributes:
        tone: One of `warm`, `dry`, `plain`: which reactions and endings are chosen.
        length: Words per answer aimed at, 70-170.
        splits: Chance to cut a sentence at ", and", 0-1.
        joins: Chance to join two sentences, 0-1.
        hedges: Chance to soften a sentence, 0-1.
        contracts: Whether "I am" becomes "I'm".
        openings: Two or three ways to begin, used often.
        softeners: The person's own hedges.
        tic: A phrase that closes a sentence now and then.
    """

    tone: str
    length: int
    splits: float
    joins: float
    hedges: float
    contracts: bool
    openings: tuple[str, ...]
    softeners: tuple[str, ...]
    tic: str


def invent_style(rng: random.Random, banks: dict[str, list[str]]) -> Style:
    """Draw a style; a person is either a splitter or a joiner, seldom both."""
    splitter = rng.random() < 0.5
    return Style(
        tone=rng.choice(TONES),
        length=rng.randint(70, 170),
        splits=rng.uniform(0.3, 0.9) if splitter else 0.05,
        joins=0.03 if splitter else rng.uniform(0.1, 0.5),
        hedges=rng.choice((0.0, 0.03, 0.08, 0.2)),
        contracts=rng.random() < 0.55,
        openings=tuple(rng.sample(banks["opening"], 3)),
        softeners=tuple(rng.sample(banks["hedge"], 3)),
        tic=rng.choice(banks["tic"]),
    )


def speak(text: str, style: Style, rng: random.Random) -> str:
    """Say a text in a style.

    Args:
        text: Tidy sentences with full stops.
        style: Whose voice.
        rng: The only source of chance.

    Returns:
        One paragraph of tidy English.
    """
    spoken = [part for sentence in sentences(text) for part in _split(sentence, style, rng)]
    spoken = [_hedge(sentence, style, rng) for sentence in spoken]
    spoken = _join(spoken, style, rng)
    if rng.random() < 0.35:
        spoken[0] = _open(spoken[0], rng.choice(style.openings))
    if rng.random() < 0.2:
        at = rng.randrange(len(spoken))
        spoken[at] = re.sub(r"\.$", f", {style.tic}.", spoken[at])
    said = tidy(" ".join(spoken))
    return contract(said) if style.contracts else said


def contract(text: str) -> str:
    """Shorten the usual pairs of words.

    Example:
        >>> contract("I am sure it is not late.")
        "I'm sure it isn't late."
    """
    for pattern, short in CONTRACTIONS.items():
        text = re.sub(pattern, short, text, flags=re.IGNORECASE)
    return text


def _split(sentence: str, style: Style, rng: random.Random) -> list[str]:
    if ", and " not in sentence or rng.random() >= style.splits:
        return [sentence]
    head, tail = sentence.split(", and ", 1)
    # Only a tail with its own subject can stand alone; the last item of a list cannot.
    if tail.split(" ", 1)[0] not in SUBJECTS or "," in head or '"' in sentence:
        return [sentence]
    return [head + ".", f"And {tail}" if rng.random() < 0.4 else tail[0].upper() + tail[1:]]


def _soften(sentence: str) -> str:
    first = sentence.split(" ", 1)[0]
    return sentence[0].lower() + sentence[1:] if first in SAFE_STARTS else sentence


def _hedge(sentence: str, style: Style, rng: random.Random) -> str:
    first = sentence.split(" ", 1)[0]
    if (
        first not in SAFE_STARTS
        or first in ("And", "But")
        or sentence.endswith("?")
        or rng.random() >= style.hedges
    ):
        return sentence
    return f"{rng.choice(style.softeners)} {_soften(sentence)}"


def _join(spoken: list[str], style: Style, rng: random.Random) -> list[str]:
    joined: list[str] = []
    for sentence in spoken:
        fits = joined and joined[-1].endswith(".") and len((joined[-1] + sentence).split()) < 32
        if fits and rng.random() < style.joins:
            joined[-1] = joined[-1][:-1] + rng.choice(JOINTS) + _soften(sentence)
        else:
            joined.append(sentence)
    return joined


def _open(sentence: str, opening: str) -> str:
    # A sentence that may begin with a name keeps its capital, so it must stay a sentence.
    movable = sentence.split(" ", 1)[0] in SAFE_STARTS or sentence.startswith("I ")
    stop = pause(opening) if movable else "."
    return f"{opening}{stop} {sentence if stop == '.' else _soften(sentence)}"


def pause(opening: str) -> str:
    """Return the mark after an opening: whole clauses end, single words pause.

    Example:
        >>> pause("well"), pause("let me think")
        (',', '.')
    """
    whole = len(opening.split()) > 2 and opening not in SOFT_OPENINGS
    return "." if whole else ","
