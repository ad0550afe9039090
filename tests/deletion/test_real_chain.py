"""The real chain with the seedling: minutes, so marked slow.

Luke's answers get a word of their own each; afterwards none of them is anywhere. What other
people keep is looked at in test_forget.
"""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

from echoes_lib.reflections.sources.store import read_person
from echoes_lib.workspace import PROJECT, workspace
from tests.deletion.search import files_with

pytestmark = pytest.mark.slow
ECHOES = [sys.executable, "-m", "echoes_lib.cli"]
QUICK = ["stage1_epochs=0.1", "stage2_epochs=0.1", "generation={max_new_tokens: 24}"]
QUICK += ["bootstrap_resamples=100", "gate_max_bits_per_byte_ratio=2.0", "target_examples=120"]


def echoes(*arguments, code=0):
    done = subprocess.run([*ECHOES, *arguments], capture_output=True, text=True)
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout + done.stderr


def run(user_id):
    return echoes("run", "--user", user_id, *(x for name in QUICK for x in ("-p", name)))


def plant(home):
    """Put a word of its own into each of Luke's answers; return them by question."""
    words = {}
    with sqlite3.connect(home / "data" / "reflections.db") as database:
        rows = database.execute(
            "select question_id, response_text from user_responses where user_id = 'luke'"
        ).fetchall()
        for number, text in rows:
            words[number] = f"zyluke{number}qx"
            changed = text.replace(". ", f", {words[number]}. ", 1)
            database.execute(
                "update user_responses set response_text = ? where user_id = 'luke' "
                "and question_id = ?",
                (changed, number),
            )
    database.close()
    return words


def sentences(text):
    return [s for s in text.replace("\n", " ").split(". ") if len(s.split()) > 7]


@pytest.fixture
def own_notebooks(tmp_path, monkeypatch):
    """Notebooks and profiles of one's own, the search left out to be quick."""
    folder = tmp_path / "project"
    for name in ("notebooks", "params"):
        shutil.copytree(PROJECT / name, folder / name)
    (folder / "params" / "demo" / "2_search.yaml").unlink()
    monkeypatch.setenv("ECHOES_PROJECT", str(folder))
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    )


def test_an_answer_and_then_a_person_leave_a_real_chain(home, own_notebooks):
    echoes("sample")
    words = plant(home)
    url = workspace().database_url
    run("luke")
    person = {a.question_id: a.text for a in read_person(url, "luke").reflections}
    asked = next(  # one whose words an executed notebook or a table in the store shows
        number
        for number in sorted(words)
        if any(f.startswith("mlruns/") for f in files_with(home, sentences(person[number])))
    )
    gone = [words[asked], *sentences(person[asked])]
    assert len(files_with(home, gone)) > 3
    forgotten = echoes("forget", "--user", "luke", "--question", str(asked), "--yes")
    assert "nothing of it is left" in forgotten
    assert files_with(home, gone) == set()
    assert "taken back" in echoes("chat", "--user", "luke", code=1)
    run("luke")
    assert (home / "runs/demo/luke/3_train/adapter/adapter_model.safetensors").is_file()
    assert files_with(home, gone) == set()
    assert files_with(home / "runs", list(words.values()))
    assert "nothing of it is left" in echoes("forget", "--user", "luke", "--yes")
    others = " ".join(
        a.text for user in ("agnes", "dev") for a in read_person(url, user).reflections
    )
    said = [s for text in person.values() for s in sentences(text) if s not in others]
    assert files_with(home, [*words.values(), *said]) == set()
    assert not (home / "runs/demo/luke").exists()
    assert not list((home / "mlruns/artifacts/echo-luke").rglob("*.safetensors"))
