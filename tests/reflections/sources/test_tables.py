"""Reading other people's tables: other names, other types, other servers."""

import pytest
from pydantic import ValidationError

from echoes_lib.errors import BadRow, DataError, MissingColumn, NoAnswers, NoDatabase
from echoes_lib.params import Source
from echoes_lib.reflections.sources.questions import shipped_questions
from echoes_lib.reflections.sources.store import list_users, read_people, read_person
from tests.reflections.databases import execute
from tests.reflections.people import reflections, write

THEIRS = Source(
    responses="antworten",
    questions="fragen",
    users="leute",
    columns={
        "user_id": "person",
        "response_text": "antwort",
        "response_time_seconds": "sekunden",
        "questions.question_id": "nummer",
        "question_text": "frage",
        "category": "thema",
    },
)
TABLES = (
    "create table fragen (nummer integer, thema varchar(20), frage text)",
    "create table antworten (person varchar(20), question_id integer, antwort text, sekunden real)",
    "create table leute (person varchar(20), name text)",
    "insert into fragen values (2, 'love', 'Whom?'), (1, 'work', 'Why?')",
    "insert into antworten values ('ada', 1, 'Because.', 9.5), ('ada', 2, 'You.', null)",
    "insert into leute values ('ada', 'Ada L.')",
)


def names(person):
    return [(r.question_id, r.category, r.question, r.text, r.seconds) for r in person.reflections]


def test_tables_and_columns_may_have_other_names(any_url):
    person = read_person(execute(any_url, *TABLES), "ada", THEIRS)
    assert person.name == "Ada L."
    assert names(person) == [
        (1, "work", "Why?", "Because.", 9.5),
        (2, "love", "Whom?", "You.", None),
    ]
    assert list_users(any_url, THEIRS) == ["ada"]


def test_a_mapped_column_that_is_missing_is_named_as_theirs(any_url):
    execute(any_url, *TABLES[:2], TABLES[1].replace("antworten", "other"))
    with pytest.raises(MissingColumn, match=r"table fragen lacks the column\(s\) title \(found:"):
        wrong = THEIRS.model_copy(update={"columns": THEIRS.columns | {"question_text": "title"}})
        read_person(any_url, "ada", wrong)
    with pytest.raises(MissingColumn, match=r"no table replies .* name another as source\.respo"):
        read_person(any_url, "ada", THEIRS.model_copy(update={"responses": "replies"}))


def test_a_mapping_of_what_is_never_read_is_refused():
    with pytest.raises(ValidationError, match="answer is not read: map category"):
        Source(columns={"answer": "antwort"})


def test_a_schema_before_the_table(postgres_url):
    execute(
        postgres_url,
        "create schema diary",
        *(line.replace("antworten", "diary.antworten") for line in TABLES),
    )
    placed = THEIRS.model_copy(update={"responses": "diary.antworten"})
    assert len(read_person(postgres_url, "ada", placed).reflections) == 2


def test_the_shipped_questions_may_be_used(any_url):
    first = shipped_questions()[0]
    execute(
        any_url,
        TABLES[1],
        f"insert into antworten values ('ada', {first.question_id}, 'Yes.', 3)",
    )
    source = THEIRS.model_copy(update={"questions": None, "users": None})
    person = read_person(any_url, "ada", source)
    assert (person.name, person.reflections[0].question) == ("Ada", first.text)


@pytest.mark.parametrize(
    "kind, value, asked", [("integer", "7", "7"), ("uuid", f"'{'0' * 31}7'", None)]
)
def test_ids_of_people_may_be_numbers_or_uuids(postgres_url, kind, value, asked):
    execute(
        postgres_url,
        TABLES[0].replace("fragen", "questions").replace("nummer", "question_id")
        .replace("thema", "category").replace("frage ", "question_text "),
        f"create table user_responses (user_id {kind}, question_id numeric, response_text text,"
        " response_time_seconds numeric)",
        "insert into questions values (1, 'work', 'Why?')",
        f"insert into user_responses values ({value}, 1, 'Because.', 2.5)",
    )  # fmt: skip
    asked = asked or list_users(postgres_url)[0]
    person = read_person(postgres_url, asked)
    assert (person.user_id, person.reflections[0].seconds) == (asked, 2.5)


def test_people_come_one_by_one_whatever_the_batch(any_url):
    for user in ("ada", "bob", "cid"):
        write(reflections(range(1, 8)), user, user.title(), any_url)
    people = list(read_people(any_url, batch_rows=3))
    assert [p.user_id for p in people] == ["ada", "bob", "cid"]
    assert people[1] == read_person(any_url, "bob")


def test_answers_to_unknown_questions_are_left_out_and_counted(any_url):
    write(reflections([1, 2]), url=any_url)
    execute(any_url, "create table q as select * from questions where question_id = 1")
    person = read_person(any_url, "ada", Source(questions="q"))
    assert ([r.question_id for r in person.reflections], person.unknown_questions) == ([1], (2,))
    with pytest.raises(NoAnswers, match="no question that the table questions knows"):
        execute(any_url, "delete from q")
        read_person(any_url, "ada", Source(questions="q"))


def test_a_question_that_stands_twice_is_refused_unless_it_is_the_same(any_url):
    execute(any_url, *TABLES, "insert into fragen values (1, 'work', 'Why?')")
    assert len(read_person(any_url, "ada", THEIRS).reflections) == 2
    execute(any_url, "insert into fragen values (1, 'work', 'Why not?')")
    with pytest.raises(BadRow, match="question_id=1 stands twice in table questions"):
        read_person(any_url, "ada", THEIRS)


def test_people_whose_ids_differ_in_capitals_alone_are_refused(any_url):
    write(reflections([1]), url=any_url)
    write(reflections([1]), "Ada", "Ada the other", any_url)
    with pytest.raises(DataError, match="'ada' and 'Ada' differ in capitals alone"):
        read_person(any_url, "ada")


def test_a_connection_that_is_lost_in_the_middle(postgres_url, monkeypatch):
    write(reflections(range(1, 30)), url=postgres_url)
    write(reflections(range(1, 30)), "bob", "Bob", postgres_url)
    people = read_people(postgres_url, batch_rows=5)
    assert next(people).user_id == "ada"
    kill = (
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )
    execute(postgres_url, kill)
    with pytest.raises(NoDatabase, match="cannot be used .*: check database_url and the server"):
        list(people)


def test_no_server_at_the_address():
    with pytest.raises(NoDatabase, match=r"postgresql\+psycopg://me:\*\*\*@127.0.0.1:1/x cannot"):
        pytest.importorskip("psycopg")
        read_person("postgresql+psycopg://me:secret@127.0.0.1:1/x", "ada")
