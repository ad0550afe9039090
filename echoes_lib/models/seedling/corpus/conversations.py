"""Compose conversations: a persona prompt, reflection questions, first-person answers.

Conversation `i` of a seed is always the same, so a corpus needs no file: any number of
conversations can be written again, in any order, from the seed. Stories are dealt like cards:
each is told once before any is told again, every time in other words, and the person who
tells it is one to whom it could have happened. A conversation goes on with a follow-up to the
story or with another question to the same person, in the same voice.

What it does not do: tell the truth. The people are invented.

Shape: seed + range -> iterator of `[{role, content}, …]`, system first, then user and
assistant in turn, one to four times.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

from echoes_lib.models.seedling.corpus.grammar import Frame, fill, tidy
from echoes_lib.models.seedling.corpus.idiolect import reword
from echoes_lib.models.seedling.corpus.library import Story, Topic, read_library
from echoes_lib.models.seedling.corpus.lives import Life, scene
from echoes_lib.models.seedling.corpus.society import HELD_OUT_START, agree, society
from echoes_lib.models.seedling.corpus.style import VOICES, conclude, contract, introduce, speak

__all__ = ["PERSONAS", "compose", "conversations", "held_out"]

Message = dict[str, str]
Tale = tuple[Topic, Story]
PERSONAS = (
    "You are {name}, sharing your authentic thoughts and experiences with warmth and wisdom.",
    "You are {name}. Answer as yourself, in your own words.",
    "You are {name}, a {trade} from {town}. Speak plainly and from memory.",
    "You are {name}. Reflect honestly on your life, in the first person.",
    "You are an echo of {name}, made from {name}'s own answers. Stay true to that voice.",
    "You are {name}, talking with somebody who wants to know you better.",
)
PERSONA_WEIGHTS = (10, 2, 2, 2, 2, 2)
LEADS = (
    "{name}, ",
    "I have been wondering: ",
    "If you do not mind my asking, ",
    "Here is something I would like to know. ",
    "Take your time with this one. ",
    "Thinking about your life, ",
    "An odd question: ",
    "A question from a friend: ",
)
LEAD_CHANCE = 0.2
ASKER_CONTRACTS = (0.0, 0.0, 1.0)
MOST_TURNS = 4
# Which reading of its frames a tale has, by turn and by epoch of a round. Tales are dealt mostly
# as the first or second of a conversation; the six numbers of those differ by 8 as by 12, the
# commonest counts of a frame's ways, and the others stay clear of them.
READINGS = ((0, 1, 2), (3, 4, 5), (6, 7, 30), (31, 22, 23))
ROUND_EPOCHS, ROUND_READINGS = 3, 33
TURN_WEIGHTS = (5, 4, 2, 1)
FOLLOWUP_CHANCE = 0.5


@lru_cache(maxsize=1)
def _tales() -> tuple[Tale, ...]:
    return tuple((topic, story) for topic in read_library().topics for story in topic.stories)


@lru_cache(maxsize=1)
def _voices() -> dict[str, list[int]]:
    """Return the numbers of the tales of each voice."""
    tales = _tales()
    return {v: [i for i, (_, story) in enumerate(tales) if story.voice == v] for v in VOICES}


@lru_cache(maxsize=64)
def _dealt(seed: int, key: str, count: int) -> list[int]:
    """Shuffle `range(count)` as the key says."""
    order = list(range(count))
    random.Random(f"{seed}:deal:{key}").shuffle(order)
    return order


def _choose(seed: int, index: int, turns: int) -> list[int]:
    """Deal the tales of a conversation: the first from all, the others of the same voice.

    Within an epoch each tale is dealt once as the first, once as the second, and so on.
    """
    epoch, at = divmod(index, len(_tales()))
    first = _dealt(seed, f"{epoch}", len(_tales()))[at]
    voice = _tales()[first][1].voice
    alike = _voices()[voice]
    place = alike.index(first)
    dealt = [_dealt(seed, f"{epoch}:{voice}:{turn}", len(alike)) for turn in range(1, turns)]
    return [first, *(alike[order[place]] for order in dealt)]


def _cast(numbers: Sequence[int]) -> tuple[dict[int, int], frozenset[str]]:
    """Leave out tales of a question already asked, or that cannot be the same person's.

    Returns:
        The tales left, by the turn for which they were dealt, and what their teller must be.
    """
    tales, kept, needs = _tales(), {}, frozenset()
    for turn, number in enumerate(numbers):
        topic, story = tales[number]
        asked = any(tales[other][0] is topic for other in kept.values())
        if not asked and agree(needs | story.needs):
            kept[turn] = number
            needs |= story.needs
    return kept, needs


def compose(seed: int, index: int) -> list[Message]:
    """Compose one conversation.

    Args:
        seed: The corpus seed.
        index: Which conversation, 0 or more; those from `HELD_OUT_START` have other people.

    Returns:
        Messages: system, then one to four pairs of user and assistant.
    """
    rng = random.Random(f"{seed}:conversation:{index}")
    turns = rng.choices(range(1, MOST_TURNS + 1), TURN_WEIGHTS)[0]
    numbers, needs = _cast(_choose(seed, index, turns))
    life = society(seed, index >= HELD_OUT_START).find(_tales()[numbers[0]][1].voice, needs, rng)
    epoch = index // len(_tales())
    messages = [{"role": "system", "content": _system(life, rng)}]
    for turn, number in numbers.items():
        left = turns - len(messages) // 2
        if left > 0:
            visit = _visit(epoch, turn)
            messages += _exchange(seed, number, visit, life, rng, may_follow=left > 1)
    return messages


def _visit(epoch: int, turn: int) -> int:
    """Return the number of a telling: each epoch and turn has a number of its own."""
    round_, at = divmod(epoch, ROUND_EPOCHS)
    return ROUND_READINGS * round_ + READINGS[turn][at]


def _system(life: Life, rng: random.Random) -> str:
    template = rng.choices(PERSONAS, PERSONA_WEIGHTS)[0]
    return tidy(template.format_map(life.facts))


def _exchange(
    seed: int, number: int, visit: int, life: Life, rng: random.Random, may_follow: bool
) -> list[Message]:
    """Ask for one tale and tell it, with a follow-up now and then."""
    topic, story = _tales()[number]
    facts = scene(life, rng, read_library().banks)
    heard = story.sentences[: life.style.tells]
    told = _read(heard, f"{seed}:{number}", visit)
    told = _around(topic, visit * len(topic.stories) + number, life, rng, told)
    messages = [_asked(topic, facts, rng), _said(told, facts, life, rng)]
    # A follow-up asks about the story, which the brief have not told to its end.
    may_follow = may_follow and len(heard) == len(story.sentences)
    if story.followups and may_follow and rng.random() < FOLLOWUP_CHANCE:
        at = rng.randrange(len(story.followups))
        question, answer = story.followups[at]
        told = _read(answer, f"{seed}:{number}:{at}", visit)
        asked = tidy(fill(question.visit(0, visit), facts))
        messages += [{"role": "user", "content": asked}, _said(told, facts, life, rng)]
    return messages


def _read(frames: Sequence[Frame], key: str, visit: int) -> list[str]:
    """Read sentences in the words of a visit."""
    starts = [zlib.crc32(f"{key}:{at}".encode()) for at in range(len(frames))]
    return [frame.visit(start, visit) for frame, start in zip(frames, starts, strict=True)]


def _around(
    topic: Topic, telling: int, life: Life, rng: random.Random, told: list[str]
) -> list[str]:
    """Take up the question before the story, mostly, and close after it, now and then.

    The sentences for it are dealt like the stories: each telling has the next.
    """
    if topic.openings and rng.random() < life.style.takes_up:
        told = [*introduce(_next(topic.openings, telling), told[0], rng), *told[1:]]
    if topic.endings and rng.random() < life.style.closes:
        told = [*told[:-1], *conclude(told[-1], _next(topic.endings, telling), rng)]
    return told


def _next(frames: Sequence[Frame], telling: int) -> str:
    around, at = divmod(telling, len(frames))
    return frames[at].visit(at, around)


def _any(frames: Sequence[Frame], rng: random.Random) -> str:
    frame = rng.choice(frames)
    return frame.read(rng.randrange(frame.ways))


def _asked(topic: Topic, facts: dict[str, str], rng: random.Random) -> Message:
    """Ask; after a comma or colon the question loses its capital."""
    # The one who asks has words of their own, too, and is another each time.
    asked = reword(tidy(fill(_any(topic.questions, rng), facts)), rng.getrandbits(32))
    asked = contract(asked, rng.choice(ASKER_CONTRACTS), rng)
    if rng.random() < LEAD_CHANCE:
        lead = rng.choice(LEADS).format_map(facts)
        asked = lead + (asked if lead.endswith(". ") or _is_i(asked) else _lower(asked))
    return {"role": "user", "content": asked}


def _is_i(text: str) -> bool:
    return text.startswith(("I ", "I'"))


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _said(told: list[str], facts: dict[str, str], life: Life, rng: random.Random) -> Message:
    text = tidy(fill(" ".join(told), facts))
    return {"role": "assistant", "content": speak(text, life.style, rng)}


def conversations(count: int, seed: int = 0, start: int = 0) -> Iterator[list[Message]]:
    """Yield `count` conversations from number `start` of a seed."""
    for index in range(start, start + count):
        yield compose(seed, index)


def held_out(count: int, seed: int = 0) -> Iterator[list[Message]]:
    """Yield conversations of people that no training conversation knows."""
    return conversations(count, seed, start=HELD_OUT_START)
