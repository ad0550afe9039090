"""Forgetting in somebody else's database: other names, number ids, a schema, views."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine

from echoes_lib.cli import main
from echoes_lib.deletion.forget import forget
from echoes_lib.deletion.rows import Wish, read_texts
from echoes_lib.errors import DataError, MissingColumn, NoSuchUser
from echoes_lib.params import Source
from echoes_lib.reflections.sources.consent import grant, list_consents
from echoes_lib.reflections.sources.store import read_person
from echoes_lib.workspace import workspace, write_text
from tests.deletion.search import files_with
from tests.reflections.databases import execute
from tests.reflections.diary import IDS, asked, make_diary, make_profile, said, stray
from tests.reflections.people import reflections, write


def select(url, query):
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(query).fetchall()
    engine.dispose()
    return rows


def consent(url, source):
    for user in ("7", "70"):
        grant(url, user, "training", "Their own word", source=source)


def texts(url, source, user="7"):
    return {r.question_id: r.text for r in read_person(url, user, source).reflections}


def test_a_person_goes_from_tables_of_other_names(any_url, home):
    source = make_diary(any_url)
    consent(any_url, source)
    copy, other, question = (
        stray(name, text)
        for name, text in (("7", said(7, 3)), ("70", said(70, 3)), ("asked", asked(3)))
    )
    outcome = forget(Wish("7", None, any_url, source))
    assert outcome.remains == []
    assert outcome.rows == {source.responses: 5, "consents": 1}
    assert not copy.exists() and other.exists() and question.exists()
    assert files_with(home, [said(7, i) for i in IDS]) == set()
    with pytest.raises(DataError, match="user 7 has no answer yet"):
        read_person(any_url, "7", source)
    assert texts(any_url, source, "70") == {i: said(70, i) for i in IDS}
    assert list_consents(any_url, "7") == [] and list_consents(any_url, "70")
    assert select(any_url, "select nr, full_name from people order by nr") == [
        (7, "Ada"),
        (70, "Bob"),
    ]
    assert len(select(any_url, "select * from asked")) == 5


def test_one_answer_goes_from_tables_of_other_names(any_url, home):
    source = make_diary(any_url)
    copy, other = stray("3", said(7, 3)), stray("4", said(7, 4))
    outcome = forget(Wish("7", 3, any_url, source))
    assert (outcome.remains, outcome.rows) == ([], {source.responses: 1})
    assert not copy.exists() and other.exists()
    assert texts(any_url, source) == {i: said(7, i) for i in IDS if i != 3}
    assert texts(any_url, source, "70") == {i: said(70, i) for i in IDS}
    assert files_with(home, [said(7, 3)]) == set()
    with pytest.raises(DataError, match="no answer to question_id=99"):
        forget(Wish("7", 99, any_url, source))


def test_words_of_others_and_of_questions_come_from_the_mapped_tables(any_url):
    source = make_diary(any_url)
    found = read_texts(Wish("7", 3, any_url, source))
    assert found.wanted == [said(7, 3)]
    others = [said(7, i) for i in IDS if i != 3] + [said(70, i) for i in IDS]
    assert sorted(found.common) == sorted(others + [asked(i) for i in IDS])
    shipped = source.model_copy(update={"questions": None})
    assert len(read_texts(Wish("7", 3, any_url, shipped)).common) == len(others) + 117


@pytest.mark.parametrize("user_id", ["07", "7.0", " 7", "7 or 1=1", "Ada"])
def test_what_only_looks_like_an_id_is_nobody(any_url, user_id):
    source = make_diary(any_url)
    with pytest.raises(NoSuchUser, match="which holds 7, 70"):
        forget(Wish(user_id, None, any_url, source))
    assert len(texts(any_url, source)) == 5


def test_ids_of_questions_may_be_texts(any_url):
    source = make_diary(any_url)
    moved = source.model_copy(update={"responses": "replies"})
    place = "diary." if "." in source.responses else ""
    execute(
        any_url,
        f'create table replies as select writer, cast(cast(asked_nr as int) as text) as asked_nr,'
        f' "Body", took from {place}"Answers"',
        "insert into replies values (7, 'unknown', 'To no question.', 3)",
    )  # fmt: skip
    assert forget(Wish("7", 3, any_url, moved)).rows == {"replies": 1}
    assert len(select(any_url, "select * from replies where writer = 7")) == 5


def test_tables_of_theirs_that_are_called_as_ours_stay(any_url):
    source = make_diary(any_url)
    execute(
        any_url,
        "create table users (user_id integer, name varchar(9), source varchar(9))",
        "create table facts (user_id integer, fact_id integer, kind varchar(9))",
        "insert into users values (7, 'Ada', 'shop')",
        "insert into facts values (7, 1, 'size')",
    )
    outcome = forget(Wish("7", None, any_url, source))
    assert (outcome.remains, outcome.rows) == ([], {source.responses: 5})
    assert select(any_url, "select user_id from users") == [(7,)]
    assert select(any_url, "select user_id from facts") == [(7,)]


def test_the_projects_own_tables_beside_theirs_are_emptied_of_the_person(any_url):
    source = make_diary(any_url)
    write(reflections([1]), "7", "Ada", any_url)
    copy = stray("own", reflections([1])[0].text)
    outcome = forget(Wish("7", None, any_url, source))
    assert outcome.remains == [] and not copy.exists()
    assert outcome.rows == {source.responses: 5, "user_responses": 1, "consents": 1, "users": 1}


def test_postgresql_rewrites_the_mapped_table(postgres_url):
    source = make_diary(postgres_url)
    number = "select pg_relation_filenode('diary.\"Answers\"'), pg_relation_filenode('people')"
    before = select(postgres_url, number)[0]
    assert forget(Wish("7", None, postgres_url, source)).remains == []
    after = select(postgres_url, number)[0]
    assert after[0] != before[0] and after[1] == before[1]


def test_without_the_answers_nothing_is_touched(any_url):
    make_diary(any_url)
    chain = workspace().chain_dir("demo", "7") / "chain.json"
    write_text(chain, "{}")
    for wanted in ("user_responses", "replies", "main.r" if "sqlite" in any_url else "diary.r"):
        for question in (None, 3):
            found = rf"no table {wanted} .*people.*source\.responses"
            with pytest.raises(MissingColumn, match=found):
                forget(Wish("7", question, any_url, Source(responses=wanted)))
    assert chain.exists()
    done = CliRunner().invoke(main, ["forget", "--user=7", "--yes", f"--database-url={any_url}"])
    assert done.exit_code == 1 and "no table user_responses" in done.stderr
    assert "--profile" in done.stderr and chain.exists()


def test_a_view_that_cannot_be_deleted_from_remains_with_all_rows(any_url):
    source = make_diary(any_url)
    place = "diary." if "." in source.responses else ""
    execute(any_url, f'create view said as select distinct * from {place}"Answers"')
    viewed = source.model_copy(update={"responses": "said"})
    consent(any_url, viewed)
    outcome = forget(Wish("7", None, any_url, viewed))
    assert outcome.rows == {}
    assert "said is a view that cannot be deleted from" in outcome.remains[0]
    assert "5 rows of said in the database" in outcome.remains
    assert len(texts(any_url, source)) == 5 and list_consents(any_url, "7")
    assert forget(Wish("7", None, any_url, source)).remains == []


def test_an_answer_that_is_pointed_to_remains_with_all_rows(postgres_url):
    source = make_diary(postgres_url)
    consent(postgres_url, source)
    execute(
        postgres_url,
        'alter table diary."Answers" add primary key (writer, asked_nr)',
        "create table likes (who integer, what numeric, foreign key (who, what)"
        ' references diary."Answers")',
        "insert into likes values (7, 3)",
    )
    outcome = forget(Wish("7", None, postgres_url, source))
    assert outcome.rows == {} and "pointed to by another table" in outcome.remains[0]
    assert len(texts(postgres_url, source)) == 5 and list_consents(postgres_url, "7")
    execute(postgres_url, "delete from likes")
    assert forget(Wish("7", None, postgres_url, source)).remains == []


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    make_profile(folder, None, Source(), "demo")
    monkeypatch.setenv("ECHOES_PROJECT", str(folder))
    return folder


def command(*arguments):
    return CliRunner().invoke(main, ["forget", "--user", "7", *arguments])


def test_the_profile_says_where_the_answers_lie(any_url, project):
    source = make_diary(any_url)
    make_profile(project, any_url, source)
    listed = command("--profile", "diary", "--dry-run")
    assert listed.exit_code == 0, listed.output
    assert f"5 rows of {source.responses}" in listed.output
    assert "stays: people, asked, tables that are not the project's" in listed.output
    assert len(texts(any_url, source)) == 5
    done = command("--profile", "diary", "--yes")
    assert done.exit_code == 0 and f"5 rows of {source.responses}" in done.output
    with pytest.raises(DataError):
        read_person(any_url, "7", source)


def test_the_url_of_the_command_line_wins(project, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    source = make_diary(url)
    make_profile(project, "sqlite:////nowhere/at/all.db", source)
    done = command("--profile", "diary", "--yes", "--database-url", url)
    assert done.exit_code == 0 and "5 rows of Answers" in done.output


def made_from(profile, source):
    folder = workspace().step_dir(profile, "7", "1_preprocess") / "dataset"
    write_text(folder / "manifest.json", json.dumps({"params": {"source": source.model_dump()}}))
    return folder


def test_names_that_were_given_to_the_chain_alone_are_known_from_its_dataset(project, tmp_path):
    url = f"sqlite:///{tmp_path / 'other.db'}"
    folder = made_from("demo", make_diary(url))
    done = command("--yes", "--database-url", url)
    assert done.exit_code == 0 and "5 rows of Answers" in done.output
    assert not folder.exists()


def test_a_chain_that_was_made_from_other_tables_is_named(project, home):
    write(reflections([1]), "7", "Ada")
    made_from("diary", Source(responses="diary.replies"))
    done = command("--yes")
    assert done.exit_code == 0 and "note: runs/diary/7 was made from answers in diary.replies" in (
        " ".join(done.stderr.split())
    )
    write(reflections([1]), "7", "Ada")
    assert "note" not in command("--yes").stderr
