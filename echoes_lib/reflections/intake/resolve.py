"""Give every answer of a file its person and question, or say what contradicts what.

An answer's identity is (user, question). A question's identity is its id if the file gives
one, else its words among the stored and shipped questions; words that nobody knows become a
new question, numbered above every known id, in the order of the file. Contradictions end the
import: which of two texts is the person's is not for a program to choose.

Shape: answers, catalogue, known user ids -> Resolved(answers by (user, question), skips).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake.check import Answer
from echoes_lib.reflections.intake.rows import Place, Skip
from echoes_lib.reflections.sources.questions import OWN_CATEGORY, Catalogue, wording

Key = tuple[str, int]  # user id, question id
SHOWN = 5


@dataclass
class Resolved:
    """One answer per key; `how` says of every question whether id, words or neither found it."""

    answers: dict[Key, Answer] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    how: dict[int, str] = field(default_factory=dict)


def resolve(
    answers: Sequence[Answer], book: Catalogue, users: Iterable[str], by_text: bool = False
) -> Resolved:
    """Find every answer's question; new ones are added to the catalogue.

    Args:
        answers: usable ones, in the order of the file.
        book: stored and shipped questions.
        users: ids that the database knows.
        by_text: pass over the file's question ids, and go by the words alone.

    Returns:
        The answers by user and question; answers given twice, and those of an unknown
        question id, are skipped.

    Raises:
        BadSource: one id with two questions, one person's question with two answers, or user
            ids that differ in case only.
    """
    _refuse_case(answers, set(users))
    if by_text:
        answers = [replace(answer, question_id=None) for answer in answers]
    _take_ids(answers, book)
    resolved = Resolved()
    contradictions: list[tuple[Place, Place]] = []
    for answer in answers:
        number, how = _question(answer, book)
        if number is None:
            resolved.skips.append(Skip(answer.place, how))
            continue
        resolved.how.setdefault(number, how)
        first = resolved.answers.setdefault((answer.user_id, number), answer)
        if first is not answer and first.text == answer.text:
            resolved.skips.append(Skip(answer.place, "the same answer twice"))
        elif first is not answer:
            contradictions.append((first.place, answer.place))
    _refuse_two_answers(contradictions)
    return resolved


def at(place: Place) -> str:
    """Return a place as it is shown: `line 7`, or a file's name."""
    return f"line {place}" if isinstance(place, int) else place


def _question(answer: Answer, book: Catalogue) -> tuple[int | None, str]:
    """Return the id and how it was found, or None and why not."""
    number = answer.question_id
    if number is None and not answer.question:
        return None, "no question beside its id"
    if number is None:
        known = book.find(answer.question)
        if known is not None:
            return known, "new" if _is_new(book, known) else "words"
        category = answer.category or OWN_CATEGORY
        return book.add(None, category, answer.question).question_id, "new"
    if number in book.stored or number in book.added:
        return number, "new" if _is_new(book, number) else "id"
    if number in book.shipped:
        return book.adopt(book.shipped[number]).question_id, "id"
    return None, "an unknown question_id without its question"


def _is_new(book: Catalogue, number: int) -> bool:
    """Whether a question is neither stored nor shipped, whatever its id."""
    added = book.added.get(number)
    return added is not None and not book.ships(added.text)


def _take_ids(answers: Sequence[Answer], book: Catalogue) -> None:
    """Add the questions that come with an id of their own, before any number is given out."""
    texts: dict[int, Answer] = {}
    for answer in answers:
        if answer.question_id is not None and answer.question:
            first = texts.setdefault(answer.question_id, answer)
            if wording(first.question) != wording(answer.question):
                raise BadSource(
                    f"question_id {answer.question_id} stands for two questions "
                    f"({at(first.place)} and {at(answer.place)}): correct one, or go by the "
                    "words with --by-text"
                )
    _refuse_other_questions(texts, book)
    book.reserve(a.question_id for a in answers if a.question_id is not None)
    for number, answer in texts.items():
        if number not in book.stored:
            shipped = book.shipped.get(number)
            is_shipped = shipped and wording(shipped.text) == wording(answer.question)
            category = shipped.category if is_shipped else answer.category or OWN_CATEGORY
            book.add(number, category, shipped.text if is_shipped else answer.question)


def _refuse_other_questions(texts: dict[int, Answer], book: Catalogue) -> None:
    other = [
        f"{number} ({at(answer.place)})"
        for number, answer in texts.items()
        if number in book.stored and wording(book.stored[number].text) != wording(answer.question)
    ]
    if other:
        raise BadSource(
            f"another question is stored under question_id {_some(other)}: match questions by "
            "their words with --by-text, or import into a database of its own (--database-url)"
        )


def _refuse_case(answers: Iterable[Answer], users: set[str]) -> None:
    spellings = {user.casefold(): user for user in sorted(users)}
    for answer in answers:
        known = spellings.setdefault(answer.user_id.casefold(), answer.user_id)
        if known != answer.user_id and answer.user_id not in users:
            whose = "of the database" if known in users else "of the file"
            raise BadSource(
                f"user_id {answer.user_id!r} ({at(answer.place)}) differs only in case from "
                f"{known!r} {whose}: write both alike"
            )


def _refuse_two_answers(pairs: list[tuple[Place, Place]]) -> None:
    if pairs:
        places = [f"{at(first)} and {at(second)}" for first, second in pairs]
        raise BadSource(
            f"one person answers the same question twice and differently ({_some(places)}): "
            "keep one of each"
        )


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
