"""Find the passages of answers that can stand without what was said before them.

A passage is one or more neighbouring sentences of one paragraph, 24 to 80 words. Its first
sentence has a subject of its own and points at nothing earlier: it does not begin with "He",
"That" or "But", it is no fragment ("Dark, most of the year."), and no pronoun in it comes
before the one it stands for. The first sentence of an answer leans on its question more often
than others do, so it must begin with a subject and a verb. Made for English, by rules: it
leaves out many good passages rather than let in one that dangles.

Shape: answers -> passages, in order.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from echoes_lib.measures.prose import function_words
from echoes_lib.measures.words import Span, words
from echoes_lib.reflections.augment.parts import Answer, Part

MIN_WORDS, MAX_WORDS, MIN_OPENING_WORDS = 24, 80, 6
_POINTS_BACK = re.compile(
    r"[\"'“‘(—–-]*(?:he|she|it|they|him|her|his|hers|its|their|them|that|this|these|those|there|"
    r"such|but|and|or|so|then|yet|still|only|because|which|who|whom|whose|also|too|even|no|yes|"
    r"not|neither|nor|both|another|either|same|well|afterwards?|later|after|since|until|one|some|"
    r"half|most|mine|ours|hence|anyway|instead|otherwise|though|although|except)\b",
    re.IGNORECASE,
)
_DANGLING_END = re.compile(r"\b(?:for|with|in|on|at|of|to|by|from|about) (?:that|this)[.,;:]")
_THING = re.compile(
    r"\b(?:they|them|their|it|its|that one|there(?! is\b| was\b| were\b| are\b|['’])|"
    r"(?:for|with|in|on|at|of|to|by|from|about) (?:that|this|these|those))\b",
    re.IGNORECASE,
)
# What these may stand for: "my aunt's house", "the van", "a man", or a name.
_NAMED = re.compile(
    r"\b(?:my|our|your|the|a|an|every|any|some|each|whose|no|two|three|four)\s+[a-z]|"
    r"(?<=[a-z,]\s)[A-Z][a-z]"
)
_PERSON = re.compile(r"\b(?:he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)
_CAPITALISED = re.compile(r"\b(?!I\b)[A-Z][a-z]+")
_PEOPLE = frozenset((
    "mother", "father", "mom", "mum", "mama", "mami", "dad", "papa", "brother", "sister", "son",
    "daughter", "wife", "husband", "aunt", "uncle", "cousin", "grandmother", "grandfather",
    "grandma", "grandpa", "friend", "man", "woman", "boy", "girl", "child", "kid", "baby",
    "person", "doctor", "nurse", "teacher", "boss", "neighbour", "neighbor", "lady", "gentleman",
    "fellow", "guy", "bloke", "stranger", "priest", "minister", "pastor", "apprentice", "student",
    "pupil", "customer", "patient", "driver", "farmer", "widow", "mate", "lad", "niece", "nephew",
    "colleague", "partner", "captain", "foreman", "clerk", "dog", "cat", "cow", "horse", "heifer",
    "somebody", "someone", "anybody", "anyone", "everybody", "everyone", "nobody",
))  # fmt: skip
_SUBJECT = re.compile(
    r"\b(?:I|we|you|people|everybody|everyone|nobody|anybody|my|our|a|the|what)(?:['’][a-z]+)?\b",
    re.IGNORECASE,
)
_PLAIN_OPENING = re.compile(
    r"(?:(?:I|We|You|People|Everybody|Everyone|Nobody)\b|(?:When|If) (?:I|we|you)\b|"
    r"(?:My|Our) [a-z]+ (?:was|is|had|has|could|would|never|always|used|kept|[a-z]+ed)\b)"
)


@dataclass(frozen=True)
class Passage:
    """Neighbouring sentences of one answer that can be read alone."""

    question_id: int
    start: int
    text: str

    def part(self, lead: str = "") -> Part:
        """Return it as a part of a turn."""
        return Part(self.question_id, self.start, self.text, lead)


def find_passages(answers: Iterable[Answer]) -> list[Passage]:
    """Find the passages of answers; none shares a sentence with another.

    Args:
        answers: of one person.
    """
    return [passage for answer in answers for passage in _of_answer(answer)]


def stands_alone(sentence: str) -> bool:
    """Say whether a sentence can be the first that is heard.

    >>> stands_alone("My father kept bees until the winter they died.")
    True
    >>> stands_alone("I never let her near the stove again, not once.")
    False
    """
    opening = sentence.strip()
    if len(words(opening)) < MIN_OPENING_WORDS or _POINTS_BACK.match(opening):
        return False
    if opening[0] in "\"'“‘" or opening.endswith("?") or _DANGLING_END.search(opening):
        return False
    return _SUBJECT.search(opening) is not None and points_within(opening)


def points_within(text: str) -> bool:
    """Say whether no pronoun of a text comes before anything it could stand for.

    >>> points_within("I hung the doors. When she came back she laughed.")
    False
    """
    thing, person = _THING.search(text), _PERSON.search(text)
    if thing and not _NAMED.search(text[: thing.start()]):
        return False
    return person is None or _names_somebody(text[: person.start()])


def _names_somebody(text: str) -> bool:
    if any(word.lower().removesuffix("'s") in _PEOPLE for word in words(text.replace("’", "'"))):
        return True
    names = (match.group().lower() for match in _CAPITALISED.finditer(text))
    return any(name not in function_words() for name in names)


def _of_answer(answer: Answer) -> Iterator[Passage]:
    text = answer.reflection.text
    for paragraph in _paragraphs(answer):
        i = 0
        while i < len(paragraph):
            start = paragraph[i][0]
            last = _reach(text, paragraph, i) if _can_open(text, paragraph[i]) else None
            if last is not None and points_within(text[start : paragraph[last][1]]):
                yield Passage(answer.question_id, start, text[start : paragraph[last][1]])
            else:
                last = None
            i = i + 1 if last is None else last + 1


def _can_open(text: str, span: Span) -> bool:
    opening = text[slice(*span)]
    plain = span[0] > 0 or _PLAIN_OPENING.match(opening) is not None
    return plain and stands_alone(opening)


def _reach(text: str, paragraph: list[Span], first: int) -> int | None:
    """Return the last sentence of the shortest passage that is long enough, if there is one."""
    for last in range(first, len(paragraph)):
        n = len(text[paragraph[first][0] : paragraph[last][1]].split())
        if n > MAX_WORDS:
            return None
        if n >= MIN_WORDS:
            return last
    return None


def _paragraphs(answer: Answer) -> list[list[Span]]:
    """Part the usable sentences at empty lines and at hidden sentences."""
    found: list[list[Span]] = []
    text = answer.reflection.text
    for span in answer.sentences:
        gap = text[found[-1][-1][1] : span[0]] if found else "\n\n"
        if gap.strip() or gap.count("\n") > 1:
            found.append([])
        found[-1].append(span)
    return found
