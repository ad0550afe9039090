"""Every way in which a base can be missing, the hub being a real server on 127.0.0.1."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time

import pytest

from echoes_lib.errors import BaseModelNotFound
from echoes_lib.models.find import find_base, folder_revision, resolve_base

# name of a model: status, X-Error-Code, X-Error-Message
ANSWERS = {
    "gone": (401, "RepoNotFound", None),
    "plain": (404, None, None),
    "gated": (401, "GatedRepo", None),
    "locked": (403, "GatedRepo", None),
    "oldrev": (404, "RevisionNotFound", None),
    "empty": (404, "EntryNotFound", None),
    "badtoken": (401, None, "Invalid credentials in Authorization header"),
    "narrow": (403, None, "Forbidden"),
    "shut": (403, None, "Access to this resource is disabled."),
    "busy": (429, None, None),
    "ill": (503, None, None),
}


class Hub(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        name = self.path.split("/")[2] if self.path.count("/") > 2 else ""
        status, code, message = ANSWERS.get(name, (200, None, None))
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if message:
            self.send_header("X-Error-Message", message)
        self.send_header("X-Repo-Commit", "c0ffee")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(monkeypatch, tmp_path):
    from huggingface_hub import constants

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    url = f"http://127.0.0.1:{server.server_port}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x/gone", "neither a folder here nor a public model"),
        ("x/plain", "neither a folder here nor a public model"),
        ("x/gated", "no token was sent: accept its licence.*then log in with `hf auth login`"),
        ("x/locked", "its licence was not accepted with the account of your token"),
        ("x/oldrev", "check base_revision"),
        ("x/empty", r"holds no config\.json"),
        ("x/badtoken", "the hub knows no such token"),
        ("x/narrow", "give it read access to gated and private models"),
        ("x/shut", "was disabled by the hub"),
        ("x/busy", "answered 429"),
        ("x/ill", "answered 503"),
    ],
)
def test_what_the_hub_refuses(hub, name, message):
    began = time.monotonic()
    with pytest.raises(BaseModelNotFound, match=message):
        find_base(name)
    assert time.monotonic() - began < 5


def test_what_the_hub_has(hub):
    source = find_base("x/model")
    assert (source.location, source.revision, source.is_hub) == ("x/model", "c0ffee", True)


def test_hub_unreachable_and_not_cached(hub):
    hub.shutdown()
    hub.server_close()
    began = time.monotonic()
    with pytest.raises(BaseModelNotFound, match="cannot be reached"):
        find_base("x/model")
    assert time.monotonic() - began < 8


def test_cache_answers_when_the_hub_does_not(hub, tmp_path, monkeypatch):
    from huggingface_hub import constants

    folder = tmp_path / "models--x--ill"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc123")
    (folder / "snapshots" / "abc123").mkdir(parents=True)
    (folder / "snapshots" / "abc123" / "config.json").write_text("{}")
    assert find_base("x/ill").cache_only
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert find_base("x/ill").revision == "abc123"


def test_offline_in_a_process_of_its_own(tmp_path):
    code = (
        "from types import SimpleNamespace as N\n"
        "from echoes_lib.errors import BaseModelNotFound\n"
        "from echoes_lib.models.load import load_tokenizer\n"
        "try: load_tokenizer(N(base_model='x/model', base_revision=None))\n"
        "except BaseModelNotFound as error: print(error)\n"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert "HF_HUB_OFFLINE is set" in done.stdout, done.stderr[-500:]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "no such folder"),
        ("./no/such", "no such folder"),
        ("sedling", "did you mean seedling"),
        ("mistral 7b", "neither a folder nor a hub id"),
    ],
)
def test_names_that_lead_nowhere(name, message):
    with pytest.raises(BaseModelNotFound, match=message):
        resolve_base(name)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(BaseModelNotFound, match=r"holds no config\.json"):
        resolve_base(str(tmp_path))


def test_folder_revision_follows_the_weights(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = folder_revision(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert before.startswith("sha256:") and folder_revision(tmp_path) != before
    assert find_base(str(tmp_path)).revision == folder_revision(tmp_path)
