"""The navigation marks where one is; a page has one heading, above its tabs; what cannot be done is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, get_args

import pytest

from ca_service import __version__, web
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.settings.model import Colour
from tests.web.html import read
from tests.web.visitor import Visitor, sign_in, visit

STYLESHEET: Final = Path(web.__file__).parent / "static/site.css"

ENTRIES: Final = {
    "/": "Overview",
    "/sign": "Sign",
    "/requests": "Requests",
    "/clusters/new": "Clusters",
    "/certificates/expiry": "Certificates",
    "/revoke?host=uccx1.example.com": "Certificates",
    "/products": "Tools",
    "/authority": "Authority",
    "/public-cas": "Tools",
    "/questions": "Tools",
    "/jobs": "Jobs",
    "/notices/messages": "Notices",
    "/audit": "Audit log",
    "/api": "API",
    "/account/tokens": "Account",
    "/account/people": "People",
}


ADMIN: Final = ("People", "Authority", "Notices", "Audit log", "Jobs", "API")


@pytest.fixture
def administrator(signed_in: Callable[[Role], Visitor]) -> Visitor:
    """Return a visitor who can see every page."""
    return signed_in(Role.ADMINISTRATOR)


def marked(source: str) -> list[str]:
    """Return the current entry of the main navigation."""
    navigation = source[source.index('<nav id="menu"') : source.index("</header>")]
    return re.findall(r'aria-current="(?:page|true)">([^<]+)</a>', navigation)


def tabs(source: str) -> list[tuple[str, bool]]:
    """Return the first tabs of a page, and whether each is the current one."""
    found = source.split('<nav class="tabs"')[1].split("</nav>")[0]
    return [(name, "aria-current" in each) for each, name in re.findall(r"<a ([^>]*)>([^<]+)</a>", found)]


@pytest.mark.parametrize(("path", "entry"), ENTRIES.items())
def test_one_entry_of_the_navigation_is_where_one_is(administrator: Visitor, path: str, entry: str) -> None:
    assert marked(administrator.get(path).text) == [entry]


def test_what_a_form_answers_is_marked_as_well(administrator: Visitor) -> None:
    assert marked(administrator.post("/account/people", {"name": "no role"}).text) == ["People"]


@pytest.mark.parametrize("path", [path for path in ENTRIES if not path.startswith("/revoke")])
def test_the_heading_stands_above_the_tabs(administrator: Visitor, path: str) -> None:
    source = administrator.get(path).text

    assert source.count("<h1") == 1
    assert source.find('class="tabs"') == -1 or source.index("<h1") < source.index('class="tabs"')


@pytest.mark.parametrize(("path", "tab"), [(path, entry) for path, entry in ENTRIES.items() if entry in ADMIN])
def test_a_page_of_admin_has_the_tabs_of_admin(administrator: Visitor, path: str, tab: str) -> None:
    assert tabs(administrator.get(path).text) == [(name, name == tab) for name in ADMIN]


def test_the_tabs_of_admin_are_those_that_a_role_may_open(signed_in: Callable[[Role], Visitor]) -> None:
    assert tabs(signed_in(Role.REQUESTER).get("/authority").text) == [("Authority", True), ("API", False)]
    assert [name for name, _ in tabs(signed_in(Role.AUDITOR).get("/audit").text)] == ["Authority", "Audit log", "API"]


def test_the_account_has_its_own_tabs(administrator: Visitor) -> None:
    assert [name for name, _ in tabs(administrator.get("/account").text)] == ["Account", "API tokens", "Sign-in"]


def test_a_form_about_a_version_leaves_the_version_of_the_service_in_the_footer(administrator: Visitor) -> None:
    assert f"ca_service {__version__} · Help" in administrator.page("/products?version=12.5").text


def test_where_the_root_key_is_is_for_administrators(signed_in: Callable[[Role], Visitor]) -> None:
    seen = {role: "root key is on this machine" in signed_in(role).get("/authority").text for role in Role}
    assert seen == {role: role is Role.ADMINISTRATOR for role in Role}


def test_an_auditor_is_told_that_requests_are_only_checked(signed_in: Callable[[Role], Visitor]) -> None:
    assert "but not submit them" in signed_in(Role.AUDITOR).get("/sign").text
    assert "before you sign or submit" in signed_in(Role.REQUESTER).get("/sign").text


def test_what_is_to_be_typed_is_shown_as_such(administrator: Visitor) -> None:
    assert "<code>new</code>" in administrator.get("/api").text
    assert "`" not in administrator.get("/notices").text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/sign",
        "/requests",
        "/clusters",
        "/certificates",
        "/messages",
        "/public-cas",
        "/questions",
        "/jobs",
        "/account",
    ],
)
def test_each_page_has_its_part_of_the_help(administrator: Visitor, path: str) -> None:
    [address] = [link for link in administrator.page(path).links if link.startswith("/help#")]

    assert address.partition("#")[2] in administrator.page("/help").ids


@pytest.mark.parametrize("role", Role)
def test_the_menu_has_the_pages_that_a_role_may_open(signed_in: Callable[[Role], Visitor], role: Role) -> None:
    visitor = signed_in(role)
    source = visitor.get("/").text
    menu = read(source[source.index('<nav id="menu"') : source.index("</header>")])

    assert {link: visitor.get(link).status_code for link in menu.links if visitor.get(link).status_code != 200} == {}
    assert ("/jobs" in menu.links) is (role is Role.ADMINISTRATOR)


def test_label_and_colour_of_the_operator_are_on_every_page(installation: Installation) -> None:
    app = web.create(installation, web.WebOptions(secret_key="x" * 32, label="Lab", colour="green"))
    for visitor, path in ((visit(app), "/sign-in"), (sign_in(app), "/"), (sign_in(app), "/nowhere")):
        source = visitor.get(path).text
        assert " · Lab</title>" in source
        assert '<header class="bar" data-colour="green">' in source
        assert "<span>Lab</span>" in source


@pytest.mark.parametrize("colour", [each for each in get_args(Colour) if each != "none"])
def test_white_is_readable_on_every_colour_of_the_header(colour: str) -> None:
    found = re.search(rf"\[data-colour={colour}\] {{ --brand: #([0-9a-f]{{6}});", STYLESHEET.read_text("utf-8"))

    assert found
    assert 1.05 / (luminance(bytes.fromhex(found[1])) + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def luminance(colour: bytes) -> float:
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
