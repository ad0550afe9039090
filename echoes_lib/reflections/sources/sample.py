"""Write the five invented people of the sample into a reflections database.

Their questions, answers, biographies and probes lie as JSONL in the folder `sample/` beside
this file. The answers carry only their text (and a "flaw", which says what a filter is meant
to find and is not stored); how long each took to write is derived from it here.

Adds and updates rows of the sample people; never removes a row, and touches nobody else.

Shape: JSONL -> rows of users, consents, questions, user_responses, facts, probes.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from echoes_lib.errors import DataError
from echoes_lib.reflections.sources.migrate import writing
from echoes_lib.reflections.sources.schema import (
    Base,
    Consent,
    Fact,
    Probe,
    Question,
    User,
    UserResponse,
)

SAMPLE_DIR = Path(__file__).with_name("sample")
GRANTED_ON = "2026-11-01"
SLOWEST_WPM, FASTEST_WPM = 18.0, 34.0


def write_sample(database_url: str) -> dict[str, int]:
    """Write the sample, all of it or nothing.

    Args:
        database_url: any SQLAlchemy URL; a missing SQLite file is made.

    Returns:
        Counts of the sample's people, questions, answers, facts and probes, and of the rows
        that were new or changed: 0 when the sample was there already.

    Raises:
        NoDatabase: the database cannot be opened or written.
        DataError: its questions or a person of the same id are somebody's own.
    """
    rows = [*_people(), *_consents(), *_questions(), *_answers(), *_facts(), *_probes()]
    with writing(database_url) as engine, Session(engine) as session, session.begin():
        _refuse_to_overwrite(session, rows)
        changed = _merge(session, rows)
    kinds = {"people": User, "questions": Question, "answers": UserResponse}
    kinds |= {"facts": Fact, "probes": Probe}
    counts = {name: sum(isinstance(row, kind) for row in rows) for name, kind in kinds.items()}
    return counts | {"new or changed rows": changed}


def read_lines(name: str) -> list[dict[str, Any]]:
    """Read one JSONL file of the sample, such as `answers/luke`; a missing one is empty."""
    path = SAMPLE_DIR / f"{name}.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def sample_users() -> list[str]:
    """Return the ids of the sample people."""
    return [person["user_id"] for person in read_lines("people")]


def writing_seconds(user_id: str, question_id: int, n_words: int, flaw: str | None) -> float:
    """Invent how long an answer took to write, always the same for the same answer.

    Args:
        user_id: who wrote; everybody has a speed of their own.
        question_id: which question.
        n_words: words of the answer.
        flaw: `too_fast` for text that was pasted in.

    Returns:
        Seconds: 18 to 34 words per minute, or 6 to 9 s for pasted text.
    """
    chance = random.Random(f"{user_id}:{question_id}")
    if flaw == "too_fast":
        return round(chance.uniform(6.0, 9.0), 1)
    usual = random.Random(user_id).uniform(SLOWEST_WPM + 3, FASTEST_WPM - 3)
    speed = min(max(chance.gauss(usual, 2.5), SLOWEST_WPM), FASTEST_WPM)
    return round(60 * n_words / speed, 1)


def _people() -> Iterator[Base]:
    for line in read_lines("people"):
        user_id, name = line["user_id"], line["name"]
        age, trade = line["age"], line["trade"]
        yield User(user_id=user_id, name=name, age=age, trade=trade, source="sample")


def _consents() -> Iterator[Base]:
    for line in read_lines("people"):
        yield Consent(
            user_id=line["user_id"],
            purpose="training",
            granted_by=line["name"],
            granted_on=GRANTED_ON,
            note=line["consent"],
        )


def _questions() -> Iterator[Base]:
    for line in read_lines("questions"):
        yield Question(**line)


def _answers() -> Iterator[Base]:
    for user_id in sample_users():
        for line in read_lines(f"answers/{user_id}"):
            question_id, text = line["question_id"], line["response_text"]
            n_words = len(text.split())
            yield UserResponse(
                user_id=user_id,
                question_id=question_id,
                response_text=text,
                word_count=n_words,
                response_time_seconds=writing_seconds(
                    user_id, question_id, n_words, line.get("flaw")
                ),
            )


def _facts() -> Iterator[Base]:
    for user_id in sample_users():
        for line in read_lines(f"biographies/{user_id}"):
            yield Fact(user_id=user_id, **line)


def _probes() -> Iterator[Base]:
    for user_id in sample_users():
        for line in read_lines(f"probes/{user_id}"):
            for name in ("accepted", "wrong"):
                line[name] = json.dumps(line[name], ensure_ascii=False)
            yield Probe(user_id=user_id, **line)


def _refuse_to_overwrite(session: Session, rows: list[Base]) -> None:
    ours = set(sample_users())
    people = {user.user_id: user.source for user in session.scalars(select(User))}
    writers = set(session.scalars(select(UserResponse.user_id).distinct()))
    taken = sorted(u for u in ours & (set(people) | writers) if people.get(u) != "sample")
    if taken:
        raise DataError(
            f"user(s) {', '.join(taken)} of this database are not the sample's: nothing was "
            "written; give the sample a database_url of its own"
        )
    stored = {q.question_id: q.question_text for q in session.scalars(select(Question))}
    other = [q.question_id for q in rows if isinstance(q, Question) and _differs(q, stored)]
    if other and (writers | set(people)) - ours:
        raise DataError(
            f"question_id={other[0]} of this database is another question than the sample's "
            f"({len(other)} differ): nothing was written; give the sample a database_url of its own"
        )


def _differs(question: Question, stored: dict[int, str]) -> bool:
    return stored.get(question.question_id, question.question_text) != question.question_text


def _merge(session: Session, rows: list[Base]) -> int:
    changed = 0
    for kind in dict.fromkeys(type(row) for row in rows):  # parents come before children
        # Held on to, since the session's own hold is weak: `merge` then asks nothing.
        known = list(session.scalars(select(kind)))
        with session.no_autoflush:
            for row in rows:
                if type(row) is kind:
                    session.merge(row)
            changed += len(session.new) + sum(session.is_modified(row) for row in known)
        session.flush()
    return changed
