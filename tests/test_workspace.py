"""A write that fails is told in one sentence: what, where, why, and what to do about it."""

import errno

import pytest

from echoes_lib.errors import CannotWrite
from echoes_lib.workspace import workspace, written

CAUSES = {
    errno.ENOSPC: r"the disk is full \(\d+ MiB free\)\. Free some",
    errno.EDQUOT: "the disk is full",
    errno.EROFS: "read-only. Mount it for writing, or set ECHOES_HOME",
    errno.EACCES: "not yours to write to. Change its owner",
    errno.EPERM: "not yours to write to",
    errno.EIO: "Input/output error. Mend that",
}


@pytest.mark.parametrize("number", CAUSES)
def test_every_cause_has_its_advice(number):
    place = workspace().runs / "demo" / "luke" / "dataset"
    with pytest.raises(CannotWrite, match=CAUSES[number]) as caught, written(place):
        raise OSError(number, "Input/output error" if number == errno.EIO else "as the system says")
    assert str(caught.value).startswith("dataset in runs/demo/luke cannot be written: ")
    assert caught.value.__cause__.errno == number


def test_what_is_no_failed_write_goes_through_as_it_is(tmp_path):
    with pytest.raises(ZeroDivisionError), written(tmp_path / "x"):
        raise ZeroDivisionError
    with written(tmp_path / "x"):
        pass
