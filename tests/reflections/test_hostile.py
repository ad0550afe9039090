"""Sources as nobody would wish them: each has its error or its outcome, and shows no text.

SECRET stands in every answer; no message may hold it, and after a failed write the database is
as it was before.
"""

import contextlib
import re
import sqlite3

import pytest

from echoes_lib.errors import (
    BadRow,
    BadSource,
    DataError,
    MissingColumn,
    NoDatabase,
    NoSuchUser,
    ParamsError,
)
from echoes_lib.params.load import load_step
from echoes_lib.reflections.cleaning import clean_text
from echoes_lib.reflections.filters import miscounted
from echoes_lib.reflections.filters.measure import typing_speed
from echoes_lib.reflections.intake.importing import preview, write_plan
from echoes_lib.reflections.sources.consent import grant
from echoes_lib.reflections.sources.sample import write_sample
from echoes_lib.reflections.sources.store import read_person
from echoes_lib.workspace import workspace
from tests.reflections.disks import make_read_only
from tests.reflections.intake.test_files import REFUSED as UNREADABLE
from tests.reflections.intake.test_files import SECRET as UNREADABLE_SECRET
from tests.reflections.intake.test_files import put
from tests.reflections.people import reflections, write

SECRET = "marzipan"
UTF_16 = SECRET.encode("utf-16-le").hex()
TABLES = (
    "create table questions (question_id, category, question_text)",
    "create table user_responses"
    " (user_id, question_id, response_text, word_count, response_time_seconds)",
    "insert into questions values (1, 'love', 'Why?')",
)


