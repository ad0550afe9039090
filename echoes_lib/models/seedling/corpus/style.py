"""Give an invented person a voice: how long the sentences, how sure, how short the words.

The stories are written in six voices. Within a voice people still differ: one contracts, one
hedges, one cuts sentences where another joins them, and most have a favourite way to begin.
So the base model sees many ways to say a thing and an adapter has a direction to move in.

What it does not do: decide what is said (`conversations`) or in which words (`grammar`).

Shape: text + Style -> the same text as this person would say it.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from echoes_lib.models.seedling.corpus.grammar import sentences, tidy
from echoes_lib.models.seedling.corpus.idiolect import reword

__all__ = ["VOICES", "WHOLE", "Style", "conclude", "contract", "introduce", "invent_style", "speak"]

NEGATED = "do|does|did|is|are|was|were|have|has|had|could|would|should|need"
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
JOINTS = (", and ", ", and ", "; ", " - ")
SOFTENERS = ("I think", "I suppose", "I believe", "maybe", "perhaps", "I would say", "I guess") + (
    "it seems to me that",
    "as far as I remember",
    "if I am honest",
    "in my experience",
)
TICS = (
    ("you know", "there it is", "what can you do", "as they say", "believe me", "such is life")
    + ("mark my words", "if you see what I mean", "or so I tell myself", "for what it is worth")
    + ("at least for me", "I swear", "I dare say", "mind you", "as it were", "in a way")
)
JOINED_MOST = 32
# Most people are brief, and then take up the question; the others tell the whole story.
WHOLE = 99
TELLS = (2, 3, 3, 4, 4, 5, WHOLE, WHOLE)
# Chance that an opening, or an ending, stays a sentence of its own.
TWO_BREATHS = 0.1


@dataclass(frozen=True)
class Voice:
    """What people of one voice have in common: the upper ends of their habits, 0-1."""

    splits: float
    joins: float
    hedges: float
    openings: tuple[str, ...]


VOICES = {
    "plain": Voice(0.5, 0.2, 0.03, ("well", "right", "yes", "no", "in short")),
    "dry": Voice(0.1, 0.25, 0.06, ("well", "naturally", "I am told", "truth be told", "now then")),
    "warm": Voice(0.1, 0.25, 0.06, ("oh", "ah", "well now", "bless you", "oh, that is easy")),
    "blunt": Voice(0.7, 0.08, 0.0, ("look", "no", "honestly", "fine", "simple")),
    "wandering": Voice(0.0, 0.4, 0.2, ("well", "let me think", "hm", "so", "where do I begin")),
    "thoughtful": Voice(0.1, 0.2, 0.12, ("I have thought about this", "hm", "perhaps", "yes")),
}


@dataclass(frozen=True)
class Style:
    """How one person talks.

    Attributes:
        voice: One of `VOICES`: which stories they tell.
        splits: Chance to cut a sentence at ", and", 0-1.
        joins: Chance to join two sentences, 0-1.
        hedges: Chance to soften a sentence, 0-1.
        contracts: Chance to contract, 0-1; many people always or never do.
        opens: Chance to begin in a favourite way, 0-1.
        opening: That way.
        softeners: The person's own hedges.
        tic: A phrase that closes a sentence now and then.
        takes_up: Chance to take up the words of the question first, 0-1.
        closes: Chance to close with a sentence about the question, 0-1.
        tells: How many sentences of a story they tell at most.
        words: The number of their idiolect.
    """

    voice: str
    splits: float
    joins: float
    hedges: float
    contracts: float
    opens: float
    opening: str
    softeners: tuple[str, ...]
    tic: str
    takes_up: float
    closes: float
    tells: int
    words: int


def invent_style(rng: random.Random) -> Style:
    """Draw a voice and the habits of one person within it."""
    name = rng.choice(tuple(VOICES))
    voice, tells = VOICES[name], rng.choice(TELLS)
    return Style(
        voice=name,
        splits=rng.uniform(0, voice.splits),
        joins=rng.uniform(0, voice.joins),
        hedges=rng.uniform(0, voice.hedges),
        contracts=rng.choice((0.0, 0.0, 0.5, 0.9, 1.0, 1.0)),
        opens=rng.choice((0.0, 0.1, 0.4)),
        opening=rng.choice(voice.openings),
        softeners=tuple(rng.sample(SOFTENERS, 3)),
        tic=rng.choice(TICS),
        takes_up=rng.uniform(0.75, 1.0) if tells == WHOLE else 1.0,
        closes=rng.choice((0.0, 0.3, 0.6)),
        tells=tells,
        words=rng.getrandbits(32),
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
    text = reword(text, style.words)
    spoken = [part for sentence in sentences(text) for part in _split(sentence, style, rng)]
    spoken = [_hedge(sentence, style, rng) for sentence in spoken]
    spoken = _join(spoken, style, rng)
    if rng.random() < style.opens:
        spoken[0] = _open(spoken[0], style.opening)
    if rng.random() < style.opens / 2:
        at = rng.randrange(len(spoken))
        spoken[at] = re.sub(r"(?<=\w)\.$", f", {style.tic}.", spoken[at])
    return contract(tidy(" ".join(spoken)), style.contracts, rng)


def contract(text: str, rate: float, rng: random.Random) -> str:
    """Shorten the usual pairs of words.

    Example:
        >>> contract("I am sure it is not late.", 1.0, random.Random(0))
        "I'm sure it isn't late."
    """
    if rate == 0:
        return text
    for pattern, short in CONTRACTIONS.items():
        text = re.sub(pattern, _sometimes(short, rate, rng), text, flags=re.IGNORECASE)
    return text


def _sometimes(short: str, rate: float, rng: random.Random):
    return lambda found: found.expand(short) if rng.random() < rate else found[0]


def introduce(opening: str, sentence: str, rng: random.Random) -> list[str]:
    """Put an opening before the first sentence of a story, now and then in one breath."""
    paused = ":" in opening or " - " in opening or not opening.endswith(".")
    if paused or rng.random() < TWO_BREATHS:
        return [opening, sentence]
    return [opening[:-1] + rng.choice((": ", " - ")) + _soften(sentence)]


def conclude(sentence: str, ending: str, rng: random.Random) -> list[str]:
    """Put an ending after the last sentence of a story, mostly in one breath."""
    if not sentence.endswith(".") or rng.random() < TWO_BREATHS:
        return [sentence, ending]
    return [sentence[:-1] + rng.choice(("; ", " - ")) + _soften(ending)]


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
        or first in ("And", "But", "So", "Then", "Why", "Who", "What", "Have", "Should", "Let")
        or not sentence.endswith(".")
        or rng.random() >= style.hedges
    ):
        return sentence
    return tidy(f"{rng.choice(style.softeners)} {_soften(sentence)}")


def _join(spoken: list[str], style: Style, rng: random.Random) -> list[str]:
    joined: list[str] = []
    for sentence in spoken:
        fits = joined and joined[-1].endswith(".") and sentence.endswith(".")
        short = fits and len((joined[-1] + sentence).split()) < JOINED_MOST
        first = sentence.split(" ", 1)[0]
        if short and first in SAFE_STARTS | {"I"} and rng.random() < style.joins:
            joined[-1] = joined[-1][:-1] + _joint(first, rng) + _soften(sentence)
        else:
            joined.append(sentence)
    return joined


def _joint(first: str, rng: random.Random) -> str:
    # "and and", "and but": a sentence that begins with its own joint needs a comma only.
    return ", " if first in ("And", "But", "So", "Then") else rng.choice(JOINTS)


def _open(sentence: str, opening: str) -> str:
    # A sentence that may begin with a name keeps its capital, so it must stay a sentence.
    movable = sentence.split(" ", 1)[0] in SAFE_STARTS or sentence.startswith("I ")
    stop = "," if movable and len(opening.split()) < 4 else "."
    opened = f"{opening}{stop} {sentence if stop == '.' else _soften(sentence)}"
    return opened[0].upper() + opened[1:]
