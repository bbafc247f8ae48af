"""Webhooks, as a real server on this machine receives them; the signature is checked by code of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest

from ca_service.authority.notices.records import Failure
from ca_service.channels.webhook import Webhook, WebhookOptions
from tests.support.fakes import FixedClock
from tests.support.notices import message

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
EVENT = {"type": "certificate.expiring", "data": {"name": "Grüße"}}


@dataclass(slots=True)
class Receiver:
    """The received requests, and the response."""

    port: int = 0
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes webhooks."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        """Keeps what comes."""

        def do_POST(self) -> None:
            """Take one webhook."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.seen.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,)).start()
        yield receiver
        server.shutdown()


def send(receiver: Receiver, clock: FixedClock | None = None, path: str = "/hook/s3cret") -> Failure | None:
    """Send one webhook to it."""
    url = f"http://127.0.0.1:{receiver.port}{path}"
    return Webhook(WebhookOptions(url, SECRET), clock or FixedClock()).send(message("notice-1", event=EVENT))


def verify(headers: dict[str, str], body: bytes, now: int, secret: str = SECRET) -> bool:
    """Verify a webhook as Standard Webhooks 1.0 describes it: time, then signatures."""
    if abs(now - int(headers["webhook-timestamp"])) > 5 * 60:
        return False
    content = headers["webhook-id"] + "." + headers["webhook-timestamp"] + "." + body.decode("utf-8")
    digest = hmac.digest(base64.b64decode(secret.split("_", 1)[1]), content.encode("utf-8"), hashlib.sha256)
    expected = base64.b64encode(digest).decode("ascii")
    return any(each == f"v1,{expected}" for each in headers["webhook-signature"].split(" "))


def test_the_receiver_finds_the_signature_good(receiver: Receiver) -> None:
    clock = FixedClock()

    assert send(receiver, clock) is None

    [(path, headers, body)] = receiver.seen
    assert path == "/hook/s3cret"
    assert headers["webhook-id"] == "notice-1"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == EVENT
    now = int(clock().timestamp())
    assert verify(headers, body, now)
    assert not verify(headers, body + b" ", now)
    assert not verify(headers | {"webhook-id": "notice-2"}, body, now)
    assert not verify(headers, body, now, "whsec_" + base64.b64encode(KEY[::-1]).decode())
    assert not verify(headers, body, now + 301)


def test_another_attempt_has_the_same_id_and_body_and_a_time_of_its_own(receiver: Receiver) -> None:
    clock = FixedClock()
    for _ in range(2):
        send(receiver, clock)
        clock.advance(minutes=1)

    [(one, other)] = pairwise(receiver.seen)
    assert one[2] == other[2]
    assert one[1]["webhook-id"] == other[1]["webhook-id"]
    assert int(other[1]["webhook-timestamp"]) - int(one[1]["webhook-timestamp"]) == 60
    assert verify(other[1], other[2], int(other[1]["webhook-timestamp"]))


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(400, False), (404, False), (410, True), (429, False), (500, False), (503, False), (304, True)],
)
def test_any_other_answer_than_success_is_a_failure(receiver: Receiver, status: int, is_final: bool) -> None:
    receiver.status = status

    failure = send(receiver)

    assert failure
    assert failure.is_final is is_final
    assert str(status) in failure.reason


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 307, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}

    failure = send(receiver)

    assert failure
    assert failure.is_final
    assert [path for path, *_ in receiver.seen] == ["/hook/s3cret"]


def test_what_is_answered_is_neither_read_nor_kept(receiver: Receiver) -> None:
    receiver.status, receiver.body = 500, b"secret of the receiver" * 100_000

    failure = send(receiver)

    assert failure == Failure("the webhook server answers 500")


def test_no_proxy_and_no_password_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert send(receiver) is None


@pytest.mark.fault("other services", "No webhook server answers", "tries again later; shows no address")
def test_a_server_that_is_not_there_is_told_without_the_address() -> None:
    failure = send(Receiver(port=1))

    assert failure == Failure("the webhook server cannot be reached (ConnectionError)")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example.com/s3cret?token=x", "https://hooks.example.com"),
        ("https://hooks.example.com:8443/s3cret", "https://hooks.example.com:8443"),
        ("http://[::1]:9000/s3cret", "http://[::1]:9000"),
    ],
)
def test_of_the_address_only_the_host_is_shown(url: str, shown: str) -> None:
    assert Webhook(WebhookOptions(url, SECRET), FixedClock()).recipients == (shown,)
