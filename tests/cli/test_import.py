"""`echoes import`: what it shows, when it asks, what it ends with."""

import os
import sqlite3
import sys

import pexpect
import pytest
from click.testing import CliRunner

from echoes_lib.cli import main
from echoes_lib.workspace import workspace

SECRET = "quillwort"
TABLE = f"""\
User;Frage;Antwort;Mood
ada;What do you regret?;"{SECRET}, and more.";good
ada;Who drew this?;{SECRET} again.;
ada;;lost;
ada;what do you REGRET;;
bob;Who drew this?;Me.
"""
COLUMNS = ("--column", "question=Frage", "--column", "answer=Antwort")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text(TABLE, encoding="utf-8-sig")
    return str(path)


def run(*arguments):
    return CliRunner().invoke(main, ["import", *arguments])


def stored():
    file = workspace().data / "reflections.db"
    if not file.exists():
        return None
    with sqlite3.connect(file) as db:
        return db.execute("select count(*) from user_responses").fetchone()[0]


def test_shows_what_it_understood_and_no_word_of_an_answer(table):
    result = run(table, *COLUMNS, "--dry-run")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "source      answers.csv: CSV, UTF-8 with BOM, delimiter semicolon, 4 rows",
        "columns     Frage -> question, Antwort -> answer, User -> user_id",
        "not used    Mood",
        "people      1: ada (1 new)",
        "questions   2: 0 known by id, 1 known by their words, 1 new (line 3)",
        "answers     2 new, 0 changed, 0 unchanged",
        "skipped     3",
        "            1 fewer cells than the header (line 6)",
        "            1 no question (line 4)",
        "            1 no answer (line 5)",
        "Nothing was written (--dry-run).",
    ]
    assert stored() is None


def test_writes_once_and_names_consent(table):
    first = run(table, *COLUMNS, "--yes", "--name", "Ada L.")
    assert first.exit_code == 0
    assert "Written: 2 new, 0 changed." in first.output
    assert "`echoes consent --user ada ...`" in first.output.splitlines()[-1]
    again = run(table, *COLUMNS)  # nothing to agree to
    assert again.exit_code == 0
    assert "Nothing to write: 0 new, 0 changed." in again.output
    assert stored() == 2


def test_without_a_terminal_it_wants_yes(table):
    result = run(table, *COLUMNS)
    assert result.exit_code == 1
    assert "run the same command with --yes" in result.stderr
    assert stored() is None


@pytest.mark.parametrize(
    ("said", "told", "n_stored"),
    [("y", "Written: 2 new", 2), ("n", "Nothing was written.", None), ("\x03", "", None)],
)
def test_at_a_terminal_it_asks(table, said, told, n_stored):
    child = pexpect.spawn(
        sys.executable,
        ["-m", "echoes_lib.cli", "import", table, *COLUMNS],
        env=dict(os.environ),
        encoding="utf-8",
        timeout=60,
    )
    child.expect_exact("Write this? [y/N]:")
    child.send(said if said == "\x03" else f"{said}\r")
    child.expect_exact(told)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus == 0) is (said != "\x03")
    assert stored() == n_stored


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (TABLE, (), "no column holds the answers (found: User, Frage, Antwort, Mood)"),
        (TABLE, (*COLUMNS, "--user", "carl"), "holds no answer that can be imported"),
        (f"question,answer\nWhy?,{SECRET}\n", (), "holds no answer that can be imported: give"),
        (f"question,answer\nWhy?,{SECRET}\n", ("--user", "../x"), "--user '../x' is not made"),
        (f"question,answer\na,{SECRET}\nA!,other\n", ("--user", "ada"), "twice and differently"),
    ],
)
def test_mistakes_end_with_one_sentence(tmp_path, content, options, message):
    path = tmp_path / "a.csv"
    path.write_text(content)
    result = run(str(path), *options, "--yes")
    assert result.exit_code == 1
    assert message in result.stderr
    assert SECRET not in result.output
    assert "Traceback" not in result.output
    assert stored() is None


def test_many_skips_and_people_are_shown_in_part(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"u{i},What do you regret?,{'x' if i % 2 else ''}" for i in range(40)]
    path.write_text("\n".join(["user_id,question,answer", *lines]))
    output = run(str(path), "--yes").output
    assert "20: u1, u3, u5, u7, u9, u11, u13, u15 and 12 more (20 new)" in output
    assert "20 no answer (line 2, line 4, line 6, line 8" in output
    assert "and 12 more)" in output
    assert output.count("echoes consent") == 8
    assert "So it is with 12 more people." in output
