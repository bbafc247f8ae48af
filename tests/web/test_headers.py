"""The headers that keep a browser from being turned against its user."""

from __future__ import annotations

import pytest
from flask import Flask

from ca_service import web
from ca_service.authority.installation import Installation
from tests.support.requests import UCCX_PUBLISHER
from tests.web.visitor import Visitor, visit

PUBLIC_PATHS = ["/sign-in", "/api", "/ca/", "/ca/root.pem", "/healthz", "/static/site.css", "/nothing", "/ca/nothing"]
PRIVATE_PATHS = ["/", "/certificates", "/authority", "/account", "/certificates/00", "/issued"]


def policy(visitor: Visitor, path: str) -> dict[str, str]:
    parts = visitor.get(path).headers["Content-Security-Policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


@pytest.mark.parametrize("path", [*PUBLIC_PATHS, *PRIVATE_PATHS])
def test_every_answer_carries_them(requester: Visitor, path: str) -> None:
    headers = requester.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Content-Security-Policy" in headers
    assert "Server" not in headers


def test_the_policy_allows_nothing_but_our_own_files(visitor: Visitor) -> None:
    found = policy(visitor, "/sign-in")

    assert found["default-src"] == "'none'"
    assert found["frame-ancestors"] == "'none'"
    assert found["base-uri"] == "'none'"
    assert set(found.values()) == {"'none'", "'self'"}  # and so nothing unsafe


@pytest.mark.parametrize("path", [*PRIVATE_PATHS, "/sign-in", "/nothing", "/ca/", "/ca/nothing", "/healthz"])
def test_what_may_differ_tomorrow_or_for_others_is_kept_in_no_cache(requester: Visitor, path: str) -> None:
    assert requester.get(path).headers["Cache-Control"] == "no-store"


def test_a_download_is_kept_in_no_cache(requester: Visitor) -> None:
    serial = requester.issue(UCCX_PUBLISHER)[0]

    assert requester.get(f"/certificates/{serial}/download").headers["Cache-Control"] == "no-store"


def test_the_files_of_the_authority_may_be_kept(visitor: Visitor) -> None:
    assert visitor.get("/ca/root.pem").headers["Cache-Control"] == "public, max-age=3600"


def test_what_everybody_may_fetch_sets_no_cookie(visitor: Visitor) -> None:
    for path in ("/ca/", "/ca/root.pem", "/healthz", "/api", "/api/v1/openapi.json"):
        assert "Set-Cookie" not in visitor.get(path).headers


def test_what_may_be_kept_in_a_cache_sets_no_cookie_for_those_who_have_one_either(requester: Visitor) -> None:
    for path in ("/ca/root.pem", "/static/site.css"):
        assert "Set-Cookie" not in requester.get(path).headers


def test_https_is_remembered_and_plain_http_is_not(app: Flask) -> None:
    assert "Strict-Transport-Security" not in visit(app).get("/sign-in").headers
    assert visit(app, "https://localhost").get("/sign-in").headers["Strict-Transport-Security"] == "max-age=31536000"


FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "ca.example.com"}


def test_forwarded_headers_are_believed_from_a_proxy_that_is_set_up(installation: Installation) -> None:
    options = web.WebOptions(secret_key="x" * 32, trusted_proxies=1, base_url="https://ca.example.com")
    app = web.create(installation, options)
    answer = visit(app).get("/ca/", headers=FORWARDED)

    assert "Strict-Transport-Security" in answer.headers
    assert "https://ca.example.com/ca/root.pem" in answer.text


def test_forwarded_headers_are_not_believed_from_anybody_else(visitor: Visitor) -> None:
    answer = visitor.get("/ca/", headers=FORWARDED)

    assert "Strict-Transport-Security" not in answer.headers
    assert "http://localhost/ca/root.pem" in answer.text


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "[::2]"])
@pytest.mark.parametrize("path", ["/sign-in", "/ca/", "/api/v1/openapi.json"])
def test_a_name_that_is_not_ours_is_not_answered(app: Flask, host: str, path: str) -> None:
    answer = visit(app).get(path, headers={"Host": host})

    assert answer.status_code == 400
    assert "host.unknown" in answer.text


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("", "127.0.0.1:8080"),
        ("", "LOCALHOST"),
        ("", "[::1]:8080"),
        ("https://ca.example.com:8443", "ca.example.com"),
        ("https://ca.example.com", "localhost"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_our_own_names_are_answered(installation: Installation, base_url: str, host: str) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, base_url=base_url))

    assert visit(app).get("/ca/", headers={"Host": host}).status_code == 200
