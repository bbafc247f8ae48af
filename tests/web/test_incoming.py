"""Requests that arrive in pieces: what the application gets, and what is refused."""

from __future__ import annotations

from typing import Any, Final

import pytest
from gunicorn.config import Config
from gunicorn.http import errors
from hypothesis import given
from hypothesis import strategies as st

from ca_service.web.incoming import MAX_HEAD_BYTES, Incoming

_MAX: Final = 1000
_HEAD: Final = b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\n"
_GET: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
_CHUNKED: Final = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_LENGTH: Final = _HEAD + b"Content-Length: 11\r\n\r\nhello world"
_CHUNKS: Final = _CHUNKED + b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n"


def incoming() -> Incoming:
    return Incoming(Config(), ("192.0.2.1", 4711), _MAX)


def taken(*pieces: bytes) -> list[Any]:
    """The requests that arrive in these pieces."""
    found, requests = incoming(), []
    for piece in pieces:
        found.add(piece)
        while (request := found.take()) is not None:
            requests.append(request)
    return requests


def told(request: Any) -> tuple[str, str, bytes, str | None]:
    headers = dict(request.headers)
    assert "TRANSFER-ENCODING" not in headers
    return request.method, request.path, request.body.getvalue(), headers.get("CONTENT-LENGTH")


@given(st.lists(st.sampled_from([_GET, _LENGTH, _CHUNKS + b"\r\n", _CHUNKS + b"X: y\r\n\r\n"]), max_size=4), st.data())
def test_requests_are_the_same_however_they_are_cut(sent: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(sent)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    post = ("POST", "/ocsp", b"hello world", "11")
    expected = [("GET", "/healthz", b"", None) if each is _GET else post for each in sent]
    assert [told(each) for each in taken(*pieces)] == expected
    assert [told(each) for each in taken(*(bytes([each]) for each in whole))] == expected


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"\r\n",
        b"-5\r\nhello\r\n",
        b"0x5\r\nhello\r\n",
        b"1_0\r\n",
        b"5\nhello\n",
        b"5\r\nhelloX",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5 5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: y\nZ: a\n\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"f" * 16 + b"\r\n",
        b"5;" + b"a" * 9000,
    ],
)
def test_malformed_chunks_are_refused_as_soon_as_they_arrive(body: bytes) -> None:
    with pytest.raises(errors.ParseException):
        taken(_CHUNKED + body + b"x")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\nHost: x\n\r\n",
        b"\r\n\r\n",
        b"GET /\r\n\r\n",
        _HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        _HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        _HEAD + b"Content-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"x" * MAX_HEAD_BYTES,
    ],
)
def test_malformed_heads_are_refused_without_waiting_for_more(head: bytes) -> None:
    with pytest.raises(errors.ParseException):
        taken(head)


def test_the_protocol_without_hosts_needs_none() -> None:
    [request] = taken(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert request.path == "/healthz"


@pytest.mark.parametrize(
    ("sent", "length"),
    [
        (_HEAD + b"Content-Length: 1001\r\n\r\n", "1001"),
        (_HEAD + b"Content-Length: 1001\r\nExpect: 100-continue\r\n\r\nabc", "1001"),
        (_CHUNKED + b"3e9\r\n" + b"x" * 1001, "1006"),
        (_CHUNKED + b"1\r\nx\r\n" * 200, "1200"),
    ],
)
def test_a_body_over_the_maximum_is_not_waited_for(sent: bytes, length: str) -> None:
    found = incoming()
    found.add(sent)
    request = found.take()
    assert told(request) == ("POST", "/ocsp", b"", length)
    assert request.should_close()
    assert (found.is_whole, found.size, request._expected_100_continue) == (False, 0, False)


def test_a_body_of_the_maximum_is_taken() -> None:
    [request] = taken(_HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 1000)
    assert told(request) == ("POST", "/ocsp", b"x" * 1000, "1000")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once() -> None:
    found = incoming()
    found.add(_HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert found.take() is None
    assert (found.expects_continue(), found.expects_continue()) == (True, False)
    found.add(b"hello")
    assert told(found.take()) == ("POST", "/ocsp", b"hello", "5")


def test_trailers_end_somewhere() -> None:
    found = Incoming(Config(), ("192.0.2.1", 4711), 10 * MAX_HEAD_BYTES)
    found.add(_CHUNKED + b"0\r\n" + b"X: y\r\n" * 12_000)
    with pytest.raises(errors.ParseException):
        found.take()
