"""What the filters write down: the figures of an answer, and why one was left out.

Holds numbers, reasons and question ids, never a text.

Shape: Figures and Drop, one per answer; drops -> counts per reason.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Figures:
    """What the rules look at: one answer's measurements. None: it cannot be known."""

    n_words: int
    words_per_minute: float | None
    coherence: float
    prose_ratio: float | None  # English only
    similarity: float  # to the nearest earlier answer, kept or not
    flow: float | None = None  # from three sentences on
    tone: float | None = None  # English only
    tone_distance: float | None = None  # from the person's usual tone, in spreads
    languages: Mapping[str, float] = field(default_factory=dict)  # code -> share of the words

    @property
    def language(self) -> str:
        """The language of most words; empty where the text has no letters."""
        return next(iter(self.languages), "")


@dataclass(frozen=True)
class Drop:
    """One answer or example that was left out: why, its figure and the limit it missed."""

    question_id: int
    reason: str
    value: float
    threshold: float
    detail: str = ""

    def as_row(self) -> dict[str, object]:
        """Return the drop as a row of the manifest, without empty fields."""
        return {name: value for name, value in asdict(self).items() if value != ""}


def count_reasons(drops: Iterable[Drop]) -> dict[str, int]:
    """Count drops per reason, most frequent first."""
    reasons = [drop.reason for drop in drops]
    return {r: reasons.count(r) for r in sorted(set(reasons), key=lambda r: (-reasons.count(r), r))}
