"""Answers are compressed for clients that ask for it, stay small, and give no token away by their length."""

from __future__ import annotations

import gzip
import re
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.web.security import mask, unmask
from tests.support.factories import OPERATOR
from tests.support.requests import THREE_NODES
from tests.web.visitor import Visitor, sign_in, visit

MOST_BYTES: Final = 60_000  # of a page with all that it loads, in the first visit
ASKING: Final = {"Accept-Encoding": "gzip, deflate, br"}
_FILES: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')
_TOKEN: Final = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """An administrator."""
    return sign_in(app, Role.ADMINISTRATOR)


def get(visitor: Visitor, path: str, **headers: str) -> TestResponse:
    """Ask for a page as browsers do."""
    return visitor.client.get(path, headers={**ASKING, **headers}, buffered=True)


def get_plain(visitor: Visitor, path: str, **headers: str) -> TestResponse:
    """Ask for a page as simple clients do."""
    return visitor.client.get(path, headers=headers, buffered=True)


def text(answer: TestResponse) -> str:
    """Return the page as the browser reads it."""
    assert answer.headers["Content-Encoding"] == "gzip"
    return gzip.decompress(answer.data).decode()


def is_page(answer: TestResponse) -> bool:
    """Return whether this is a page, not a redirection or a download."""
    return (answer.status_code, answer.mimetype) == (200, "text/html")


def transferred(visitor: Visitor, path: str) -> int:
    """Return the bytes of the bodies of a page and its files."""
    answer = get(visitor, path)
    files = {get(visitor, found).data for found in _FILES.findall(text(answer))}
    return len(answer.data) + sum(map(len, files))


def pages(app: Flask, serial: str) -> list[str]:
    """Return the pages without a parameter, and those of a certificate."""
    routes = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("pages.") and not rule.arguments]
    named = [rule.rule for rule in routes if "GET" in (rule.methods or ())]
    return [*named, f"/certificates/{serial}", f"/issued?serial={serial}", f"/revoke?serial={serial}", "/ca/"]


def test_every_page_is_small_with_all_that_it_loads(app: Flask, installation: Any, visitor: Visitor) -> None:
    issued = installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
    paths = pages(app, issued.certificates[0].serial_number)
    shown = [path for path in paths if is_page(get(visitor, path))]
    assert len(shown) > 20
    assert {path: size for path in shown if (size := transferred(visitor, path)) > MOST_BYTES} == {}


@pytest.mark.parametrize("path", ["/sign-in", "/static/site.css", "/static/site.js", "/no-such-page"])
def test_what_is_compressed_is_the_same_and_only_for_clients_that_ask(app: Flask, path: str) -> None:
    visitor = visit(app)
    plain = get_plain(visitor, path)
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in get_plain(visitor, path, **{"Accept-Encoding": "gzip;q=0"}).headers
    packed = get(visitor, path)
    assert _TOKEN.sub("", text(packed)) == _TOKEN.sub("", plain.text)
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data)
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]


def test_a_file_that_the_browser_has_is_not_sent_again(app: Flask) -> None:
    visitor = visit(app)
    etag = get(visitor, "/static/site.css").headers["ETag"]
    assert etag.startswith("W/")
    assert get(visitor, "/static/site.css", **{"If-None-Match": etag}).status_code == 304


def test_a_part_of_a_file_is_a_part_of_the_file_itself(app: Flask) -> None:
    visitor = visit(app)
    part = get(visitor, "/static/site.css", Range="bytes=0-99")
    assert (part.status_code, part.data) == (206, get_plain(visitor, "/static/site.css").data[:100])


@pytest.mark.parametrize("path", ["/ca/root.pem", "/api/v1/openapi.json", "/static/icon.svg"])
def test_downloads_the_api_and_tiny_files_are_sent_as_they_are(app: Flask, path: str) -> None:
    answer = get(visit(app), path)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers


def test_the_token_of_a_form_is_another_text_in_each_answer_and_the_same_within_one(visitor: Visitor) -> None:
    seen = [_TOKEN.findall(text(get(visitor, "/account"))) for _ in range(2)]
    assert len(seen[0]) > 1
    assert [len(set(tokens)) for tokens in seen] == [1, 1]
    assert seen[0][0] != seen[1][0]
    secrets = {unmask(tokens[0]).partition(".")[0] for tokens in seen}  # behind it are the time and a signature
    assert len(secrets) == 1
    assert secrets != {""}


@pytest.mark.parametrize("forged", ["", "x", "=", "abc", "\u00e9", "AAAA", "A" * 5000])
def test_a_token_that_is_none_is_refused(visitor: Visitor, forged: str) -> None:
    answer = visitor.client.post("/account/calendar", data={"csrf_token": forged})
    assert answer.status_code == 400
    assert "form.expired" in answer.text


def test_a_token_without_a_mask_is_refused(visitor: Visitor) -> None:
    plain = unmask(visitor.csrf_token())
    assert visitor.client.post("/account/calendar", data={"csrf_token": plain}).status_code == 400
    assert visitor.client.post("/account/calendar", data={"csrf_token": mask(plain)}).status_code != 400
