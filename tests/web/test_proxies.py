"""Reverse proxies: whose X-Forwarded headers count, and which of their values."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from ca_service.web.proxies import BehindProxies

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOOPBACK = ("127.0.0.1/32", "::1/128")
CLIENT, FORGED = "198.51.100.7", "10.1.2.3"


def seen(peer: str, *, count: int = 1, networks: tuple[str, ...] = LOOPBACK, **headers: str) -> dict[str, Any]:
    """Return what the application sees of a request from this peer: address, scheme and host."""
    found: dict[str, Any] = {}

    def application(environ: WSGIEnvironment, _start_response: StartResponse) -> list[bytes]:
        found.update(environ)
        return []

    told = {f"HTTP_X_FORWARDED_{name.upper()}": value for name, value in headers.items()}
    environ = {"REMOTE_ADDR": peer, "wsgi.url_scheme": "http", "HTTP_HOST": "localhost", **told}
    BehindProxies(application, count, networks)(environ, lambda *_: lambda _: None)
    return found


def address(peer: str, told: str, **options: Any) -> str:
    """Return the address of the client that the application sees."""
    return str(seen(peer, For=told, **options)["REMOTE_ADDR"])


@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.2", "::2", "", "unix:"])
def test_the_headers_of_another_peer_than_a_named_proxy_do_not_count(peer: str) -> None:
    found = seen(peer, For=FORGED, Proto="https", Host="evil.example")
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (peer, "http", "localhost")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_the_headers_of_a_named_proxy_count(peer: str) -> None:
    found = seen(peer, For=CLIENT, Proto="https", Host="ca.example.com")
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (CLIENT, "https", "ca.example.com")


@pytest.mark.parametrize("told", [f"{FORGED}, {CLIENT}", f"{FORGED},{CLIENT}", f"127.0.0.1, {FORGED}, {CLIENT}"])
def test_what_a_client_wrote_in_front_of_its_address_does_not_count(told: str) -> None:
    assert address("127.0.0.1", told) == CLIENT
    assert address("127.0.0.1", told, count=5) == CLIENT


def test_a_chain_of_named_proxies_is_followed_up_to_the_client() -> None:
    options: dict[str, Any] = {"count": 2, "networks": (*LOOPBACK, "10.0.0.0/24")}
    assert address("127.0.0.1", f"{FORGED}, {CLIENT}, 10.0.0.9", **options) == CLIENT
    assert address("127.0.0.1", f"{CLIENT}, 10.0.0.9", count=2) == "10.0.0.9"


def test_a_chain_is_followed_for_as_many_proxies_as_are_set() -> None:
    networks = (*LOOPBACK, "10.0.0.0/24")
    assert address("127.0.0.1", "198.51.100.7, 10.0.0.8, 10.0.0.9", count=2, networks=networks) == "10.0.0.8"


@pytest.mark.parametrize("told", ["unknown", "", "1.2.3.4.5", f"{FORGED}, unknown"])
def test_a_report_without_an_address_leaves_the_address_of_the_proxy(told: str) -> None:
    assert address("127.0.0.1", told) == "127.0.0.1"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("198.51.100.7:4711", CLIENT),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", CLIENT),
    ],
)
def test_an_address_is_read_in_each_form_in_which_proxies_write_it(told: str, read: str) -> None:
    assert address("127.0.0.1", told) == read


def test_scheme_and_host_are_those_of_the_outermost_proxy() -> None:
    options: dict[str, Any] = {"count": 2, "networks": (*LOOPBACK, "10.0.0.0/24"), "For": f"{CLIENT}, 10.0.0.9"}
    appended = seen("127.0.0.1", Proto="http, https, http", Host="evil.example, ca.example.com, inner", **options)
    assert (appended["wsgi.url_scheme"], appended["HTTP_HOST"]) == ("https", "ca.example.com")
    alone = seen("127.0.0.1", Proto="https", Host="ca.example.com", **options)
    assert (alone["wsgi.url_scheme"], alone["HTTP_HOST"]) == ("https", "ca.example.com")


@pytest.mark.parametrize("told", ["", "gopher", "https; x"])
def test_a_scheme_that_is_none_of_the_web_does_not_count(told: str) -> None:
    assert seen("127.0.0.1", Proto=told)["wsgi.url_scheme"] == "http"


def test_an_ignored_header_is_logged_once_in_each_process(caplog: pytest.LogCaptureFixture) -> None:
    application = BehindProxies(lambda _environ, _start: [], 1, LOOPBACK)
    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": FORGED}
    with caplog.at_level(logging.WARNING, "ca_service.web"):
        for _ in range(3):
            application(dict(environ), lambda *_: lambda _: None)
    assert [record.getMessage() for record in caplog.records] == [
        "X-Forwarded-For from 192.0.2.1 is ignored, because web.proxy_networks does not contain this address"
    ]
