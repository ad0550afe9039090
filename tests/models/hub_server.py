"""A hub on 127.0.0.1 that serves one model under many names, each name with a fault of its own.

    x/whole     everything is there
    x/cut       the connection breaks in the middle of the weights
    x/unlisted  the config can be seen, the weights are missing (404)

Shape: folder with a model -> a server; the fixture `hub` points huggingface_hub at it.
"""

import hashlib
import http.server
import threading

import pytest

COMMIT = "c0ffee" + "0" * 34
WEIGHTS = "model.safetensors"


class Hub(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        parts = self.path.partition("?")[0].strip("/").split("/")
        if len(parts) < 5 or parts[2] != "resolve":
            return self.refuse(404, None)  # nothing but files is known here
        name, revision, file = parts[1], parts[3], "/".join(parts[4:])
        if revision not in ("main", "v1", COMMIT):
            return self.refuse(404, "RevisionNotFound")
        path = self.server.folder / file
        if not path.is_file() or (file == WEIGHTS and name == "unlisted"):
            return self.refuse(404, "EntryNotFound")
        self.send(path.read_bytes(), body, cut=name == "cut" and file == WEIGHTS)

    def send(self, content, body, cut):
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.server.sent.append(self.path)

    def refuse(self, status, code):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


def start(folder):
    """Serve a folder; `sent` of the server lists what was downloaded."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.folder, server.sent = folder, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def stop(server):
    server.shutdown()
    server.server_close()


def point_at(server, cache, monkeypatch):
    """Let huggingface_hub of this process ask the server, with a cache of its own."""
    from huggingface_hub import constants
    from transformers.utils import hub

    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    if hasattr(hub, "hf_api"):  # made once, and kept by newer transformers
        monkeypatch.setattr(hub.hf_api(), "endpoint", address)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Serve a miniature model from a hub of its own, into an empty cache."""
    from tests.models.tiny import make_tiny_base

    server = start(make_tiny_base(tmp_path / "served"))
    point_at(server, tmp_path / "cache", monkeypatch)
    yield server
    stop(server)
