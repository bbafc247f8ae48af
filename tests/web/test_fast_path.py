"""The fast path answers exactly as the application does, without a Flask request, and leaves everything else to it."""

from __future__ import annotations

import base64
import io
import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from flask import Flask, request_started
from sqlalchemy import Engine
from sqlalchemy.event import listen, remove
from werkzeug.test import Client, EnvironBuilder, TestResponse, run_wsgi_app

from ca_service.app import create_app
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.settings import Settings
from tests.support.factories import OPERATOR, Lab
from tests.support.ocsp import question
from tests.support.requests import UCCX_PUBLISHER

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from _typeshed import WriteableBuffer

CRL: Final = "/ca/intermediate-g1.crl"


@dataclass(frozen=True)
class Asked:
    """A request; `{ocsp}` in the path is an OCSP request in base64."""

    path: str
    method: str = "GET"
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    base_url: str = "http://localhost"

    def __str__(self) -> str:
        return f"{self.method} {self.path} {' '.join(self.headers)} {self.base_url.removeprefix('http://localhost')}"


PLAIN: Final = [
    Asked("/ocsp", "POST"),
    Asked("/ocsp/", "POST"),
    Asked("/ocsp", "POST", b"nonsense"),
    Asked("/ocsp/{ocsp}"),
    Asked("/ocsp/{ocsp}", "HEAD"),
    Asked("/ocsp/{quoted}"),
    Asked("/ocsp/MAA="),
    Asked("/ocsp/{ocsp}?more=x"),
    Asked(CRL),
    Asked(CRL, "HEAD"),
    Asked(CRL, headers={"Range": "bytes=0-9"}),
    Asked(CRL, headers={"If-None-Match": "{etag}"}),
    Asked(CRL, headers={"If-None-Match": "*"}),
    Asked(CRL, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    Asked("/ca/intermediate-g1-delta.crl"),
    Asked("/ca/root-g1.crl.pem"),
    Asked("/ca/intermediate-g1.der"),
    Asked("/ca/root.pem", "HEAD"),
    Asked("/ca/chain.p7b"),
    Asked("/ca/kit/example-lab-ec-root-ca-g1.mobileconfig"),
    Asked("/ca/kit/example-lab-ec-root-ca-g1.cer", "HEAD"),
    Asked("/ca/kit/example-lab-ec-root-ca-g1-trust-kit.zip", headers={"Range": "bytes=0-9"}),
    Asked("/healthz"),
    Asked("/healthz", "HEAD"),
    Asked("/readyz"),
    Asked("/readyz", "HEAD"),
    Asked("/static/site.css"),
    Asked("/static/icon.svg", "HEAD"),
    Asked("/static/site.css", headers={"Range": "bytes=0-9"}),
    Asked("/static/site.js", headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    Asked("/healthz", base_url="https://localhost"),
    Asked("/healthz", base_url="http://127.0.0.1:8080"),
]
LEFT: Final = [
    Asked("/ocsp", "PUT"),
    Asked("/ocsp", "OPTIONS"),
    Asked("/ocsp"),
    Asked("/ocsp/"),
    Asked("/ocsp/%FF%FE"),
    Asked("/ocsp/a b"),
    Asked("/ocsp//x"),
    Asked("/ocsp/{ocsp}", "POST"),
    Asked("/ocsp", "POST", b"x" * 20_000),
    Asked("/ocsp", "POST", b"x" * 2_000_000),
    Asked(CRL, "POST"),
    Asked(CRL, "OPTIONS"),
    Asked("/ca/nobody.crl"),
    Asked("/ca/root-g1-delta.crl"),
    Asked("/ca/nothing.der"),
    Asked("/ca/x/y.crl"),
    Asked("/ca/kit/nothing.cer"),
    Asked("/ca/%0a.crl"),
    Asked("/ca"),
    Asked("/healthz/"),
    Asked("/healthz", "DELETE"),
    Asked("/readyz", "POST"),
    Asked("/readyz", base_url="http://attacker.example"),
    Asked("/healthz", base_url="http://attacker.example"),
    Asked(CRL, base_url="http://attacker.example"),
    Asked("/static/nothing"),
    Asked("/static/../templates/base.html"),
    Asked("/static/.."),
    Asked("/static//site.css"),
    Asked("/ca/"),
    Asked("/rules/crl.missing"),
]


@pytest.fixture
def lab_app(lab: Lab, lab_app: Flask) -> Flask:
    """An application with a certificate, whose OCSP answer and CRL are signed."""
    assert lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    return lab_app


@pytest.fixture
def ocsp_request(lab: Lab, lab_app: Flask) -> bytes:  # noqa: ARG001 - it has the certificate issued
    """An OCSP request about the certificate."""
    [leaf] = lab.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options()).certificates
    return question(lab, leaf)


def around(app: Flask) -> Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]:
    """The application without the fast path."""
    return lambda environ, start_response: Flask.wsgi_app(app, environ, start_response)


def answer(to: Any, asked: Asked, ocsp_request: bytes, etag: str = "") -> TestResponse:
    """Ask, and read the answer."""
    encoded = base64.b64encode(ocsp_request).decode()
    path = asked.path.format(ocsp=encoded, quoted=encoded.replace("=", "%3D"))
    headers = [(name, value.format(etag=etag)) for name, value in asked.headers.items()]
    data = asked.data or (ocsp_request if asked.method == "POST" else b"")
    builder = EnvironBuilder(path, asked.base_url, method=asked.method, data=data, headers=headers)
    return Client(to).open(builder, buffered=True)


