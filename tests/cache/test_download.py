"""Weights over the network, from a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facerec.cache import download
from facerec.cache.download import fetch
from facerec.digest import sha256
from facerec.errors import DamagedFile, InvalidInput, MissingPart

CONTENT = b"some weights" * 1000
DIGEST = sha256(CONTENT)


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT, half of it, a redirect, or nothing."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path in ("/weights", "/half"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/weights" else CONTENT[: len(CONTENT) // 2])
        else:
            self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def address(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_second_fetch_asks_nobody(server, address):
    assert fetch(f"{address}/weights", DIGEST) == CONTENT
    assert fetch(f"{address}/weights", DIGEST.upper()) == CONTENT
    assert server.asked == ["/weights"]


def test_a_damaged_copy_is_fetched_again(server, address, cache):
    fetch(f"{address}/weights", DIGEST)
    next(cache.iterdir()).write_bytes(b"something else")
    assert fetch(f"{address}/weights", DIGEST) == CONTENT
    assert len(server.asked) == 2


def test_other_content_than_was_meant_is_refused_and_not_kept(address, cache):
    with pytest.raises(DamagedFile, match="sha256"):
        fetch(f"{address}/weights", "0" * 64)
    assert not cache.exists()


@pytest.mark.parametrize(("path", "error"), [("/half", DamagedFile), ("/nothing", MissingPart)])
def test_what_is_not_there_or_not_whole_is_refused_and_not_kept(address, cache, path, error):
    with pytest.raises(error, match=path):
        fetch(address + path, DIGEST)
    assert not cache.exists()


def test_nobody_listens():
    with pytest.raises(MissingPart, match="cannot be fetched"):
        fetch("http://127.0.0.1:9/weights", DIGEST)


def test_a_redirect_is_followed(server, address):
    assert fetch(f"{address}/to//weights", DIGEST) == CONTENT
    assert server.asked == ["/to//weights", "/weights"]


@pytest.mark.parametrize("target", ["http://example.org/weights", "ftp://127.0.0.1/weights", "file:///etc/hostname"])
def test_a_redirect_does_not_lead_away_from_https(address, target):
    with pytest.raises((InvalidInput, MissingPart)):
        fetch(f"{address}/to/{target}", DIGEST)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/a",
        "ftp://example.org/a",
        "https:///a",
        "example.org/a",
        "http://127.0.0.1.example.org/a",
    ],
)
def test_only_https_leaves_the_machine(url):
    with pytest.raises(InvalidInput, match="https"):
        fetch(url, DIGEST)


def test_a_file_has_an_address_too(tmp_path):
    (tmp_path / "weights").write_bytes(CONTENT)
    assert fetch((tmp_path / "weights").as_uri(), DIGEST) == CONTENT


def test_too_much_is_refused(address, monkeypatch):
    monkeypatch.setattr(download, "LIMIT", 100)
    with pytest.raises(MissingPart, match="larger"):
        fetch(f"{address}/weights", DIGEST)