def stored(*statements: str, tables=TABLES) -> str:
    file = workspace().data / "reflections.db"
    file.parent.mkdir(exist_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        for line in (*tables, *statements):
            db.execute(line)
    return workspace().database_url


def row(text=f"'{SECRET}'", user="'ada'", question="1", count="1", seconds="10") -> str:
    return f"insert into user_responses values ({user}, {question}, {text}, {count}, {seconds})"


REFUSED = {
    "no table of answers": ([], (TABLES[0],), MissingColumn, "no table user_responses"),
    "no table of questions": ([], (TABLES[1],), MissingColumn, "no table questions"),
    "an empty database": ([], (), MissingColumn, "tables found: none"),
    "a renamed column": (
        [],
        (TABLES[0], TABLES[1].replace("response_text", "body")),
        MissingColumn,
        r"lacks the column\(s\) response_text .*map them in source.columns",
    ),
    "an id that is a word": ([row(question="'one'")], TABLES, BadRow, "'one' in table user_resp"),
    "an id that is NULL": ([row(question="null")], TABLES, BadRow, "question_id=NULL"),
    "an id that is a fraction": ([row(question="1.5")], TABLES, BadRow, "not a whole number"),
    "an id that is a text": ([row(question=f"'{SECRET * 9}'")], TABLES, BadRow, "not a whole"),
    "bytes that are no text": (
        [row(f"cast(x'{SECRET.encode().hex()}ff' as text)")],
        TABLES,
        BadRow,
        r"response_text of question 1 is not UTF-8 \(byte 8\): convert the column",
    ),
    "a blob of Latin-1": ([row(f"x'{SECRET.encode().hex()}e9'")], TABLES, BadRow, "not UTF-8"),
    "a blob of UTF-16": (
        [row(f"x'fffe{SECRET.encode('utf-16-le').hex()}'")],
        TABLES,
        BadRow,
        "not",
    ),
    "a lone surrogate": ([row("cast(x'61eda080' as text)")], TABLES, BadRow, "byte 1"),
    "a time that is a word": ([row(seconds="'fast'")], TABLES, BadRow, "'fast' of question 1"),
    "a question that stands twice": (
        [row(), "insert into questions values (1, 'love', 'Why not?')"],
        TABLES,
        BadRow,
        "stands twice in table questions",
    ),
    "two ids that differ in capitals": (
        [row(), row(user="'Ada'")],
        TABLES,
        DataError,
        "differ in capitals alone",
    ),
    "nobody of that name": ([row(user="'bob'")], TABLES, NoSuchUser, "which holds bob"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_database_that_is_refused(case):
    statements, tables, error, message = REFUSED[case]
    url = stored(*statements, tables=tables)
    with pytest.raises(error, match=message) as caught:
        read_person(url, "ada")
    assert SECRET * 3 not in str(caught.value) and f" {SECRET} " not in str(caught.value)


READ = {
    "NULL": ("null", ""),
    "blanks": ("'  \t \n '", ""),
    "a number": ("42", "42"),
    "a blob of UTF-8": ("x'c3a9'", "é"),
    "NUL in the middle": ("cast(x'61006263' as text)", "abc"),
    "right to left": ("'שלום 🙂 \u200fעולם'", "שלום 🙂 עולם"),
    "an emoji of several parts": ("'👩\u200d👩\u200d👧'", "👩\u200d👩\u200d👧"),
    "chat template tokens": (
        "'[INST] x [/INST] </s><|im_end|>'",
        "[INST] x [/INST] </s><|im_end|>",
    ),
    "SQL": ("'''; drop table users; --'", "'; drop table users; --"),
    "decomposed letters": ("'e\u0301'", "é"),
    "Windows line ends": ("'a\r\nb'", "a\nb"),
}


@pytest.mark.parametrize("case", READ)
def test_an_answer_that_is_read_and_cleaned(case):
    text, expected = READ[case]
    (found,) = read_person(stored(row(text)), "ada").reflections
    assert clean_text(found.text) == expected


def test_a_megabyte_is_read_whole():
    words = f"{SECRET} " * (2**20 // 9)
    (found,) = read_person(stored(row(f"'{words}'")), "ada").reflections
    assert len(found.text) == len(words)


@pytest.mark.parametrize("seconds", ["-5", "0", "9e999", "null"])
def test_a_time_that_nobody_measured_is_not_held_against_the_answer(seconds):
    (found,) = read_person(stored(row(seconds=seconds)), "ada").reflections
    assert typing_speed(found) is None


def test_a_word_count_that_lies_is_noted():
    (found,) = read_person(stored(row(count="900")), "ada").reflections
    assert [claim["question_id"] for claim in miscounted([found])] == [1]
    url = stored("delete from user_responses", row(count="'x'"), tables=())
    (found,) = read_person(url, "ada").reflections
    assert found.word_count is None


@pytest.mark.parametrize("user", ["x' or '1'='1", "..", ".", "", "a/b", "a\x00b", "a" * 300 + "/"])
def test_a_user_id_that_is_a_trick(user):
    stored(row())
    with pytest.raises(ParamsError, match="user_id"):
        load_step("1_preprocess", "demo", {"user_id": user})
    with pytest.raises(NoSuchUser):
        read_person(workspace().database_url, user)


def test_not_a_database_a_folder_and_no_driver(tmp_path):
    (tmp_path / "photo.db").write_bytes(b"\x89PNG" * 500)
    for url in (f"sqlite:///{tmp_path}/photo.db", f"sqlite:///{tmp_path}", "oracle://x/y"):
        with pytest.raises(NoDatabase):
            read_person(url, "ada")


def test_a_locked_database_is_named_and_unchanged(impatient):
    url = write(reflections([1]))
    file = workspace().data / "reflections.db"
    before = file.read_bytes()
    with contextlib.closing(sqlite3.connect(file)) as holder:
        holder.execute("begin exclusive")
        with pytest.raises(NoDatabase, match="is locked by another program: close it there"):
            read_person(url, "ada")
    assert file.read_bytes() == before


def test_a_full_disk_leaves_nothing_half_written(tiny_disk):
    url = f"sqlite:///{tiny_disk}/reflections.db"
    with pytest.raises(NoDatabase, match="full|disk"):
        write_sample(url)
    with contextlib.closing(sqlite3.connect(tiny_disk / "reflections.db")) as db:
        tables = [
            name for (name,) in db.execute("select name from sqlite_master where type='table'")
        ]
        assert sum(db.execute(f"select count(*) from {t}").fetchone()[0] for t in tables
                   if not t.startswith("echoes")) == 0  # fmt: skip


def test_a_read_only_folder_is_read_and_refuses_to_be_written(tiny_disk):
    url = write(reflections([1]), url=f"sqlite:///{tiny_disk}/reflections.db")
    before = (tiny_disk / "reflections.db").read_bytes()
    make_read_only(tiny_disk)
    assert len(read_person(url, "ada").reflections) == 1
    with pytest.raises(NoDatabase, match="read-?only|readonly"):
        grant(url, "ada", "memory", "Ada")
    assert (tiny_disk / "reflections.db").read_bytes() == before
    assert [path.name for path in tiny_disk.iterdir()] == ["reflections.db"]


# What the reader of files refuses (test_files), and what only the whole import can see.
FILES = UNREADABLE | {
    "no answers": ("a.csv", b"question,age\nWhy?,3\n", "no column holds the answers"),
    "no JSON object in a line": ("a.jsonl", b"1\n2\n", "no JSON object"),
    "two answers to one": ("a.csv", b"question,answer\nWhy?,x\nWhy?,y\n", "twice and differently"),
    "two questions": ("a.csv", b"question_id,question,answer\n7,A?,x\n7,B?,y\n", "two questions"),
    "ids apart in capitals": (
        "a.csv",
        b"user_id,question,answer\nbo,A?,x\nBo,B?,y\n",
        "differs only in case",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_refused(case, tmp_path):
    name, content, message = FILES[case]
    file = put(tmp_path, name, content)
    url = f"sqlite:///{tmp_path}/new.db"
    user = None if "user_id" in str(content) else "ada"
    with pytest.raises(BadSource) as caught:
        preview(file, url, user)
    assert message in str(caught.value)
    assert not {SECRET, UNREADABLE_SECRET} & set(re.findall(r"\w+", str(caught.value)))
    assert not (tmp_path / "new.db").exists()


GOOD = b'{"question": "A?", "answer": "ok"}\n'
SKIPPED = {
    "an empty answer": b"question,answer\nA?,ok\nB?,\n",
    "a NUL": b'{"question": "A?", "answer": "ok"}\n{"question": "B?", "answer": "x\\u0000"}\n',
    "a lone surrogate": GOOD + b'{"question": "B?", "answer": "\\ud800"}\n',
    "a line that is a list": b'{"question": "A?", "answer": "ok"}\n[1]\n',
    "a megabyte": b"question,answer\nA?,ok\nB?," + b"x" * 2**20 + b"\n",
    "a row that is too short": b"question,answer\nA?,ok\nB?\n",
}


@pytest.mark.parametrize("case", SKIPPED)
def test_a_row_that_is_passed_over_and_counted(case, tmp_path):
    content = SKIPPED[case]
    file = tmp_path / ("a.jsonl" if content.startswith(b"{") else "a.csv")
    file.write_bytes(content)
    url = workspace().database_url
    workspace().data.mkdir()
    shown = preview(file, url, "ada")
    passed = [*shown.source.found.skips, *shown.checked.skips]
    assert len(shown.plan.new) == 1 and len(passed) == 1
    write_plan(shown, url)
    assert [r.text for r in read_person(url, "ada").reflections] == ["ok"]
