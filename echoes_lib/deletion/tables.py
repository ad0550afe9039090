"""The tables that hold rows of people: the answers under any name, and the project's own.

Answers lie where `source` says. Of the project's own tables count those that are there. Where
the answers have another name than ours, the database is somebody else's, and a table counts as
the project's only with all of its columns: others of theirs may point to a row of `users`.

Shape: open database, Source -> [Held], children before those they point to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, Engine, Inspector, String, TableClause, inspect
from sqlalchemy import column as named
from sqlalchemy import table as plain_table

from echoes_lib.params import Source
from echoes_lib.reflections.sources.schema import Consent, Fact, Probe, User, UserResponse
from echoes_lib.reflections.sources.tables import Tables, find_tables, is_person

RESPONSES = UserResponse.__tablename__
FACTS = Fact.__tablename__
OWN = (UserResponse, Probe, Fact, Consent, User)
READ = {
    RESPONSES: ("user_id", "question_id", "response_text"),
    "questions": ("question_text",),
    "users": ("user_id",),
}


@dataclass(frozen=True)
class Held:
    """A table that holds rows of people; `name` is its owner's, with the schema if one is given.

    `question_id` is None where rows are not about one question, `text` where they are no answers.
    """

    name: str
    table: TableClause
    user_id: ColumnElement
    question_id: ColumnElement | None
    text: ColumnElement | None
    is_text: bool
    is_view: bool

    def rows_of(self, user_id: str) -> ColumnElement:
        """Return the condition that a row is a person's."""
        return is_person(self.user_id, self.is_text, user_id)


def find_answers(engine: Engine, source: Source) -> Tables:
    """Find the answers, and people and questions where the database has them.

    Raises:
        MissingColumn: there are no answers under these names; says what is there.
    """
    return find_tables(engine, source, READ, optional=("questions", "users"))


def held_tables(engine: Engine, tables: Tables) -> list[Held]:
    """Return the tables whose rows of a person go.

    Args:
        engine: an open database.
        tables: from `find_answers`.

    Returns:
        The answers, then the project's other tables.
    """
    inspector, name = inspect(engine), tables.source.responses
    place, _, bare = name.rpartition(".")
    answers = Held(
        name,
        tables[RESPONSES],
        tables.column(RESPONSES, "user_id").element,
        tables.column(RESPONSES, "question_id").element,
        tables.column(RESPONSES, "response_text").element,
        tables.is_text[RESPONSES],
        bare in inspector.get_view_names(place or None),
    )
    own = _own(inspector, is_ours=name == RESPONSES)
    return [answers, *(held for held in own if held.name != name)]


def tables_left(tables: Tables, held: list[Held]) -> list[str]:
    """Return the mapped tables that are read and from which nothing is deleted."""
    source = tables.source
    if source == Source():
        return []
    theirs = {"users": source.users, "questions": source.questions}
    gone = {each.name for each in held}
    return [name for ours, name in theirs.items() if ours in tables and name not in gone]


def _own(inspector: Inspector, is_ours: bool) -> Iterator[Held]:
    views = inspector.get_view_names()
    there = {*inspector.get_table_names(), *views}
    for kind in OWN:
        name = kind.__tablename__
        columns = inspector.get_columns(name) if name in there else []
        kinds = {column["name"]: column["type"] for column in columns}
        if not kinds.keys() >= ({"user_id"} if is_ours else set(_marks(kind.__table__.columns))):
            continue
        c = (table := plain_table(name, *map(named, kinds))).c
        is_text = isinstance(kinds["user_id"], String)
        text = c.get("response_text")
        yield Held(name, table, c.user_id, c.get("question_id"), text, is_text, name in views)


def _marks(columns: Iterable[Column]) -> Iterator[str]:
    """Yield the columns by which a table is known as ours; consents had fewer at first."""
    return (c.name for c in columns if c.name not in ("note", "withdrawn_on"))
