"""`echoes reflect`, for real: through a pseudo terminal and a pipe, with a SQLite file."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import pexpect
import pytest

from echoes_lib.reflections.intake.drafts import draft_files
from echoes_lib.workspace import workspace

COMMAND = [sys.executable, "-m", "echoes_lib.cli", "reflect", "--user", "bea"]
READY = "\x1b[?2004h"  # the editor asks the terminal to mark what is pasted
THEME = ("--category", "looking_back")  # nine questions, 109 to 117


@pytest.fixture
def terminal(home):
    """Start the command in a pseudo terminal; whatever is left is ended afterwards."""
    opened = []

    def start(*options):
        child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *options],
            env=dict(os.environ, PROMPT_TOOLKIT_NO_CPR="1", TERM="xterm"),
            encoding="utf-8",
            timeout=60,
        )
        opened.append(child)
        return child

    yield start
    for child in opened:
        child.close(force=True)


def piped(typed, *options):
    return subprocess.run([*COMMAND, *options], input=typed, capture_output=True, text=True)


def stored():
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        rows = db.execute(
            "select question_id, response_text, word_count, response_time_seconds "
            "from user_responses where user_id = 'bea' order by question_id"
        )
        return {number: rest for number, *rest in rows}


def ask(child, position, n_questions=9):
    """Wait for a question, and for the editor to be ready."""
    child.expect_exact(f"{position} of {n_questions}")
    child.expect_exact(READY)


def write_lines(child, *lines):
    for line in lines:
        child.send(line + "\r")
        time.sleep(0.05)  # a burst would be taken for a paste


def test_lines_are_saved_timed_and_counted(terminal):
    child = terminal(*THEME)
    ask(child, 1)
    time.sleep(1.1)
    write_lines(child, "I turned left.", "", "Ever since — naïve, 🙂.", ".")
    child.expect_exact("(saved: 8 words")
    ask(child, 2)
    child.send("One breath.\x1b\r")  # Alt-Enter
    ask(child, 3)
    write_lines(child, "/quit")
    child.expect_exact("Saved: 2 of 9")
    child.expect_exact("echoes consent --user bea ...")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    answers = stored()
    assert answers[109][:2] == ["I turned left.\n\nEver since — naïve, 🙂.", 8]
    assert 1.1 <= answers[109][2] < 120
    assert answers[110][:2] == ["One breath.", 2]
    assert not draft_files("bea")


def test_all_117_are_asked_without_a_theme(terminal):
    child = terminal()
    ask(child, 1, 117)
    child.send("\x04")
    child.expect_exact("Saved: 0 of 117")
    child.expect(pexpect.EOF)
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        assert db.execute("select count(*) from questions").fetchone() == (117,)
        assert db.execute("select count(*) from users").fetchone() == (0,)


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        ("\x03", 130),
        ("\x04", 0),
        pytest.param(signal.SIGTERM, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 130, marks=pytest.mark.slow),
    ],
)
def test_leaving_in_an_answer_keeps_it_as_a_draft_to_go_on_with(terminal, leave, code):
    child = terminal(*THEME)
    ask(child, 1)
    write_lines(child, "Done.", ".")
    ask(child, 2)
    write_lines(child, "Half a")
    child.send("thought")
    child.expect_exact("thought")
    child.send(leave) if isinstance(leave, str) else child.kill(leave)
    child.expect_exact("(a draft of 3 words is kept)")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert list(stored()) == [109]
    assert len(draft_files("bea")) == 1
    child = terminal(*THEME)
    child.expect_exact("bea: 1 of 9")
    child.expect_exact("2 of 9")
    child.expect_exact("(your draft of 3 words goes on here)")
    child.expect_exact("thought")
    write_lines(child, " made whole", ".")
    child.expect_exact("(saved: 5 words")
    child.send("\x04")
    child.expect(pexpect.EOF)
    assert stored()[110][0] == "Half a\nthought made whole"
    assert not draft_files("bea")


def test_killed_between_and_within_answers_and_going_on(terminal):
    child = terminal(*THEME)
    for position in (1, 2):
        ask(child, position)
        write_lines(child, f"Answer {position}.", ".")
        child.expect_exact("(saved: 2 words")
    ask(child, 3)
    child.kill(signal.SIGKILL)
    child.expect(pexpect.EOF)
    assert [row[0] for row in stored().values()] == ["Answer 1.", "Answer 2."]
    child = terminal(*THEME)
    child.expect_exact("bea: 2 of 9")
    ask(child, 3)
    child.send("typed and")
    time.sleep(3.2)
    child.send(" typed")  # a draft is kept every three seconds of typing
    child.expect_exact("typed")
    for _ in range(100):
        if draft_files("bea"):
            break
        time.sleep(0.1)
    child.kill(signal.SIGKILL)
    child.expect(pexpect.EOF)
    assert len(stored()) == 2
    child = terminal(*THEME)
    child.expect(r"your draft of [23] words goes on here")
    child.expect_exact("typed")
    child.send("\x03")
    child.expect(pexpect.EOF)


def test_going_back_corrects_in_place_and_adds_the_time(terminal):
    child = terminal(*THEME)
    ask(child, 1)
    write_lines(child, "Frist.", ".")
    ask(child, 2)
    before = stored()[109][2]
    write_lines(child, "/back")
    child.expect_exact("(your answer of 1 word is there to be corrected)")
    child.expect_exact("Frist.")
    time.sleep(0.6)
    child.send("\x7f" * 5)  # backspace
    write_lines(child, "irst.", ".")
    child.expect_exact("(saved: 1 word")
    ask(child, 2)
    child.send("\x04")
    child.expect(pexpect.EOF)
    assert stored()[109][0] == "First."
    assert stored()[109][2] >= round(before + 0.5, 1)


def test_a_pasted_answer_with_a_lone_stop_in_it_stays_one_answer(terminal):
    child = terminal(*THEME)
    ask(child, 1)
    child.send("\x1b[200~First.\r\n.\r\n/quit\r\nLast.\x1b[201~")
    child.expect_exact("Last.")
    write_lines(child, "", ".")
    child.expect_exact("(saved: 4 words")
    child.send("\x04")
    child.expect(pexpect.EOF)
    assert stored()[109][0] == "First.\n.\n/quit\nLast."


def test_one_questionnaire_at_a_time(terminal):
    child = terminal(*THEME)
    ask(child, 1)
    second = piped("")
    assert second.returncode == 1
    assert "another `echoes reflect --user bea` is open" in second.stderr


def test_through_a_pipe_with_skip_back_and_an_unfinished_end():
    first = piped("One.\n.\n/skip\nThree.\n\nMore.\n.\n/back\nThree again.\n.\nhalf", *THEME)
    assert first.returncode == 0, first.stderr
    assert {number: row[0] for number, row in stored().items()} == {
        109: "One.",
        111: "Three again.",
    }
    assert "(a draft of 1 word is kept)" in first.stdout
    second = piped("two.\n.\n.\n/quit\n", *THEME)
    assert "2 of 9  (looking_back)" in second.stdout  # what was skipped comes first again
    assert stored()[110][0] == "two."
    assert stored()[112][0] == "half"


def test_what_is_blank_is_not_saved():
    done = piped("  \n.\n.\n", *THEME)
    assert done.stdout.count("(nothing was written)") == 2
    assert not stored()


def test_nothing_left_to_ask():
    piped("Yes.\n.\n" * 9, *THEME)
    done = piped("Yes.\n.\n", *THEME)
    assert "bea: 9 of 9 questions are answered." in done.stdout
    assert "Alt-Enter" not in done.stdout
    assert len(stored()) == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--category", "nonsense"], "'nonsense' is not one of career, work_habits"),
        (["--user", "../bea"], "'../bea' is not made of"),
        (["--database-url", "nonsense"], "not a SQLAlchemy URL"),
    ],
)
def test_mistakes_are_one_sentence(options, message, home):
    done = piped("", *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_drafts_that_cannot_be_kept_are_told_before_anybody_types(home):
    (home / "data").mkdir()
    (home / "data" / "drafts").write_text("in the way")
    done = piped("One.\n.\n", *THEME)
    assert done.returncode == 1
    assert "drafts cannot be kept in" in done.stderr
    assert "Traceback" not in done.stderr


def test_bytes_that_are_no_text_are_refused_and_nothing_is_lost():
    done = subprocess.run(
        [*COMMAND, *THEME],
        input=b"One.\n.\nbad \xff\n.\n",
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:surrogateescape"},
    )
    assert done.returncode == 1
    assert b"not UTF-8: set the terminal to UTF-8" in done.stderr
    assert [row[0] for row in stored().values()] == ["One."]
    assert len(draft_files("bea")) == 1


@pytest.mark.slow  # it waits for the lock for five seconds
def test_a_locked_database_costs_no_words():
    piped("One.\n.\n", *THEME)
    with sqlite3.connect(workspace().data / "reflections.db") as db:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        child = subprocess.Popen([*COMMAND, *THEME], text=True, **pipes)
        while "2 of 9" not in child.stdout.readline():
            pass
        db.execute("begin immediate")
        out, err = child.communicate("Precious words.\n.\n")
        db.rollback()
    assert child.returncode == 1
    assert "is locked by another program" in err
    assert "Precious" not in err
    assert "goes on here" in piped("/quit\n", *THEME).stdout
