"""Make more examples of the same answers, without a word that is not the person's.

    original    the question as asked, the whole answer
    rephrased   the question in other words, the whole answer
    follow_up   the answer in two turns, parted where the thought turns
    continued   two answers of one category in one conversation

Every assistant turn is a span of one answer, whole sentences and unchanged. A cap on how often
a sentence is used keeps it from being learnt by heart; where the cap allows fewer examples than
wanted, fewer are made. Questions of different splits never meet, since only the answers of one
split are given.

Shape: reflections of one split, target, cap, seed -> Augmented(examples, at most `target`).
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from echoes_lib.measures.words import sentence_spans
from echoes_lib.reflections.ask import bridge, cue, follow_up, rephrasings
from echoes_lib.reflections.store import Reflection

MIN_PART_WORDS = 20


@dataclass(frozen=True)
class Turn:
    """What is asked, and the person's words that follow: `said == text[start:end]`."""

    asked: str
    said: str
    question_id: int
    start: int

    @property
    def end(self) -> int:
        """Where the span ends in the answer."""
        return self.start + len(self.said)


@dataclass(frozen=True)
class Example:
    """A conversation to learn from."""

    example_id: str
    kind: str
    category: str
    turns: tuple[Turn, ...]

    @property
    def question_ids(self) -> list[int]:
        """Return the questions whose answers it holds, in order."""
        return list(dict.fromkeys(turn.question_id for turn in self.turns))


@dataclass(frozen=True)
class Augmented:
    """Examples made, how many were wanted, and how many the cap refused."""

    examples: list[Example]
    wanted: int
    refused_by_cap: int

    @property
    def missing(self) -> int:
        """How many fewer were made than wanted."""
        return self.wanted - len(self.examples)


def originals(reflections: Sequence[Reflection]) -> list[Example]:
    """Return one example per answer: the question as asked, the answer whole.

    Args:
        reflections: n answers.

    Returns:
        n examples of kind `original`, one turn each.
    """
    return [_example(r, "original", r.question) for r in reflections]


def augment(reflections: Sequence[Reflection], target: int, cap: int, seed: int) -> Augmented:
    """Make up to `target` examples of the answers of one split.

    The order is: every original, then follow-ups, one rephrasing each, some continued
    conversations, and further rephrasings until the target is reached.

    Args:
        reflections: answers of one split, one per question.
        target: number of examples wanted.
        cap: how many examples may use one and the same sentence of an answer.
        seed: of the pairs and of the choice among equals.

    Returns:
        Examples in a fixed order.
    """
    spans = {r.question_id: sentence_spans(r.text) for r in reflections}
    uses: Counter[tuple[int, int]] = Counter()
    examples: list[Example] = []
    refused = 0
    for example in _candidates(reflections, target, cap, seed):
        if len(examples) == target:
            break
        touched = list(sentences_used(example, spans))
        if any(uses[sentence] >= cap for sentence in touched):
            refused += 1
            continue
        uses.update(touched)
        examples.append(example)
    return Augmented(examples, target, refused)


def sentences_used(
    example: Example, spans: dict[int, list[tuple[int, int]]]
) -> Iterator[tuple[int, int]]:
    """Yield (question id, start) of every sentence that an example holds, wholly or in part."""
    for turn in example.turns:
        for start, end in spans[turn.question_id]:
            if start < turn.end and turn.start < end:
                yield turn.question_id, start


def turn_of_thought(text: str) -> int | None:
    """Find where an answer is best parted in two.

    Args:
        text: an answer.

    Returns:
        Where the sentence starts that opens the second part: one near the middle, rather at
        a new paragraph or at a word that turns ("But", "Then", "Now"). None when a part
        would have fewer than 20 words.
    """
    best: tuple[float, int] | None = None
    for start, end in sentence_spans(text)[1:]:
        if min(len(text[:start].split()), len(text[start:].split())) < MIN_PART_WORDS:
            continue
        cost = abs(start / len(text) - 0.5)
        cost -= 0.15 if "\n\n" in text[max(0, start - 2) : start] else 0
        cost -= 0.1 if cue(text[start:end]) else 0
        best = min(best or (cost, start), (cost, start))
    return best[1] if best else None


def _candidates(
    reflections: Sequence[Reflection], target: int, cap: int, seed: int
) -> Iterator[Example]:
    """Yield examples round by round; every round goes through all answers."""
    chance = random.Random(f"augment {seed}")
    yield from originals(reflections)
    yield from _follow_ups(reflections, chance)
    yield from _rephrased(reflections, 0)
    # A continued conversation uses two answers at once: no more of them than the cap can bear,
    # but a few also where it is reached anyway.
    spare = cap * len(reflections) - target
    pairs = _continued(reflections, chance)
    yield from pairs[: max(spare, len(reflections) // 4)]
    worded = max((len(rephrasings(r.question, r.category)) for r in reflections), default=0)
    for round_ in range(1, worded):
        yield from _rephrased(reflections, round_)


def _follow_ups(reflections: Sequence[Reflection], chance: random.Random) -> Iterator[Example]:
    for r in reflections:
        asked_next = chance.randrange(1000)
        cut = turn_of_thought(r.text)
        if cut is not None:
            first = Turn(r.question, r.text[:cut].rstrip(), r.question_id, 0)
            asked = follow_up(r.text[cut:], asked_next)
            second = Turn(asked, r.text[cut:], r.question_id, cut)
            yield Example(f"{r.question_id}-follow_up", "follow_up", r.category, (first, second))


def _rephrased(reflections: Sequence[Reflection], round_: int) -> Iterator[Example]:
    for r in reflections:
        worded = rephrasings(r.question, r.category)
        if round_ < len(worded):
            # Each question begins at another of its wordings, so that a round is not all
            # of one pattern.
            wording = worded[(round_ + r.question_id) % len(worded)]
            yield _example(r, "rephrased", wording, f"-{round_ + 1}")


def _continued(reflections: Sequence[Reflection], chance: random.Random) -> list[Example]:
    """Pair the answers of each category along a shuffled ring; shuffle the pairs."""
    pairs: list[Example] = []
    for category in sorted({r.category for r in reflections}):
        ring = [r for r in reflections if r.category == category]
        chance.shuffle(ring)
        # Two answers make one pair; three or more close the ring.
        after = ring[1:] + (ring[:1] if len(ring) > 2 else [])
        for a, b in zip(ring, after, strict=False):
            asked = bridge(b.question, chance.randrange(1000))
            turns = (_whole(a, a.question), _whole(b, asked))
            name = f"{a.question_id}-{b.question_id}-continued"
            pairs.append(Example(name, "continued", category, turns))
    chance.shuffle(pairs)
    return pairs


def _example(r: Reflection, kind: str, asked: str, suffix: str = "") -> Example:
    return Example(f"{r.question_id}-{kind}{suffix}", kind, r.category, (_whole(r, asked),))


def _whole(r: Reflection, asked: str) -> Turn:
    return Turn(asked, r.text, r.question_id, 0)
