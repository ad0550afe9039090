"""A folder is written whole or not at all, whatever goes wrong in between."""

import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from echoes_lib.errors import CannotWrite
from echoes_lib.models.folders import check_room, drafted
from tests.reflections.disks import make_read_only, tiny_disk

__all__ = ["tiny_disk"]


def write(folder, text, fail=None):
    with drafted(folder) as draft:
        (draft / "a.txt").write_text(text)
        if fail:
            raise fail


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    place = tmp_path / "out"
    write(place / "x", "one")
    (place / "x" / "b.txt").write_text("goes")
    write(place / "x", "two")
    assert names(place) == ["x"] and names(place / "x") == ["a.txt"]
    assert (place / "x" / "a.txt").read_text() == "two"


@pytest.mark.parametrize("fail", [ValueError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(tmp_path, fail):
    place = tmp_path / "out"
    write(place / "x", "one")
    with pytest.raises(type(fail)):
        write(place / "x", "two", fail)
    assert names(place) == ["x"] and (place / "x" / "a.txt").read_text() == "one"


def test_a_full_disk_leaves_what_was_there_and_says_so(tiny_disk):
    write(tiny_disk / "x", "one")
    large = {"weight": np.zeros(100_000, dtype=np.float32)}
    with pytest.raises(CannotWrite, match="the disk is full .* Free some") as caught:  # noqa: SIM117
        with drafted(tiny_disk / "x") as draft:
            save_file(large, draft / "model.safetensors")
    assert names(tiny_disk) == ["x"] and (tiny_disk / "x" / "a.txt").read_text() == "one"
    assert caught.value.__cause__.errno == 28


def test_a_read_only_disk_is_named(tiny_disk):
    make_read_only(tiny_disk)
    with pytest.raises(CannotWrite, match="read-only"):
        write(tiny_disk / "x", "one")


def test_no_room_is_said_before_anything_is_written(tiny_disk):
    check_room(tiny_disk / "deep" / "x", 1000)
    with pytest.raises(CannotWrite, match="x needs 1 MiB and the disk of .* has 0 MiB free"):
        check_room(tiny_disk / "deep" / "x", 2**20)
    assert names(tiny_disk) == []


def test_what_a_killed_process_left_is_cleared(tmp_path):
    place = tmp_path / "out"
    code = (
        "import os, sys, pathlib; from echoes_lib.models.folders import drafted\n"
        "with drafted(pathlib.Path(sys.argv[1])) as draft:\n"
        "    (draft / 'a.txt').write_text('half'); os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(place / "x")])
    assert len(names(place)) == 1 and names(place)[0].endswith(".part")
    mine = place / f".x.{os.getppid()}.part"  # a living process may be at work
    mine.mkdir()
    write(place / "x", "one")
    assert names(place) == [mine.name, "x"]


def test_a_folder_caught_between_two_names_returns(tmp_path):
    place = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=1)
    gone = int(done.stdout)
    (place / f".x.{gone}.old").mkdir(parents=True)
    (place / f".x.{gone}.old" / "a.txt").write_text("before")
    with pytest.raises(ValueError, match="no"):
        write(place / "x", "two", ValueError("no"))
    assert names(place) == ["x"] and (place / "x" / "a.txt").read_text() == "before"
