"""The bar shows the current step's progress, and nothing that an earlier step left behind."""

import io
import json
import os
import time

import pytest
from rich.console import Console

from echoes_lib.cli.display import ChainDisplay


@pytest.fixture
def display():
    return ChainDisplay(Console(file=io.StringIO(), force_terminal=True, width=100))


def write(home, done, total, age_s=0.0):
    path = home / "runs" / "demo" / "luke" / ".progress.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"done": done, "total": total, "label": "stage1"}))
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_the_bar_follows_the_kernel(display, home):
    display.announce("3_train", "start", 0.0)
    display._show(write(home, 30, 90, age_s=-1))
    task = display._bar.tasks[0]
    assert (task.completed, task.total, task.description) == (30, 90, "3_train: stage1")
    assert not task.finished


def test_what_an_earlier_step_left_is_not_shown(display, home):
    path = write(home, 12, 12, age_s=60)
    display.announce("3_train", "start", 0.0)
    display._show(path)
    task = display._bar.tasks[0]
    assert (task.completed, task.total, task.finished) == (0, None, False)


def test_a_broken_or_missing_file_does_no_harm(display, home):
    display.announce("3_train", "start", 0.0)
    display._show(home / "nowhere.json")
    path = write(home, 1, 2, age_s=-1)
    path.write_text("{")
    display._show(path)
    assert display._bar.tasks[0].completed == 0


def test_lines_tell_what_was_done_and_what_was_kept(home):
    log = io.StringIO()
    with ChainDisplay(Console(file=log, width=100)) as display:
        display.announce("1_preprocess", "kept", 21.0)
        display.announce("2_search", "start", 0.0)
        display.announce("2_search", "done", 63.2)
    lines = log.getvalue().splitlines()
    assert lines == ["✓ 1_preprocess  kept from before", "  2_search …", "✓ 2_search  63 s"]
