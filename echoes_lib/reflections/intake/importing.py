"""Bring a file's answers into the database: first a plan, then one transaction.

`preview` reads the file and the database and writes nothing, not even an empty database.
`write_plan` makes the same plan again inside its transaction and writes it only if it is
still the one that was shown. Records no consent: that is for the person, not for a file.

Shape: path, database_url -> Preview(source, checked answers, plan) -> rows.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import insert, make_url, update
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from echoes_lib.errors import BadSource, DataError
from echoes_lib.reflections.intake.check import USER_ID, Checked, check_rows
from echoes_lib.reflections.intake.files import Source, read_source
from echoes_lib.reflections.intake.plan import Plan, make_plan
from echoes_lib.reflections.sources.connect import reading, sqlite_file
from echoes_lib.reflections.sources.migrate import transaction, writing
from echoes_lib.reflections.sources.schema import Base, Question, User, UserResponse


@dataclass(frozen=True)
class Preview:
    """A source as it was understood, and what importing it would do."""

    source: Source
    checked: Checked
    plan: Plan
    name: str | None
    by_text: bool


def preview(
    path: Path,
    database_url: str,
    user_id: str | None = None,
    name: str | None = None,
    mapping: dict[str, str] | None = None,
    by_text: bool = False,
) -> Preview:
    """Read a file or folder and plan its import.

    Args:
        path: see `files.read_source`.
        database_url: any SQLAlchemy URL; a SQLite file need not exist yet.
        user_id: whose answers they are, where the file does not say.
        name: that person's display name.
        mapping: field -> column of the file.
        by_text: match questions by their words and not by the ids of the file.

    Returns:
        The plan; nothing is written.

    Raises:
        BadSource: the file cannot be understood, or contradicts itself or the database.
        NoDatabase: the database cannot be used.
    """
    check_user(user_id)
    source = read_source(path, mapping)
    checked = check_rows(source.found.rows, user_id)
    if is_missing(database_url):
        plan = make_plan(None, checked.answers, name, by_text)
    else:
        with reading(database_url) as engine, Session(engine) as session:
            plan = make_plan(session, checked.answers, name, by_text)
    return Preview(source, checked, plan, name, by_text)


def write_plan(shown: Preview, database_url: str) -> None:
    """Write what was shown, all of it or nothing.

    Args:
        shown: of `preview`.
        database_url: the same.

    Raises:
        DataError: the database was changed since; nothing is written.
        NoDatabase: it cannot be written.
    """
    with writing(database_url) as engine, transaction(engine) as session:
        plan = make_plan(session, shown.checked.answers, shown.name, shown.by_text)
        if plan != shown.plan:
            raise DataError(
                "the database has changed since the plan was made: nothing was written; run "
                "the same command again"
            )
        _write(session, plan)


def check_user(user_id: str | None) -> None:
    """Refuse a user id that could not name a folder or an experiment later.

    Raises:
        BadSource: it has other characters, or more than 64.
    """
    if user_id is not None and not USER_ID.fullmatch(user_id):
        raise BadSource(
            f"--user {user_id!r} is not made of up to 64 letters A-Z, digits, and . _ -: choose "
            "another id; the person's real name goes into --name"
        )


def is_missing(database_url: str) -> bool:
    """Whether the URL names a SQLite file that does not exist yet."""
    try:
        file = sqlite_file(make_url(database_url))
    except ArgumentError:
        return False  # opening it says what is wrong
    return file is not None and not file.exists()


def _write(session: Session, plan: Plan) -> None:
    new_people = plan.new_people.items()
    _insert(session, User, [{"user_id": u, "name": n, "source": "person"} for u, n in new_people])
    if plan.renamed:
        renamed = [{"user_id": u, "name": n} for u, n in plan.renamed.items()]
        session.execute(update(User), renamed)
    _insert(
        session,
        Question,
        [
            {"question_id": q.question_id, "category": q.category, "question_text": q.text}
            for q in plan.questions
        ],
    )
    _insert(session, UserResponse, [asdict(response) for response in plan.new])
    if plan.changed:
        session.execute(update(UserResponse), [asdict(response) for response in plan.changed])


def _insert(session: Session, kind: type[Base], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(kind), rows)
