"""Compose conversations: a persona prompt, reflection questions, first-person answers.

Conversation `i` of a seed is always the same, so a corpus needs no file: any
number of conversations can be written again, in any order, from the seed.

What it does not do: tell the truth. The people are invented, and a person's
two conversations may contradict each other.

Shape: seed + range -> iterator of `[{role, content}, …]`, system first, then
user and assistant in turn, one to three times.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from echoes_lib.models.seedling.corpus.grammar import Scope, expand, tidy
from echoes_lib.models.seedling.corpus.library import Library, Topic, read_library
from echoes_lib.models.seedling.corpus.people import Person, invent
from echoes_lib.models.seedling.corpus.style import speak

__all__ = ["PERSONAS", "compose", "conversations", "held_out"]

Message = dict[str, str]
PERSONAS = (
    "You are {name}, sharing your authentic thoughts and experiences with warmth and wisdom.",
    "You are {name}. Answer as yourself, in your own words.",
    "You are {name}, a {trade} from {town}. Speak plainly and from memory.",
    "You are {name}. Reflect honestly on your life, in the first person.",
    "You are an echo of {name}, made from {name}'s own answers. Stay true to that voice.",
    "You are {name}, talking with somebody who wants to know you better.",
)
PERSONA_WEIGHTS = (10, 2, 2, 2, 2, 2)
TURN_WEIGHTS = (6, 3, 1)
PEOPLE = 6000
# Far past every training conversation and person, whatever the corpus size.
HELD_OUT_START = 10_000_000
MAX_WORDS = 190
STORY_CHANCE = 0.35
ECHO_CHANCE = 0.75
FILLERS = ("scene", "general", "general", "thought", "lookback", "aside")


def _system(person: Person, rng: random.Random) -> str:
    template = rng.choices(PERSONAS, PERSONA_WEIGHTS)[0]
    trade = person.own["trade"][0].split("/")[0]
    return tidy(template.format(name=person.name, trade=trade, town=person.own["town"][0]))


def _fresh(frames: list[str], said: set[str], rng: random.Random) -> str | None:
    left = [frame for frame in frames if frame not in said]
    if not left:
        return None
    said.add(frame := rng.choice(left))
    return frame


def _events(topic: Topic, said: set[str], count: int, rng: random.Random) -> list[str]:
    """Pick events not told yet, in the order in which the topic tells them."""
    left = [frame for frame in topic.events if frame not in said]
    chosen = set(rng.sample(range(len(left)), min(count, len(left))))
    picked = [frame for at, frame in enumerate(left) if at in chosen]
    said.update(picked)
    return picked


def _middle(topic: Topic, said: set[str], length: int, person: Person, scope: Scope) -> list[str]:
    """Mix events with scenes and reactions, enough for `length` words."""
    rng = scope.rng
    frames = _events(topic, said, max(1, round(length / 26)), rng)
    between = ("scene", "general", "general", f"{person.style.tone}_line", "aside")
    for bank in rng.sample(between, rng.randint(2, 3)):
        frames.insert(rng.randint(0, len(frames)), scope.draw(bank))
    if length > 110 and rng.random() < STORY_CHANCE:
        frames.insert(rng.randint(0, len(frames)), scope.draw("anecdote"))
    return frames


def _answer(
    first: str, topic: Topic, said: set[str], person: Person, scope: Scope, length: int
) -> str:
    rng, banks = scope.rng, scope.banks
    frames = [first, *_middle(topic, said, length, person, scope)]
    frames.append(_fresh(topic.lessons + banks["lookback"][:4], said, rng))
    endings = topic.endings if rng.random() < 0.5 else banks[f"close_{person.style.tone}"]
    last = _fresh(endings, said, rng)
    parts = [expand(frame, scope) for frame in frames if frame]
    while sum(len(part.split()) for part in parts) < length:
        parts.insert(len(parts) - 1, expand(scope.draw(rng.choice(FILLERS)), scope))
    parts = _within(parts, MAX_WORDS)
    return speak(" ".join([*parts, expand(last, scope)] if last else parts), person.style, rng)


def _within(parts: list[str], limit: int) -> list[str]:
    kept, words = [], 0
    for part in parts:
        words += len(part.split())
        if words > limit:
            break
        kept.append(part)
    return kept


def _short_answer(first: str, topic: Topic, scope: Scope, person: Person) -> str:
    frames = [first, scope.rng.choice(topic.events), scope.rng.choice(topic.endings)]
    return speak(" ".join(expand(frame, scope) for frame in frames), person.style, scope.rng)


def _ask(question: str, scope: Scope) -> str:
    """Put a lead before the question; after a comma or colon it loses its capital."""
    lead = expand(scope.rng.choice(scope.banks["question_lead"]), scope)
    asked = expand(question, scope)
    return tidy(f"{lead} {_lower(asked) if lead[-1:] in (':', ',') else asked}")


def _first_turn(topic: Topic, said: set[str], person: Person, scope: Scope) -> list[Message]:
    rng = scope.rng
    question, first = rng.choice(topic.questions)
    asked = _ask(question, scope)
    # Most answers take up the question's words; some people begin elsewhere.
    if not topic.short and topic.openings and rng.random() >= ECHO_CHANCE:
        first = rng.choice(topic.openings)
    said.update((question, first))
    if topic.short:
        return _pair(asked, _short_answer(first, topic, scope, person))
    length = person.style.length + rng.randint(-10, 20)
    return _pair(asked, _answer(first, topic, said, person, scope, length))


def _next_turn(
    topic: Topic, said: set[str], person: Person, scope: Scope, library: Library
) -> list[Message]:
    pool = topic.followups if topic.followups and scope.rng.random() < 0.6 else library.followups
    fresh = [pair for pair in pool if pair[0] not in said] or library.followups
    question, first = scope.rng.choice(fresh)
    said.add(question)
    asked = expand(question, scope)
    length = 60 + scope.rng.randint(0, 40)
    return _pair(asked, _answer(first, topic, said, person, scope, length))


def _lower(question: str) -> str:
    return question if question.startswith("I ") else question[0].lower() + question[1:]


def _pair(asked: str, answer: str) -> list[Message]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def compose(seed: int, index: int, people: int = PEOPLE) -> list[Message]:
    """Compose one conversation.

    Args:
        seed: The corpus seed.
        index: Which conversation, 0 or more.
        people: How many invented people the conversations are shared among.

    Returns:
        Messages: system, then one to three pairs of user and assistant.
    """
    library = read_library()
    rng = random.Random(f"{seed}:conversation:{index}")
    offset = HELD_OUT_START if index >= HELD_OUT_START else 0
    person = invent(seed, offset + rng.randrange(people), library.banks)
    scope = Scope(banks=library.banks, own=person.own, rng=rng)
    topic, said = rng.choice(library.topics), set()
    messages = [{"role": "system", "content": _system(person, rng)}]
    messages += _first_turn(topic, said, person, scope)
    for _ in range(0 if topic.short else rng.choices((0, 1, 2), TURN_WEIGHTS)[0]):
        messages += _next_turn(topic, said, person, scope, library)
    return messages


def conversations(count: int, seed: int = 0, start: int = 0) -> Iterator[list[Message]]:
    """Yield `count` conversations from number `start` of a seed."""
    for index in range(start, start + count):
        yield compose(seed, index)


def held_out(count: int, seed: int = 0) -> Iterator[list[Message]]:
    """Yield conversations of people that no training conversation knows."""
    return conversations(count, seed, start=HELD_OUT_START)
