"""Make the candidates for examples, kind by kind.

    original    the question as asked, the whole answer
    rephrased   the question in other words, the whole answer
    follow_up   the answer in two turns, parted where the thought turns
    continued   two answers of one category in one conversation, over two or three turns:
                with three, the first answer is parted and the listener asks in between
    theme       passages of several answers on one theme (`gather.py`)

Does not count how often a sentence is used; that is `budget.py`.

Shape: answers of one split -> examples of one kind, in a fixed order.
"""

import random
from collections.abc import Iterator, Sequence

from echoes_lib.reflections.augment.ask import bridge, rephrasings
from echoes_lib.reflections.augment.examples import Example, Turn
from echoes_lib.reflections.augment.follow_ups import FollowUps
from echoes_lib.reflections.augment.parts import Answer, Part, parts, turn_of_thought, usable
from echoes_lib.reflections.sources.store import Reflection


def originals(reflections: Sequence[Reflection]) -> list[Example]:
    """Return one example per reflection: the question as asked, the answer whole.

    Args:
        reflections: n answers.

    Returns:
        n examples of kind `original`, one turn each.
    """
    return [original(usable(r)) for r in reflections]


def original(answer: Answer) -> Example:
    """Return an answer with its question as asked."""
    return _single(answer, "original", answer.reflection.question)


def rephrased(answers: Sequence[Answer], round_: int) -> Iterator[Example]:
    """Yield every answer with another wording of its question.

    Args:
        answers: of one split.
        round_: which of its wordings, from 0; a question with fewer is left out.
    """
    for answer in answers:
        worded = rephrasings(answer.reflection.question, answer.reflection.category)
        if round_ < len(worded):
            # Each question begins at another of its wordings, so that a round is not all
            # of one pattern.
            wording = worded[(round_ + answer.question_id) % len(worded)]
            yield _single(answer, "rephrased", wording, f"-{round_ + 1}")


def follow_ups(
    answers: Sequence[Answer], chance: random.Random, listener: FollowUps
) -> Iterator[Example]:
    """Yield every answer that can be parted as a conversation of two turns."""
    for answer in answers:
        choice = chance.randrange(1000)
        turns = _parted(answer, listener, choice)
        if len(turns) == 2:
            name = f"{answer.question_id}-follow_up"
            yield Example(name, "follow_up", answer.reflection.category, turns)


def continued(
    answers: Sequence[Answer], chance: random.Random, listener: FollowUps
) -> Iterator[Example]:
    """Yield the answers of each category in pairs along a shuffled ring, the pairs shuffled.

    Of every two pairs one has three turns, where its first answer can be parted.
    """
    pairs: list[tuple[Answer, Answer]] = []
    for category in sorted({a.reflection.category for a in answers}):
        ring = [a for a in answers if a.reflection.category == category]
        chance.shuffle(ring)
        # Two answers make one pair; three or more close the ring.
        after = ring[1:] + (ring[:1] if len(ring) > 2 else [])
        pairs += zip(ring, after, strict=False)
    chance.shuffle(pairs)
    for i, (a, b) in enumerate(pairs):
        yield _pair(a, b, i % 2 == 0, chance, listener)


def _pair(
    a: Answer, b: Answer, in_three: bool, chance: random.Random, listener: FollowUps
) -> Example:
    choice = chance.randrange(1000)
    before = _parted(a, listener, choice) if in_three else (_whole(a, a.reflection.question),)
    turns = (*before, _whole(b, bridge(b.reflection.question, choice)))
    name = f"{a.question_id}-{b.question_id}-continued"
    return Example(name, "continued", a.reflection.category, turns)


def _parted(answer: Answer, listener: FollowUps, choice: int) -> tuple[Turn, ...]:
    """Return an answer as two turns, or as one where it cannot be parted."""
    cut = turn_of_thought(answer)
    if cut is None:
        return (_whole(answer, answer.reflection.question),)
    first = Turn(answer.reflection.question, parts(answer, 0, cut))
    coming = Turn("", parts(answer, cut))
    asked = listener.ask(first.said, coming.said, choice)
    return first, Turn(asked, coming.parts)


def _single(answer: Answer, kind: str, asked: str, suffix: str = "") -> Example:
    name = f"{answer.question_id}-{kind}{suffix}"
    return Example(name, kind, answer.reflection.category, (_whole(answer, asked),))


def _whole(answer: Answer, asked: str) -> Turn:
    # An answer that is nothing but white space still is an answer, of no words.
    return Turn(asked, parts(answer) or (Part(answer.question_id, 0, ""),))
