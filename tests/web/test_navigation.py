"""The navigation marks where one is; a page has one heading, above its tabs; what cannot be done is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from ca_service.authority.access.permissions import Role
from tests.web.visitor import Visitor

ENTRIES: Final = {
    "/": "Overview",
    "/sign": "Sign",
    "/requests": "Requests",
    "/clusters/new": "Clusters",
    "/certificates/expiry": "Certificates",
    "/revoke?host=uccx1.example.com": "Certificates",
    "/products": "Tools",
    "/authority": "Authority",
    "/jobs": "Authority",
    "/notices/messages": "Authority",
    "/audit": "Audit log",
    "/api": "API",
    "/account/tokens": "administrator",
    "/account/people": "administrator",
}


@pytest.fixture
def administrator(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a visitor who can see every page."""
    return signed_in(Role.ADMINISTRATOR)


def marked(source: str) -> list[str]:
    """Return the current entry of the main navigation."""
    navigation = source[source.index('<nav aria-label="Main">') : source.index("</header>")]
    return re.findall(r'aria-current="(?:page|true)">([^<]+)</a>', navigation)


@pytest.mark.parametrize(("path", "entry"), ENTRIES.items())
def test_one_entry_of_the_navigation_is_where_one_is(administrator: Visitor, path: str, entry: str) -> None:
    assert marked(administrator.get(path).text) == [entry]


def test_what_a_form_answers_is_marked_as_well(administrator: Visitor) -> None:
    assert marked(administrator.post("/account/people", {"name": "no role"}).text) == ["administrator"]


@pytest.mark.parametrize("path", [path for path in ENTRIES if not path.startswith("/revoke")])
def test_the_heading_stands_above_the_tabs(administrator: Visitor, path: str) -> None:
    source = administrator.get(path).text

    assert source.count("<h1") == 1
    assert source.find('class="tabs"') == -1 or source.index("<h1") < source.index('class="tabs"')


def test_an_auditor_is_told_that_requests_are_only_checked(signed_in: Callable[[Role], Visitor]) -> None:
    assert "but not submit them" in signed_in(Role.AUDITOR).get("/sign").text
    assert "before you sign or submit" in signed_in(Role.REQUESTER).get("/sign").text


def test_what_is_to_be_typed_is_shown_as_such(administrator: Visitor) -> None:
    assert "<code>new</code>" in administrator.get("/api").text
    assert "`" not in administrator.get("/notices").text
