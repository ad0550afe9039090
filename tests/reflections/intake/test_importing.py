"""Importing: what is recognised, what contradicts, once and again, all or nothing."""

import csv
import io
import json
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echoes_lib.errors import BadSource, DataError, NoDatabase
from echoes_lib.reflections.intake.importing import preview, write_plan
from echoes_lib.reflections.sources.connect import reading
from echoes_lib.reflections.sources.questions import shipped_questions, wording
from echoes_lib.reflections.sources.sample import read_lines, write_sample
from echoes_lib.reflections.sources.store import content_hash, list_users, read_person
from echoes_lib.workspace import workspace
from tests.reflections.people import reflections, write

SECRET = "quillwort"
REGRET = "What do you regret?"  # shipped as 111


def jsonl(folder, *rows, name="a.jsonl"):
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def row(question=None, answer="Some words.", user_id="ada", **more):
    given = {"user_id": user_id, "question": question, "answer": answer} | more
    return {name: value for name, value in given.items() if value is not None}


def bring(path, url=None, **options):
    """Preview and write; return the plan."""
    url = url or workspace().database_url
    shown = preview(path, url, **options)
    if not shown.plan.is_empty:
        write_plan(shown, url)
    return shown.plan


def counts(plan):
    return len(plan.new), len(plan.changed), plan.unchanged


def person(user_id="ada"):
    found = read_person(workspace().database_url, user_id)
    return {r.question_id: (r.question, r.text, r.seconds) for r in found.reflections}


def dump():
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        return list(db.iterdump())


