"""Compare the answers of a file with the database: what would be new, what would change.

Only reads. The same function makes the plan that is shown, and makes it once more inside the
transaction that writes, so that nothing is written that was not shown.

Shape: session (None: no database yet), answers -> Plan.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Select, inspect, select
from sqlalchemy.orm import Session

from echoes_lib.errors import BadSource
from echoes_lib.reflections.intake.check import Answer
from echoes_lib.reflections.intake.decode import unify_line_ends
from echoes_lib.reflections.intake.resolve import Key, Resolved, resolve
from echoes_lib.reflections.intake.rows import Place, Skip
from echoes_lib.reflections.sources.questions import (
    Asked,
    Catalogue,
    shipped_questions,
    stored_questions,
)
from echoes_lib.reflections.sources.schema import Consent, Question, User, UserResponse

USERS_AT_ONCE = 100


@dataclass(frozen=True)
class Response:
    """A row of user_responses as it is to be."""

    user_id: str
    question_id: int
    response_text: str = field(repr=False)
    word_count: int
    response_time_seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What an import would do.

    `known_by` counts questions by how they were recognised: id, words, or new; `new_at` says
    where the new ones stand first.
    """

    people: tuple[str, ...]
    new_people: dict[str, str]
    renamed: dict[str, str]
    questions: tuple[Asked, ...]
    known_by: dict[str, int]
    new_at: tuple[Place, ...]
    new: tuple[Response, ...]
    changed: tuple[Response, ...]
    unchanged: int
    skips: tuple[Skip, ...]
    samples: tuple[str, ...]
    without_consent: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.new or self.changed or self.new_people or self.renamed)


@dataclass(frozen=True)
class Stored:
    """What the database knows; answers are read later, some people at a time."""

    questions: list[Asked] = field(default_factory=list)
    people: dict[str, tuple[str, str]] = field(default_factory=dict)  # id -> name, source
    writers: set[str] = field(default_factory=set)
    consenting: set[str] = field(default_factory=set)


def make_plan(
    session: Session | None,
    answers: Sequence[Answer],
    name: str | None = None,
    by_text: bool = False,
) -> Plan:
    """Plan an import.

    Args:
        session: on the database, or None where there is none yet.
        answers: usable ones of one source, in order.
        name: display name of the one person whose answers they are.
        by_text: match questions by words, whatever ids the file gives.

    Returns:
        All that would be written, and what would not and why. The same database and
        answers give an equal plan.

    Raises:
        BadSource: the answers contradict each other or the database, or `name` is given for
            several people.
    """
    tables = set(inspect(session.connection()).get_table_names()) if session else set()
    stored = _read(session, tables)
    book = Catalogue.of(stored.questions, shipped_questions())
    resolved = resolve(answers, book, stored.writers | set(stored.people), by_text)
    people = tuple(dict.fromkeys(user for user, _ in resolved.answers))
    _refuse_name(name, people)
    with_answers = session if UserResponse.__tablename__ in tables else None
    new, changed, unchanged = _compare(with_answers, resolved)
    how = list(resolved.how.values())
    used = set(resolved.how)
    return Plan(
        people=people,
        new_people={u: name or u.capitalize() for u in people if u not in stored.people},
        renamed={
            u: name for u in people if name and u in stored.people and stored.people[u][0] != name
        },
        questions=tuple(q for number, q in sorted(book.added.items()) if number in used),
        known_by={kind: how.count(kind) for kind in ("id", "words", "new")},
        new_at=tuple(_first_places(resolved)),
        new=tuple(new),
        changed=tuple(changed),
        unchanged=unchanged,
        skips=tuple(resolved.skips),
        samples=tuple(u for u in people if stored.people.get(u, ("", ""))[1] == "sample"),
        without_consent=tuple(u for u in people if u not in stored.consenting),
    )


def _read(session: Session | None, tables: set[str]) -> Stored:
    if not session:
        return Stored()

    def rows(kind: type, statement: Select) -> list:
        return list(session.execute(statement)) if kind.__tablename__ in tables else []

    people = rows(User, select(User.user_id, User.name, User.source))
    return Stored(
        questions=stored_questions(session) if Question.__tablename__ in tables else [],
        people={user: (name, source) for user, name, source in people},
        writers={row[0] for row in rows(UserResponse, select(UserResponse.user_id).distinct())},
        consenting={row[0] for row in rows(Consent, select(Consent.user_id).distinct())},
    )


def _compare(
    session: Session | None, resolved: Resolved
) -> tuple[list[Response], list[Response], int]:
    new: list[Response] = []
    changed: list[Response] = []
    for keys in _portions(resolved):
        there = _stored_answers(session, {user for user, _ in keys}) if session else {}
        for key in keys:
            answer = resolved.answers[key]
            if key not in there:
                new.append(_response(key, answer))
            elif after := _after(key, answer, *there[key]):
                changed.append(after)
    return new, changed, len(resolved.answers) - len(new) - len(changed)


def _first_places(resolved: Resolved) -> Iterator[Place]:
    waiting = {number for number, how in resolved.how.items() if how == "new"}
    for (_, number), answer in resolved.answers.items():
        if number in waiting:
            waiting.remove(number)
            yield answer.place


def _portions(resolved: Resolved) -> Iterator[list[Key]]:
    """Yield the keys of a hundred people at a time, so that memory does not grow with them."""
    by_user: dict[str, list[Key]] = {}
    for key in resolved.answers:
        by_user.setdefault(key[0], []).append(key)
    users = list(by_user)
    for start in range(0, len(users), USERS_AT_ONCE):
        yield [key for user in users[start : start + USERS_AT_ONCE] for key in by_user[user]]


def _stored_answers(session: Session, users: set[str]) -> dict[Key, tuple[str, int, float]]:
    r = UserResponse.__table__.c
    wanted = (r.user_id, r.question_id, r.response_text, r.word_count, r.response_time_seconds)
    rows = session.execute(select(*wanted).where(r.user_id.in_(users)))
    return {(user, number): (text or "", *rest) for user, number, text, *rest in rows}


def _after(
    key: Key, answer: Answer, text: str, n_words: int | None, seconds: float | None
) -> Response | None:
    """Return the row as it is to be, or None where the stored one says the same already."""
    if unify_line_ends(text) != answer.text:
        return _response(key, answer)  # the old time was that of another text
    if answer.seconds is None or answer.seconds == seconds:
        return None
    return Response(*key, text, n_words or len(text.split()), answer.seconds)


def _response(key: Key, answer: Answer) -> Response:
    return Response(*key, answer.text, len(answer.text.split()), answer.seconds)


def _refuse_name(name: str | None, people: tuple[str, ...]) -> None:
    if name is None:
        return
    if len(people) > 1:
        raise BadSource(
            f"--name {name!r} is for one person, and the answers are of {len(people)}: leave it "
            "out, or choose one with --user"
        )
    if not 1 <= len(name) <= 120 or not name.isprintable() or not name.strip():
        raise BadSource("--name is not 1 to 120 printable characters: give the person's name")
