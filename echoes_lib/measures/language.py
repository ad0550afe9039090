"""Say which language a text is in, piece by piece, without a network.

py3langid compares the letter runs of a text with those of 140 languages. On single short
sentences it guesses ("Wadleigh. Forty quid." is anything), so sentences are joined until a
piece has twelve words; on the sample every answer is then English for at least 0.86 of its
words, and answers in eight other languages are English for none of theirs. The same text gives
the same result everywhere. Does not know dialects, nor languages close to one another
(Norwegian and Danish, Croatian and Serbian) well.

Shape: text -> language code -> share of the words, 0 to 1, summing to 1.
Source: Lui and Baldwin 2012, langid.py; py3langid.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from echoes_lib.errors import ParamsError
from echoes_lib.measures.words import sentences

PIECE_WORDS = 12


@lru_cache(maxsize=1)
def load_identifier() -> Any:
    """Load the model of py3langid's wheel once per process (about a second, 90 MiB)."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def known_languages() -> frozenset[str]:
    """Return the ISO 639 codes that can be told apart."""
    return frozenset(load_identifier().nb_classes)


def check_languages(languages: Iterable[str]) -> None:
    """Refuse a code that no answer could ever be in.

    Args:
        languages: as in the parameter of that name.

    Raises:
        ParamsError: not a code that is known.
    """
    unknown = sorted(set(languages) - known_languages())
    if unknown:
        raise ParamsError(
            f"languages={unknown[0]!r} is not one of the {len(known_languages())} codes that can "
            "be told apart: write two-letter ISO 639-1 codes, such as en, de or pt"
        )


def language_shares(text: str) -> dict[str, float]:
    """Measure how much of a text is in which language.

    Args:
        text: one answer.

    Returns:
        Share of the words by language code, the largest first; empty where the text has no
        letters. `zxx` stands for what is in no language.

    >>> language_shares("Farfar lärde mig att vänta, och ofta fick vi ingenting alls.")
    {'sv': 1.0}
    """
    counts: Counter[str] = Counter()
    for piece in pieces(text):
        if any(ch.isalpha() for ch in piece):
            counts[str(load_identifier().classify(piece)[0])] += len(piece.split())
    return {code: n / counts.total() for code, n in counts.most_common()}


def pieces(text: str, n_words: int = PIECE_WORDS) -> list[str]:
    """Join the sentences of a text into pieces of at least `n_words` words.

    Args:
        text: any text.
        n_words: words that a piece needs; a shorter end goes to the piece before it.

    Returns:
        Pieces in order; a single shorter one where the text has fewer words.
    """
    found: list[str] = []
    piece: list[str] = []
    for sentence in sentences(text):
        piece.append(sentence)
        if sum(len(part.split()) for part in piece) >= n_words:
            found.append(" ".join(piece))
            piece = []
    if piece and found:
        found[-1] = " ".join([found[-1], *piece])
    return found or ([" ".join(piece)] if piece else [])
