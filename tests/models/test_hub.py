"""Models from a hub, downloaded for real from 127.0.0.1, and everything that can go wrong."""

import errno
import re

import pytest
from huggingface_hub import errors

from echoes_lib.errors import BaseModelNotFound, CannotWrite, ModelError
from echoes_lib.models.hub import explain
from echoes_lib.models.load import load_base
from echoes_lib.params import Common
from tests.models.hub_server import COMMIT, WEIGHTS, point_at, start, stop
from tests.models.tiny import make_tiny_base
from tests.reflections.disks import make_read_only


@pytest.mark.parametrize("revision", [None, "v1", COMMIT])
def test_a_hub_model_is_loaded_at_its_commit_and_once(hub, revision):
    base = load_base(Common(base_model="x/whole", base_revision=revision))
    assert (base.info["base_model"], base.info["base_revision"]) == ("x/whole", COMMIT)
    assert sum(path.endswith(WEIGHTS) for path in hub.sent) == 1
    load_base(Common(base_model="x/whole", base_revision=revision))
    assert sum(path.endswith(WEIGHTS) for path in hub.sent) == 1


def test_what_was_downloaded_once_is_loaded_without_a_network(hub):
    before = load_base(Common(base_model="x/whole"))
    stop(hub)
    after = load_base(Common(base_model="x/whole"))
    assert after.info == before.info


def test_a_branch_that_was_downloaded_is_loaded_without_a_network(hub):
    before = load_base(Common(base_model="x/whole", base_revision="v1"))
    stop(hub)
    after = load_base(Common(base_model="x/whole", base_revision="v1"))
    assert after.info["base_revision"] == before.info["base_revision"] == COMMIT
    with pytest.raises(BaseModelNotFound, match="cannot be reached"):
        load_base(Common(base_model="x/whole"))


def test_a_connection_that_breaks_in_the_weights_is_named(hub):
    with pytest.raises(BaseModelNotFound, match=r"cannot be reached .*goes on where it stopped"):
        load_base(Common(base_model="x/cut"))


def test_a_revision_that_is_not_there_is_named(hub):
    with pytest.raises(BaseModelNotFound, match=r"base_revision='v9' does not exist in x/whole"):
        load_base(Common(base_model="x/whole", base_revision="v9"))


def test_weights_that_are_not_there_are_named(hub):
    with pytest.raises(ModelError, match="x/unlisted|incomplete"):
        load_base(Common(base_model="x/unlisted"))


def test_a_full_disk_is_named_while_downloading(tiny_disk, tmp_path, monkeypatch):
    server = start(make_tiny_base(tmp_path / "served"))
    point_at(server, tiny_disk / "cache", monkeypatch)
    try:
        with (
            pytest.warns(UserWarning, match="Not enough free disk space"),
            pytest.raises(CannotWrite, match=r"disk of the hub's cache is full.*HF_HOME"),
        ):
            load_base(Common(base_model="x/whole"))
    finally:
        stop(server)


def test_a_read_only_disk_is_named(tiny_disk, tmp_path, monkeypatch):
    server = start(make_tiny_base(tmp_path / "served"))
    point_at(server, tiny_disk / "cache", monkeypatch)
    make_read_only(tiny_disk)
    try:
        with pytest.raises(CannotWrite, match="is read-only, or not yours to write to"):
            load_base(Common(base_model="x/whole"))
    finally:
        stop(server)


def wrapped(error):
    """Wrap an error twice, as transformers does."""
    try:
        try:
            raise OSError("not a valid model identifier") from error
        except OSError as middle:
            raise ValueError("cannot load") from middle
    except ValueError as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.OfflineModeIsEnabled("no"), "HF_HUB_OFFLINE is set"),
        (errors.HTTPError("slow"), r"cannot be reached \(HTTPError\)"),
        (errors.LocalEntryNotFoundError("nothing"), "cannot be reached"),
        (ConnectionResetError(104, "reset"), "cannot be reached"),
        (OSError(errno.ENOSPC, "No space left on device"), "is full"),
        (OSError(errno.EDQUOT, "Quota exceeded"), "is full"),
        (OSError(errno.EROFS, "Read-only", "blob"), "is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "blob"), "not yours to write to"),
    ],
)
def test_the_first_cause_decides_however_it_is_wrapped(error, message):
    assert re.search(message, str(explain(wrapped(error), "x/model")))


@pytest.mark.parametrize(
    "error", [OSError("Unrecognized model"), KeyError("bloom"), PermissionError(1, "connect")]
)
def test_what_is_no_fault_of_hub_network_or_disk_is_left_alone(error):
    assert explain(wrapped(error), "x/model") is None