@contextmanager
def begun(app: Flask) -> Any:
    """Yield the paths of the requests that Flask has begun."""
    paths: list[str] = []

    def note(_app: Flask, **_more: object) -> None:
        paths.append("begun")

    with request_started.connected_to(note, app):
        yield paths


def headers_of(response: TestResponse) -> list[tuple[str, str]]:
    """The headers in one order, but for the second of the answer, and for the cookie on which only pages depend."""
    varies = [("Vary", each) for each in response.vary if each != "Cookie"]
    return sorted([*(each for each in response.headers if each[0] not in ("Date", "Vary")), *varies])


@pytest.mark.parametrize("asked", [*PLAIN, *LEFT], ids=str)
def test_with_and_without_the_fast_path_the_answer_is_the_same(
    lab_app: Flask, ocsp_request: bytes, asked: Asked
) -> None:
    etag = answer(lab_app, Asked(CRL), ocsp_request).headers["ETag"]
    fast, plain = (answer(to, asked, ocsp_request, etag) for to in (lab_app, around(lab_app)))
    assert fast.status == plain.status
    assert headers_of(fast) == headers_of(plain)
    assert fast.data == plain.data


@pytest.mark.parametrize("asked", [*PLAIN, *LEFT], ids=str)
def test_with_and_without_the_fast_path_the_line_of_the_log_is_the_same(
    lab_app: Flask, ocsp_request: bytes, asked: Asked, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for to in (lab_app, around(lab_app)):
        answer(to, asked, ocsp_request)
    fast, plain = (each.getMessage().split() for each in caplog.records if each.name == "ca_service.access")
    assert (fast[:-4], fast[-3:]) == (plain[:-4], plain[-3:])  # all but the milliseconds


@pytest.mark.parametrize("asked", PLAIN, ids=str)
def test_plain_requests_take_no_flask_request(lab_app: Flask, ocsp_request: bytes, asked: Asked) -> None:
    with begun(lab_app) as paths:
        answer(lab_app, asked, ocsp_request)
    assert paths == []


@pytest.mark.parametrize("asked", LEFT, ids=str)
def test_everything_else_takes_one(lab_app: Flask, ocsp_request: bytes, asked: Asked) -> None:
    with begun(lab_app) as paths:
        answer(lab_app, asked, ocsp_request)
    assert len(paths) == 1


def test_what_caches_keep_does_not_vary_with_a_cookie(lab_app: Flask, ocsp_request: bytes) -> None:
    for path in (CRL, "/ocsp/{ocsp}", "/ca/root.pem", "/static/site.css"):
        assert "cookie" not in answer(lab_app, Asked(path), ocsp_request).vary


def test_a_body_without_a_length_is_read_by_the_application(lab_app: Flask, ocsp_request: bytes) -> None:
    environ = EnvironBuilder("/ocsp", method="POST", data=ocsp_request).get_environ()
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input_terminated"] = True  # as a server says of a body in chunks
    with begun(lab_app) as paths:
        found, _, _ = run_wsgi_app(lab_app, environ)
    assert (len(paths), b"".join(found)) == (1, answer(lab_app, Asked("/ocsp", "POST"), ocsp_request).data)


@pytest.mark.fault("database", "Every statement of the database fails", "answers 503 after one attempt")
@pytest.mark.parametrize("path", ["/ca/root.pem", CRL])
def test_a_database_that_does_not_answer_is_asked_once(
    installation: Installation, settings: Settings, path: str
) -> None:
    app = create_app(settings, installation)
    attempts: list[str] = []

    def fail(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        attempts.append(statement)
        raise sqlite3.OperationalError("disk I/O error")

    listen(Engine, "before_cursor_execute", fail)
    try:
        found = answer(app, Asked(path), b"")
    finally:
        remove(Engine, "before_cursor_execute", fail)
    assert (found.status_code, "database.unusable" in found.text, len(attempts)) == (503, True, 1)


@pytest.mark.parametrize("asked", [Asked("/ocsp", "POST"), Asked("/ocsp/{ocsp}")], ids=str)
def test_an_error_that_nobody_foresaw_is_explained_by_the_application(
    lab: Lab, lab_app: Flask, ocsp_request: bytes, asked: Asked
) -> None:
    lab.clock.now = None  # type: ignore[assignment]  # every calculation with it fails
    found = answer(lab_app, asked, ocsp_request)
    assert (found.status_code, "Something went wrong" in found.text) == (500, True)


class SlowBody(io.RawIOBase):
    """The body of a client that goes silent: the socket gives up after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = 0

    def readable(self) -> bool:
        """It is a body."""
        return True

    def readinto(self, _buffer: WriteableBuffer, /) -> int:
        """Wait in vain."""
        self.waits += 1
        raise BlockingIOError("timed out")


def test_a_client_that_goes_silent_is_waited_for_once(lab_app: Flask) -> None:
    body = SlowBody()
    builder = EnvironBuilder("/ocsp", method="POST", content_type="application/ocsp-request")
    environ = builder.get_environ() | {"wsgi.input": body, "CONTENT_LENGTH": "100"}
    _, status, _ = run_wsgi_app(lab_app.wsgi_app, environ)
    assert status.startswith("400")
    assert body.waits == 1


def test_a_body_that_is_too_large_and_never_comes_is_refused_without_a_fault(lab_app: Flask) -> None:
    builder = EnvironBuilder("/sign-in", method="POST", content_type="text/plain")
    environ = builder.get_environ() | {"wsgi.input": SlowBody(), "CONTENT_LENGTH": "999999999"}
    _, status, _ = run_wsgi_app(lab_app.wsgi_app, environ)
    assert status.startswith("413")
