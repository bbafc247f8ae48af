"""HTTP requests to a real server on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ca_service.errors import Unreachable
from ca_service.probe.fetching import HTTPFetcher


class _Answers(BaseHTTPRequestHandler):
    """`/here` is there, `/moved` leads to it, a POST comes back with its content type."""

    def do_GET(self) -> None:
        """Answer by the path."""
        if self.path == "/drips":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):  # until the client has gone
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            return
        self.send_response({"/here": 200, "/moved": 302}.get(self.path, 404))
        self.send_header("Location", "/here")
        self.end_headers()
        self.wfile.write(b"found")

    def do_POST(self) -> None:
        """Give it back."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Content-Type"].encode() + b" " + body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the URL of the server."""
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_is_there_is_fetched(base_url: str) -> None:
    assert HTTPFetcher(time.monotonic).get(f"{base_url}/here") == b"found"


def test_what_is_sent_is_sent_with_its_type(base_url: str) -> None:
    assert (
        HTTPFetcher(time.monotonic).post(f"{base_url}/", b"asked", "application/ocsp-request")
        == b"application/ocsp-request asked"
    )


@pytest.mark.fault("other services", "An answer at an address in certificates drips", "`doctor` gives it up")
def test_an_answer_that_drips_is_given_up(base_url: str) -> None:
    with pytest.raises(Unreachable, match="too long"):
        HTTPFetcher(time.monotonic, 0.5).get(f"{base_url}/drips")


@pytest.mark.parametrize(("path", "said"), [("/nowhere", "404"), ("/moved", "302")])
def test_another_status_is_told_and_no_redirect_followed(base_url: str, path: str, said: str) -> None:
    with pytest.raises(Unreachable, match=said) as caught:
        HTTPFetcher(time.monotonic).get(base_url + path)
    assert caught.value.rule == "probe.unreachable"


@pytest.mark.fault("other services", "Nothing listens at an address in certificates", "`doctor` says so")
def test_where_nobody_listens_it_is_told(base_url: str) -> None:
    with pytest.raises(Unreachable, match="ConnectionError"):
        HTTPFetcher(time.monotonic).get("http://127.0.0.1:1/ca/x.crl")
    assert base_url
