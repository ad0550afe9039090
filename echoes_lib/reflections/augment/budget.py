"""Make more examples of the same answers, within a budget for every sentence.

Rounds of candidates (`kinds.py`, `gather.py`) are taken in turn until the target is reached. A
cap on how often a sentence is used keeps it from being learnt by heart; where the cap allows
fewer examples than wanted, fewer are made. Questions of different splits never meet, since
only the answers of one split are given.

Shape: reflections of one split, target, cap, seed -> Augmented(examples, at most `target`).
"""

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from echoes_lib.reflections.augment.ask import rephrasings
from echoes_lib.reflections.augment.examples import Example, sentences_used
from echoes_lib.reflections.augment.follow_ups import FollowUps, FollowUpWriter
from echoes_lib.reflections.augment.gather import gathered
from echoes_lib.reflections.augment.kinds import continued, follow_ups, original, rephrased
from echoes_lib.reflections.augment.parts import Answer, usable
from echoes_lib.reflections.augment.themes import Theme
from echoes_lib.reflections.sources.store import Reflection

Hidden = Mapping[int, Collection[int]]


@dataclass(frozen=True)
class Augmented:
    """Examples made, how many were wanted, and how many the cap refused.

    `follow_ups` counts who worded what a listener asks: `rules`, `written`, or `rejected`
    (written, not usable, so worded by rules).
    """

    examples: list[Example]
    wanted: int
    refused_by_cap: int
    follow_ups: dict[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many fewer were made than wanted."""
        return self.wanted - len(self.examples)


@dataclass(frozen=True)
class Extras:
    """What augmentation may draw on besides the answers.

    Args:
        hidden: question id -> where sentences start that must not be used.
        themes: of the whole training set.
        theme_ratio: share of the examples that may be gathered from themes.
        write: writes follow-up questions; rules do when omitted.
    """

    hidden: Hidden = field(default_factory=dict)
    themes: Sequence[Theme] = ()
    theme_ratio: float = 0.1
    write: FollowUpWriter | None = None


def augment(
    reflections: Sequence[Reflection],
    target: int,
    cap: int,
    seed: int,
    extras: Extras = Extras(),
) -> Augmented:
    """Make up to `target` examples of the answers of one split.

    The order is: every original, then follow-ups, themes, one rephrasing each, some continued
    conversations, and further rephrasings until the target is reached.

    Args:
        reflections: answers of one split, one per question.
        target: number of examples wanted.
        cap: how many examples may use one and the same sentence of an answer.
        seed: of the pairs and of the choice among equals.
        extras: hidden sentences, themes, a writer of follow-up questions.

    Returns:
        Examples in a fixed order.
    """
    answers = [usable(r, extras.hidden.get(r.question_id, ())) for r in reflections]
    spans = {answer.question_id: answer.sentences for answer in answers}
    listener = FollowUps(extras.write)
    uses: Counter[tuple[int, int]] = Counter()
    examples: list[Example] = []
    refused = 0
    for example in _candidates(answers, target, cap, seed, extras, listener):
        if len(examples) == target:
            break
        touched = list(sentences_used(example, spans))
        if any(uses[sentence] >= cap for sentence in touched):
            refused += 1
            continue
        uses.update(touched)
        examples.append(example)
    return Augmented(examples, target, refused, dict(sorted(listener.counts.items())))


def _candidates(
    answers: Sequence[Answer],
    target: int,
    cap: int,
    seed: int,
    extras: Extras,
    listener: FollowUps,
) -> Iterator[Example]:
    """Yield examples round by round; every round goes through all answers."""
    chance = random.Random(f"augment {seed}")
    yield from (original(answer) for answer in answers)
    yield from follow_ups(answers, chance, listener)
    themed = gathered(extras.themes, answers, chance)[: round(target * extras.theme_ratio)]
    yield from themed
    yield from rephrased(answers, 0)
    # A continued conversation uses two answers at once: no more of them than the cap can bear,
    # but a few also where it is reached anyway.
    spare = cap * len(answers) - target - sum(len(e.question_ids) - 1 for e in themed)
    yield from islice(continued(answers, chance, listener), max(spare, len(answers) // 4))
    questions = {(a.reflection.question, a.reflection.category) for a in answers}
    for round_ in range(1, max((len(rephrasings(*q)) for q in questions), default=0)):
        yield from rephrased(answers, round_)
