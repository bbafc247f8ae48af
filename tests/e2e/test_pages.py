"""Every page, light and dark, wide and narrow: usable by everybody, and without a complaint of the browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, ViewportSize

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.tokens import TokenLimits
from tests.benchmarks.bench_pages import measure
from tests.e2e.service import Service, serving
from tests.e2e.tab import LOOKS, NARROW, WIDE, Tab, open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.refused_requests import BY_POLICY, REFUSALS
from tests.support.requests import CUCM_MULTI, JUNK_COUNTRY, THREE_NODES


@dataclass(frozen=True, slots=True)
class Furnished:
    """A service in use, and what the addresses of its pages need."""

    service: Service
    serials: tuple[str, ...]
    files: tuple[Path, ...]


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Furnished]:
    """A service with accounts, tokens, certificates, and requests of every kind to be checked."""
    folder = tmp_path_factory.mktemp("furnished")
    with serving(folder) as service:
        installation = service.installation
        for role in (Role.REQUESTER, Role.AUDITOR):
            installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
        token = installation.tokens.create(OPERATOR, "requester", "renewal script", 90)
        limits = TokenLimits(
            ("submit",), ("*.uc.example.com", "example.com"), ("vos",), ("10.0.0.0/8", "2001:db8::/32")
        )
        installation.tokens.create(OPERATOR, "requester", "an older script", 1, limits)
        installation.tokens.create(OPERATOR, "requester", "inventory", 30)
        installation.tokens.revoke(OPERATOR, "requester", token.record.id)
        issue = installation.issuance.issue
        issued = issue(OPERATOR, [request.data for request in THREE_NODES], Options()).certificates
        issued += issue(OPERATOR, [CUCM_MULTI.data], Options(validity_days=10)).certificates
        refused = [REFUSALS[0], *BY_POLICY, JUNK_COUNTRY, *THREE_NODES[:1]]
        files = [folder / f"{request.name}.csr" for request in refused]
        for path, request in zip(files, refused, strict=True):
            path.write_bytes(request.data)
        yield Furnished(service, tuple(record.serial_number for record in issued), tuple(files))


def _open(path: str) -> Callable[[Tab, Furnished], None]:
    return lambda tab, furnished: tab.go(path.format(*furnished.serials))


def _review(tab: Tab, furnished: Furnished) -> None:
    tab.go("/sign")
    tab.unfold()
    tab.page.set_input_files("#csr", furnished.files)
    tab.page.wait_for_selector(".request")


def _new_token(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/account/tokens")
    tab.page.fill("#label", "shown once")
    tab.page.click("text=Create token")
    tab.page.wait_for_selector("#token")


def _wrong_token(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/account/tokens")
    tab.page.fill("#label", "renewal of the contact centre")
    tab.page.fill("#days", "400")
    tab.page.fill("#names", "uccx1.example.com\n*")
    tab.page.fill("#networks", "10.0.0.5/8")
    tab.page.click("text=Create token")
    tab.page.wait_for_selector(".wrong")


def _wrong_password(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/account")
    for field in ("#old", "#password", "#repeated"):
        tab.page.fill(field, f"wrong {field}")
    tab.page.click("text=Change password")
    tab.page.wait_for_selector(".wrong")


def _details(tab: Tab, furnished: Furnished) -> None:
    tab.go(f"/certificates/{furnished.serials[3]}")
    tab.unfold()


def _panel(name: str) -> Callable[[Tab, Furnished], None]:
    def show(tab: Tab, furnished: Furnished) -> None:
        tab.go(f"/certificates/{furnished.serials[0]}#{name}")
        tab.unfold()

    return show


def _selected(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/certificates?sort=expires")
    tab.page.locator("tbody .pick input").first.check()
    tab.page.wait_for_selector(".picked")


def _filtered(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/certificates")
    tab.page.click("text=for nodes")
    tab.page.wait_for_selector(".narrowing [aria-current]")
    tab.page.click("text=Search syntax")


def _expiry(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/certificates/expiry")
    tab.page.click("text=Show as table")


def _trust(system: str) -> Callable[[Tab, Furnished], None]:
    def show(tab: Tab, _furnished: Furnished) -> None:
        tab.go(f"/ca/?system={system}")
        tab.unfold()

    return show


def _menu(tab: Tab, _furnished: Furnished) -> None:
    tab.go("/help")
    tab.open_menu()
    tab.page.click("nav summary >> text=Admin")


PAGES: Final[dict[str, Callable[[Tab, Furnished], None]]] = {
    "overview": _open("/"),
    "new": _open("/sign"),
    "review": _review,
    "issued-one": _open("/issued?serial={0}"),
    "issued-three": _open("/issued?serial={0}&serial={1}&serial={2}"),
    "certificates": _open("/certificates"),
    "selected": _selected,
    "renewals": _open("/certificates/renew?serial={0}&serial={3}"),
    "filtered": _filtered,
    "filter-refused": _open("/certificates?q=state:x+expires<z"),
    "nothing-found": _open("/certificates?q=nowhere"),
    "expiry": _expiry,
    "expiry-of-nothing": _open("/certificates/expiry?q=nowhere"),
    "certificate": _details,
    "certificate-files": _panel("files"),
    "certificate-fit": _panel("fit"),
    "certificate-contents": _panel("content"),
    "authority": _open("/authority"),
    "account": _open("/account"),
    "tokens": _open("/account/tokens"),
    "new-token": _new_token,
    "wrong-token": _wrong_token,
    "wrong-password": _wrong_password,
    "trust": _trust("windows"),
    "trust-firefox": _trust("firefox"),
    "trust-nodes": _trust("cisco"),
    "api": _open("/api"),
    "help": _open("/help#clusters"),
    "menu": _menu,
    "not-found": _open("/certificates/nonsense"),
}


def test_no_page_keeps_anybody_out(browser: Browser, furnished: Furnished) -> None:
    with open_tab(browser, furnished.service.url) as tab:
        tab.go("/sign-in")
        faults = tab.faults("sign-in")
        tab.sign_in("requester")
        for name, show in PAGES.items():
            show(tab, furnished)
            faults += tab.faults(name)
        tab.sign_out()

    assert not faults, "\n".join(faults)


def test_the_first_pages_keep_nobody_out(browser: Browser, service: Service) -> None:
    with open_tab(browser, service.url) as tab:
        tab.go(service.set_up_url())
        faults = tab.faults("set-up")
        tab.set_up(service.set_up_url())
        faults += tab.faults("first-run")
        tab.go("/certificates")
        faults += tab.faults("no-certificates")
        tab.go("/account/tokens")
        faults += tab.faults("no-tokens")

    assert not faults, "\n".join(faults)


def test_nothing_moves_while_a_page_loads(browser: Browser, furnished: Furnished) -> None:
    with open_tab(browser, furnished.service.url) as tab:
        tab.sign_in("requester")
        state = tab.page.context.storage_state()
    url, serial = furnished.service.url, furnished.serials[0]
    paths = ("/", "/sign", f"/certificates/{serial}", "/certificates", "/account/sign-in", "/ca/")
    shifts = {path: measure(browser, url + path, storage_state=state, viewport=NARROW)["shift"] for path in paths}
    assert shifts == dict.fromkeys(paths, 0)


def test_a_fault_is_named_with_the_look_that_has_it(browser: Browser) -> None:
    dark = "@media (prefers-color-scheme: dark) { html { background: #111; color: #ddd } p { color: #333 } }"
    head = f"<title>A</title><style>{dark} div {{ width: 30rem }}</style>"
    page = f"<html lang=en>{head}<main><h1>A</h1><div><p>Hard to read</p></div></main>"
    with open_tab(browser, "") as tab:
        tab.page.set_content(page)
        found = tab.faults("page")
    assert {each.partition(": ")[0] for each in found} == {"page, narrow-dark"}
    assert {each.split(": ")[1] for each in found} == {"color-contrast", "too wide", "scrolls sideways"}


def test_a_row_that_looks_like_no_other_is_judged_by_itself(browser: Browser) -> None:
    rows = "<tr><td>Well<tr><td>Well<tr><td class=pale>Hardly<tr><td class=pale>Hardly"
    head = "<title>A</title><style>.pale { color: #eee }</style>"
    with open_tab(browser, "") as tab:
        tab.page.set_content(f"<html lang=en>{head}<main><h1>A</h1><table>{rows}</table></main>")
        found = tab.faults("page")
    assert found == [f"page, {look}: color-contrast: ['tr:nth-child(3) > .pale']" for look in LOOKS]


@pytest.mark.parametrize(
    ("size", "most"),
    [(WIDE, 60), (ViewportSize(width=1024, height=768), 60), (NARROW, 60)],
    ids=["wide", "laptop", "narrow"],
)
def test_the_navigation_leaves_room_for_the_page(
    browser: Browser, service: Service, size: ViewportSize, most: int
) -> None:
    with open_tab(browser, service.url, viewport=size, java_script_enabled=False) as tab:
        tab.set_up(service.set_up_url())

        assert tab.page.locator(".bar").evaluate("bar => bar.offsetHeight") <= most
        tab.open_menu()
        for entry in ("Overview", "Sign", "Requests", "Clusters", "Certificates", "Tools"):
            assert tab.page.locator(f"nav a >> text={entry}").first.is_visible()
        tab.page.click("nav summary >> text=Admin")
        assert tab.page.locator("nav a >> text=Audit log").is_visible()


def test_keys_go_to_pages_unless_they_are_switched_off(browser: Browser, furnished: Furnished) -> None:
    with open_tab(browser, furnished.service.url) as tab:
        tab.sign_in("requester")
        for keys, address in (
            ("gc", "/clusters"),
            ("?", "/help#clusters"),
            ("/", "/certificates"),
            ("gr", "/requests"),
        ):
            for key in keys:
                tab.page.keyboard.press(key)
            tab.page.wait_for_url(tab.url + address)
        tab.page.keyboard.press("/")
        tab.page.keyboard.type("gs")
        assert tab.page.input_value("[type=search]") == "gs"
        tab.go("/certificates")
        tab.page.locator("main input[type=checkbox]").first.check()
        tab.page.keyboard.type("gc")
        tab.page.wait_for_url(tab.url + "/clusters")

        tab.go("/help")
        tab.page.uncheck("[data-shortcuts] input")
        tab.page.keyboard.press("g")
        tab.page.keyboard.press("c")
        tab.go("/help")
        assert not tab.page.is_checked("[data-shortcuts] input")


def test_escape_and_a_click_beside_close_a_menu(browser: Browser, furnished: Furnished) -> None:
    with open_tab(browser, furnished.service.url) as tab:
        tab.sign_in("requester")
        for is_by_key in (True, False):
            tab.page.click("nav summary >> text=Admin")
            assert tab.page.locator(".more[open]").count() == 1
            if is_by_key:
                tab.page.keyboard.press("Escape")
            else:
                tab.page.mouse.click(640, 500)
            assert tab.page.locator(".more[open]").count() == 0
