"""The README is a promise: its commands exist, its links lead somewhere, its layout is true."""

import os
import re
import shlex
import subprocess

import pytest
from click.testing import CliRunner

from echoes_lib.cli import main
from echoes_lib.params.load import profiles
from echoes_lib.workspace import PROJECT

README = (PROJECT / "README.md").read_text()
MAKEFILE = (PROJECT / "Makefile").read_text()
DOCS = [PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def targets(text):
    return set(re.findall(r"`make ([a-z-]+)", text)) | set(
        re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    )


def commands(block_start):
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    return [x for block in blocks for x in block.splitlines() if x.startswith(block_start)]


def test_every_make_target_named_anywhere_exists_and_is_in_help():
    plain = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=PROJECT, capture_output=True, text=True, env=plain
    ).stdout
    listed = {line.split()[0] for line in shown.splitlines()}
    assert listed == set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    for text in (README, *(path.read_text() for path in DOCS)):
        assert targets(text) <= listed, targets(text) - listed


def test_the_papermill_line_names_files_and_parameters_that_exist(tmp_path):
    (line,) = commands(".venv/bin/papermill")
    words = shlex.split(line)
    files = [words[1], *(words[i + 1] for i, w in enumerate(words) if w == "-f")]
    assert all((PROJECT / name).is_file() for name in files)
    assert "lora_r" in (PROJECT / words[1]).read_text()


@pytest.mark.parametrize("line", commands(".venv/bin/echoes"))
def test_the_echoes_lines_are_understood(line):
    words = shlex.split(line)[1:]
    result = CliRunner().invoke(main, [words[0], "--help"])
    assert result.exit_code == 0
    for option in (w for w in words if w.startswith("-")):
        assert option in result.output


def test_the_layout_names_every_folder():
    layout = README.split("## How it is laid out")[1].split("```")[1]
    named = set(re.findall(r"^ *([a-z_]+)/", layout, re.MULTILINE))
    rooms = {p.parent.name for p in (PROJECT / "echoes_lib").glob("*/__init__.py")}
    assert rooms <= named, rooms - named
    for name in named - rooms - {"data", "runs", "mlruns"}:
        assert (PROJECT / name).is_dir(), name


def test_links_and_pictures_lead_somewhere():
    for path in (PROJECT / "README.md", *DOCS):
        text = path.read_text()
        for name in re.findall(r"\]\(([\w./-]+)\)|\b(docs/[\w/.-]+\.(?:md|png))", text):
            target = next(filter(None, name))
            assert (PROJECT / target).exists() or (path.parent / target).exists(), target


def test_the_profiles_of_the_readme_are_those_there_are():
    assert set(re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE)) >= set(profiles())
