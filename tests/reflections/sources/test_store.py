"""Reading the database: every way in which it can be unusable is one sentence of advice."""

import sqlite3
import subprocess
import sys

import pytest

from echoes_lib.errors import MissingColumn, NoAnswers, NoDatabase, NoSuchUser
from echoes_lib.reflections.sources.store import content_hash, list_users, read_person
from echoes_lib.workspace import workspace
from tests.reflections.people import reflections, write


def statements(*lines):
    file = workspace().data / "reflections.db"
    file.parent.mkdir(exist_ok=True)
    with sqlite3.connect(file) as db:
        for line in lines:
            db.execute(line)
    return workspace().database_url


def test_reads_answers_with_their_questions_in_order():
    url = write(reflections([3, 1, 2]))
    person = read_person(url, "ada")
    assert person.name == "Ada"
    assert list(person.reflections) == reflections([1, 2, 3])
    assert list_users(url) == ["ada"]


def test_hash_changes_with_what_is_read_and_with_nothing_else():
    url = write(reflections([1, 2]))
    before = content_hash(url, "ada")
    write(reflections([1, 2, 3]), "bob", "Bob")
    assert content_hash(url, "ada") == before == read_person(url, "ada").source_hash
    write(reflections([3]))
    assert content_hash(url, "ada") != before


def test_reading_leaves_the_file_alone():
    url = write(reflections([1]))
    file = workspace().data / "reflections.db"
    before = file.read_bytes(), file.stat().st_mtime_ns
    file.chmod(0o444)
    read_person(url, "ada")
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_relative_path_is_taken_from_the_home(home, monkeypatch, tmp_path):
    write(reflections([1]))
    monkeypatch.chdir(tmp_path)
    assert list_users("sqlite:///data/reflections.db") == ["ada"]


def test_no_database():
    with pytest.raises(NoDatabase, match=r"no database at .*reflections\.db: run `echoes sample`"):
        read_person(workspace().database_url, "ada")
    assert not workspace().data.exists()


def test_not_a_database(tmp_path):
    (tmp_path / "photo.db").write_bytes(b"\x89PNG" * 500)
    with pytest.raises(NoDatabase, match=r"photo\.db is not a database: set database_url"):
        read_person(f"sqlite:///{tmp_path / 'photo.db'}", "ada")


@pytest.mark.parametrize("url", ["reflections.db", "nonsense://x/y"])
def test_not_a_url(url):
    with pytest.raises(NoDatabase, match="not a SQLAlchemy URL: write it as sqlite"):
        read_person(url, "ada")


def test_no_such_user_names_those_there_are_and_the_close_one():
    url = write(reflections([1]))
    write(reflections([1]), "bob", "Bob")
    with pytest.raises(NoSuchUser, match=r"'Adda' .* holds ada, bob: did you mean ada\?"):
        read_person(url, "Adda")
    with pytest.raises(NoSuchUser, match=r"holds ada, bob: choose one"):
        content_hash(url, "zzz")


def test_no_such_user_in_an_empty_database():
    with pytest.raises(NoSuchUser, match="holds nobody yet: run `echoes sample`"):
        read_person(_empty(), "bob")


def _empty():
    return statements(
        "create table questions (question_id, category, question_text)",
        "create table user_responses (user_id, question_id, response_text, response_time_seconds)",
    )


def test_a_user_without_answers():
    with pytest.raises(NoAnswers, match="user ada has no answer yet: add rows"):
        read_person(write([]), "ada")


def test_answers_to_unknown_questions():
    url = _empty()
    statements("insert into user_responses values ('ada', 9, 'a secret', 1)")
    with pytest.raises(NoAnswers, match="no question that the table questions knows") as caught:
        read_person(url, "ada")
    assert "secret" not in str(caught.value)


def test_missing_column_names_table_missing_and_found():
    url = statements(
        "create table questions (question_id, category, question_text)",
        "create table user_responses (user_id, question_id, answer)",
    )
    expected = (
        r"table user_responses lacks the column\(s\) response_text, response_time_seconds "
        r"\(found: answer, question_id, user_id\): add them, or map them in source.columns"
    )
    with pytest.raises(MissingColumn, match=expected):
        read_person(url, "ada")


def test_missing_table():
    url = statements("create table answers (id)")
    with pytest.raises(MissingColumn, match=r"no table user_responses \(tables found: answers\)"):
        read_person(url, "ada")


def test_the_two_tables_of_the_plan_are_enough():
    url = _empty()
    statements(
        "insert into questions values (1, 'love', 'Why?')",
        "insert into user_responses values ('ada', 1, null, null)",
    )
    person = read_person(url, "ada")
    assert (person.name, person.reflections[0].text, person.reflections[0].seconds) == (
        "Ada",
        "",
        None,
    )


def test_reading_and_hashing_import_nothing_heavy():
    code = (
        "import sys, echoes_lib.reflections.sources.store\n"
        "heavy = {'torch', 'pandas', 'numpy', 'transformers', 'sklearn'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