def test_the_sample_as_a_csv_is_the_sample(tmp_path):
    url = workspace().database_url
    with (tmp_path / "luke.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["user_id", "question_id", "response_text"])
        for line in read_lines("answers/luke"):
            out.writerow(["luke", line["question_id"], line["response_text"]])
    plan = bring(tmp_path / "luke.csv", name="Luke")
    assert (counts(plan), plan.known_by) == ((117, 0, 0), {"id": 117, "words": 0, "new": 0})
    assert counts(bring(tmp_path / "luke.csv")) == (0, 0, 117)
    assert [(a.question_id, a.category, a.text) for a in read_person(url, "luke").reflections] == [
        (q.question_id, q.category, line["response_text"])
        for q, line in zip(shipped_questions(), read_lines("answers/luke"), strict=True)
    ]
    assert plan.without_consent == ("luke",)


def test_over_the_sample_nothing_is_new_and_luke_is_told_to_be_invented(tmp_path):
    write_sample(workspace().database_url)
    before = dump()
    lines = [line | {"user_id": "luke"} for line in read_lines("answers/luke")]
    plan = bring(jsonl(tmp_path, *lines))
    assert counts(plan) == (0, 0, 117)
    assert (plan.samples, plan.without_consent) == (("luke",), ())
    assert dump() == before


def test_questions_by_id_by_words_and_new_ones(tmp_path):
    path = jsonl(
        tmp_path,
        row("what do you  REGRET", "a"),
        row("My own one?", "b"),
        row(None, "c", question_id=5),
        row("With a number?", "d", question_id=300, category="mine"),
        row("My other one?", "e"),
        row("my own one", "f", user_id="bob"),
        row(None, "g", question_id=299),
    )
    plan = bring(path)
    assert plan.known_by == {"id": 1, "words": 1, "new": 3}
    assert plan.new_at == (2, 4, 5)
    assert [(skip.place, skip.reason) for skip in plan.skips] == [
        (7, "an unknown question_id without its question")
    ]
    assert {q.question_id: (q.category, q.text) for q in plan.questions} == {
        5: ("career", "When did you come closest to quitting?"),
        111: ("looking_back", REGRET),
        300: ("mine", "With a number?"),
        301: ("own", "My own one?"),
        302: ("own", "My other one?"),
    }
    assert {number: text for number, (_, text, _) in person().items()} == {
        5: "c", 111: "a", 300: "d", 301: "b", 302: "e",
    }  # fmt: skip
    assert list(person("bob")) == [301]
    assert counts(bring(path)) == (0, 0, 6)


def test_a_questionnaire_of_ones_own_keeps_its_numbers_where_they_are_free(tmp_path):
    own = jsonl(tmp_path, row("Own one?", question_id=1), row("Own two?", "b", question_id=111))
    assert bring(own).known_by == {"id": 0, "words": 0, "new": 2}
    again = jsonl(tmp_path, row(REGRET, "c"), row(None, "d", question_id=1, user_id="bob"))
    plan = bring(again)
    assert [(q.question_id, q.text) for q in plan.questions] == [(118, REGRET)]
    assert person("bob")[1][0] == "Own one?"
    assert counts(bring(again)) == (0, 0, 2)


def test_a_number_that_is_another_question_in_the_database(tmp_path):
    url = write(reflections([1, 2]))
    path = jsonl(tmp_path, row("Other?", SECRET, question_id=1), row(REGRET, "b", question_id=2))
    before = dump()
    with pytest.raises(BadSource, match=r"stored under question_id 1 \(line 1\), 2 \(line 2\)"):
        preview(path, url)
    assert dump() == before
    plan = bring(path, by_text=True, user_id="ada")
    assert plan.known_by == {"id": 0, "words": 1, "new": 1}
    assert {q.question_id for q in plan.questions} == {111, 118}
    assert counts(bring(path, by_text=True)) == (0, 0, 2)


def test_changed_and_unchanged(tmp_path):
    bring(jsonl(tmp_path, row(REGRET, "one two", seconds=9), row("New?", "kept", seconds=8)))
    plan = bring(jsonl(tmp_path, row(REGRET, "three"), row("New?", "kept")))
    assert counts(plan) == (0, 1, 1)
    assert person() == {111: (REGRET, "three", None), 118: ("New?", "kept", 8.0)}
    plan = bring(jsonl(tmp_path, row(REGRET, "three", seconds=7)))
    assert counts(plan) == (0, 1, 0)
    assert person()[111] == (REGRET, "three", 7.0)


def test_stored_windows_line_ends_are_no_change(tmp_path):
    bring(jsonl(tmp_path, row(REGRET, "a\nb")))
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        db.execute("update user_responses set response_text = ?", ("a\r\nb",))
    assert counts(bring(jsonl(tmp_path, row(REGRET, "a\r\nb")))) == (0, 0, 1)


CONTRADICTIONS = {
    "two answers": (
        [row(REGRET, f"{SECRET} a"), row("what do you regret", f"{SECRET} b")],
        r"twice and differently \(line 1 and line 2\): keep one",
    ),
    "two questions": (
        [row("One?", SECRET, question_id=7), row("Two?", SECRET, question_id=7, user_id="bob")],
        r"question_id 7 stands for two questions \(line 1 and line 2\)",
    ),
    "case in the file": (
        [row("One?", SECRET), row("One?", SECRET, user_id="Ada")],
        r"'Ada' \(line 2\) differs only in case from 'ada' of the file",
    ),
    "case in the database": (
        [row("One?", SECRET, user_id="OLD")],
        r"'OLD' \(line 1\) differs only in case from 'old' of the database",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_contradictions_end_the_import_without_a_word_of_the_text(tmp_path, case):
    rows, message = CONTRADICTIONS[case]
    url = write(reflections([1]), "old", "Old")
    before = dump()
    with pytest.raises(BadSource, match=message) as caught:
        preview(jsonl(tmp_path, *rows), url)
    assert SECRET not in str(caught.value)
    assert dump() == before


def test_the_same_answer_twice_is_counted(tmp_path):
    plan = bring(jsonl(tmp_path, row(REGRET), row(REGRET)))
    assert counts(plan) == (1, 0, 0)
    assert [(skip.place, skip.reason) for skip in plan.skips] == [(2, "the same answer twice")]


def test_names(tmp_path):
    path = jsonl(tmp_path, row(REGRET))
    assert bring(path).new_people == {"ada": "Ada"}
    plan = bring(path, name="Ada Lovelace")
    assert (plan.new_people, plan.renamed) == ({}, {"ada": "Ada Lovelace"})
    assert read_person(workspace().database_url, "ada").name == "Ada Lovelace"
    assert bring(path, name="Ada Lovelace").is_empty
    two = jsonl(tmp_path, row(REGRET), row(REGRET, user_id="bob"), name="two.jsonl")
    with pytest.raises(BadSource, match="--name 'X' is for one person, and the answers are of 2"):
        preview(two, workspace().database_url, name="X")
    for bad in ("", " ", "x" * 121, "a\x1b"):
        with pytest.raises(BadSource, match="--name is not 1 to 120"):
            preview(path, workspace().database_url, name=bad)


@pytest.mark.parametrize("user_id", ["", "..", "../x", "a b", "x" * 65, "'; drop table users"])
def test_user_ids_that_could_name_no_folder(tmp_path, user_id):
    with pytest.raises(BadSource, match="--user .* is not made of"):
        preview(jsonl(tmp_path, row(REGRET)), workspace().database_url, user_id=user_id)


def test_a_preview_writes_nothing_not_even_a_database(tmp_path):
    preview(jsonl(tmp_path, row(REGRET)), workspace().database_url)
    assert not workspace().data.exists()
    url = write(reflections([1]))
    before = dump()
    preview(jsonl(tmp_path, row(REGRET)), url)
    assert dump() == before


def test_a_database_that_changed_since_the_preview(tmp_path):
    url = workspace().database_url
    path = jsonl(tmp_path, row(REGRET))
    shown = preview(path, url)
    bring(jsonl(tmp_path, row(REGRET, "other"), name="b.jsonl"))
    before = dump()
    with pytest.raises(DataError, match="has changed since the plan was made: nothing was written"):
        write_plan(shown, url)
    assert dump() == before


def test_all_or_nothing_when_a_row_is_refused(tmp_path):
    """A trigger refuses the last answer; people, questions and other answers go with it."""
    url = write(reflections([1]))
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        db.execute(
            "create trigger full before insert on user_responses when new.question_id = 111 "
            "begin select raise(abort, 'no room'); end"
        )
    before = dump()
    shown = preview(jsonl(tmp_path, row("One?", user_id="bob"), row(REGRET, SECRET)), url)
    with pytest.raises(NoDatabase, match="no room") as caught:
        write_plan(shown, url)
    assert SECRET not in str(caught.value)
    assert dump() == before


def test_a_locked_database(tmp_path, impatient):
    url = write(reflections([1]))
    shown = preview(jsonl(tmp_path, row(REGRET)), url)
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        db.execute("begin immediate")
        with pytest.raises(NoDatabase, match="is locked by another program"):
            write_plan(shown, url)


def test_something_else_at_the_url(tmp_path):
    (tmp_path / "photo.db").write_bytes(b"\xff\xd8\xff" * 500)
    for url, message in [
        (f"sqlite:///{tmp_path}/photo.db", "is not a database"),
        ("nonsense", "is not a SQLAlchemy URL"),
    ]:
        with pytest.raises(NoDatabase, match=message):
            preview(jsonl(tmp_path, row(REGRET)), url)


def test_the_two_tables_of_the_plan_get_the_others(tmp_path):
    file = workspace().data / "reflections.db"
    file.parent.mkdir()
    with sqlite3.connect(file) as db:
        db.execute("create table questions (question_id, category, question_text)")
        db.execute(
            "create table user_responses (user_id, question_id, response_text, word_count, "
            "response_time_seconds)"
        )
        db.execute("insert into questions values (1, 'love', 'Why?')")
        db.execute("insert into user_responses values ('ada', 1, 'old', null, null)")
    plan = bring(jsonl(tmp_path, row("why"), row("Else?", "b")))
    assert (counts(plan), plan.known_by) == ((1, 1, 0), {"id": 0, "words": 1, "new": 1})
    assert {number: text for number, (_, text, _) in person().items()} == {
        1: "Some words.",
        118: "b",
    }


def test_markdown_and_folders_reach_the_database(tmp_path):
    (tmp_path / "a.md").write_text(f"# {REGRET}\n\nOne.\n\nTwo.\n\n# 5\nThree.\n")
    assert counts(bring(tmp_path / "a.md", user_id="ada")) == (2, 0, 0)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "what do you regret.txt").write_text("One.\n\nTwo.\n")
    (tmp_path / "f" / "005.txt").write_text("Four.\n")
    assert counts(bring(tmp_path / "f", user_id="ada")) == (0, 1, 1)
    assert {number: text for number, (_, text, _) in person().items()} == {
        5: "Four.",
        111: "One.\n\nTwo.",
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What's a “good” day?", "whats a good day", True),
        ("WHAT’S A GOOD DAY", "What's  a good\tday?!", True),
        ("Straße — so?", "strasse so", True),
        ("cafe\u0301?", "café", True),
        ("a live one", "alive one", False),
        ("??", "!!", False),
        ("कि", "की", False),
        ("1.5 years", "15 years", False),
    ],
)
def test_which_questions_are_the_same(one, other, same):
    assert (wording(one) == wording(other)) is same


# A table of anything: known and unknown questions, ids or words, doubled and blank answers.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
QUESTIONS = st.sampled_from([REGRET, "Own?", "own", "Other?", " ", "🙂?", "??"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {"user_id": st.sampled_from(["ada", "bob"])},
        optional={
            "question_id": st.sampled_from([1, 2, 111, 118, 119, 400]),
            "question": st.sampled_from([REGRET, "Own?", "own", "Other?", " ", "🙂?", "??"])
            | TEXTS,
            "answer": TEXTS | st.sampled_from(["a", "b"]),
            "seconds": st.sampled_from([None, 3, 4.5, -1, "soon"]),
            "category": st.sampled_from(["mine", "", None]),
        },
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.booleans())
def test_importing_anything_again_changes_nothing(tables, by_text):
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/a.db"
        for table in tables:
            padded = [{"question": None, "answer": None, **row} for row in table]
            path = jsonl(Path(folder), *padded)
            try:
                first = bring(path, url, by_text=by_text)
            except BadSource:
                continue  # contradictions are other tests' matter
            again = preview(path, url, by_text=by_text).plan
            assert again.is_empty
            assert (again.new, again.changed, again.questions) == ((), (), ())
            assert again.unchanged == sum(counts(first))
            assert again.skips == first.skips


@settings(max_examples=80, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["csv", "jsonl"]),
)
def test_texts_come_back_exactly_but_for_line_ends(texts, delimiter, encoding, ends, kind):
    rows = [
        {"user_id": "ada", "question_id": number, "question": f"Q {number}", "answer": text}
        for number, text in enumerate(texts, start=200)
    ]
    content = io.StringIO(newline="")
    if kind == "csv":
        # Python's writer leaves a lone \r without quotes, where it ends the line.
        quoting = csv.QUOTE_ALL if any("\r" in text for text in texts) else csv.QUOTE_MINIMAL
        out = csv.DictWriter(
            content, list(rows[0]), delimiter=delimiter, lineterminator=ends, quoting=quoting
        )
        out.writeheader()
        out.writerows(rows)
    else:
        content.write(ends.join(json.dumps(row, ensure_ascii=False) for row in rows))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{kind}"
        path.write_bytes(content.getvalue().encode(encoding))
        url = f"sqlite:///{folder}/a.db"
        bring(path, url)
        found = {}
        if Path(folder, "a.db").exists() and list_users(url):
            found = {r.question_id: r.text for r in read_person(url, "ada").reflections}
    expected = {number: text for number, text in enumerate(texts, start=200) if text.strip()}
    assert found == {
        number: text.replace("\r\n", "\n").replace("\r", "\n") for number, text in expected.items()
    }


def test_the_hash_is_that_of_a_database_written_otherwise(tmp_path):
    """What the pipeline reads of an imported person is what it reads of anybody."""
    found = reflections([401, 402])
    url = write(found, url=f"sqlite:///{tmp_path}/other.db")
    rows = [
        row(r.question, r.text, question_id=r.question_id, category=r.category, seconds=r.seconds)
        for r in found
    ]
    bring(jsonl(tmp_path, *rows))
    assert content_hash(workspace().database_url, "ada") == content_hash(url, "ada")


def test_many_people_are_compared_a_hundred_at_a_time(tmp_path):
    users = [f"u{i}" for i in range(250)]
    path = jsonl(tmp_path, *(row(REGRET, f"I am {u}.", user_id=u) for u in users))
    assert counts(bring(path)) == (250, 0, 0)
    assert counts(bring(path)) == (0, 0, 250)
    with reading(workspace().database_url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from users").scalar() == 250
