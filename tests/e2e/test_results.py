"""The result of a signing and the page of a certificate: one screen, tabs without JavaScript, copying everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Route, ViewportSize, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from tests.e2e.service import Service
from tests.e2e.tab import Tab, open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES

SCREEN: Final = ViewportSize(width=1440, height=900)
_NO_CLIPBOARD: Final = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
_SHIFTS: Final = """() => new Promise(resolve => {
    new PerformanceObserver(list => resolve(list.getEntries().reduce((sum, each) => sum + each.value, 0)))
        .observe({type: "layout-shift", buffered: true});
    setTimeout(() => resolve(0), 300);
})"""

_COVERED: Final = """() => [...document.querySelectorAll(".steps > li")].filter(step => {
    const actions = step.querySelector(".step-actions").getBoundingClientRect();
    const title = document.createRange();
    title.selectNodeContents(step.querySelector("summary"));
    return actions.width && [...title.getClientRects()].some(line => line.right > actions.left
        && line.bottom > actions.top && line.top < actions.bottom);
}).map(step => step.innerText)"""


@pytest.fixture
def serials(service: Service) -> tuple[str, ...]:
    """Three certificates; the product of the first node is known."""
    installation = service.installation
    installation.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    installation.host_products.assign(OPERATOR, "uccx1.example.com", "uccx", "11.5")
    issued = installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
    return tuple(record.serial_number for record in issued.certificates)


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def tab(browser: Browser, service: Service, serials: tuple[str, ...], request: pytest.FixtureRequest) -> Iterator[Tab]:
    """A window of the size of a laptop, with and without JavaScript."""
    assert serials
    with open_tab(browser, service.url, viewport=SCREEN, java_script_enabled=request.param) as tab:
        tab.sign_in()
        yield tab


def test_the_result_of_one_node_fits_on_one_screen(tab: Tab, serials: tuple[str, ...]) -> None:
    for serial, downloads in zip(serials, (4, 3), strict=False):  # of a known product, and of an unknown one
        tab.go(f"/issued?serial={serial}")
        assert _end_of_main(tab) <= SCREEN["height"]
        assert tab.page.locator(".chain.files a").count() == 3
        assert tab.page.locator(".steps a:visible >> text=Download").count() == downloads
        assert tab.page.evaluate(_COVERED) == []
        assert "`" not in tab.page.inner_text("main")


def test_the_result_fits_on_one_screen_whatever_the_product(
    tab: Tab, serials: tuple[str, ...], service: Service
) -> None:
    assign = service.installation.host_products.assign
    for product, at in (("cucm", "15"), ("uccx", "15"), ("socialminer", "12.5"), ("cuc", "15"), ("imp", "15")):
        assign(OPERATOR, "uccx1.example.com", product, at)
        tab.go(f"/issued?serial={serials[0]}")
        assert _end_of_main(tab) <= SCREEN["height"], (product, at)
        titles = tab.page.locator(".steps summary strong").all_inner_texts()
        assert "Upload the certificate to tomcat-ECDSA" in titles
        tab.page.click(".steps >> text=Details and command")
        assert "set cert import trust tomcat" in tab.page.inner_text(".steps > li:first-child")


def test_a_certificate_and_its_steps_fit_on_one_screen(tab: Tab, serials: tuple[str, ...]) -> None:
    for serial in serials[:2]:
        tab.go(f"/certificates/{serial}")
        assert _end_of_main(tab) <= SCREEN["height"]
        assert tab.page.evaluate(_COVERED) == []


def _end_of_main(tab: Tab) -> float:
    box = tab.page.locator("main").bounding_box()
    assert box
    return box["y"] + box["height"]


def test_the_tabs_of_a_certificate_show_one_panel_each(tab: Tab, serials: tuple[str, ...]) -> None:
    tab.go(f"/certificates/{serials[0]}")
    assert _shown(tab) == ["steps"]
    for name, panel in (("Files", "files"), ("Will the node accept it?", "fit"), ("Contents", "content")):
        tab.page.click(f".panel-tabs >> text={name}")
        assert _shown(tab) == [panel]
        coloured = "all => all.filter(a => getComputedStyle(a).borderBottomColor !== 'rgba(0, 0, 0, 0)').length"
        assert tab.page.locator(".panel-tabs a").evaluate_all(coloured) == 1
        assert tab.page.locator(f".panel-tabs [href='#{panel}']").evaluate_all(coloured) == 1
    tab.page.go_back()
    assert _shown(tab) == ["fit"]


def _shown(tab: Tab) -> list[str]:
    panels = tab.page.locator(".panels > section:visible")
    return [str(panel.get_attribute("id")) for panel in panels.all()]


@pytest.mark.parametrize("tab", [True], indirect=True)
def test_a_command_can_be_copied_where_browsers_withhold_the_clipboard(tab: Tab, serials: tuple[str, ...]) -> None:
    tab.page.add_init_script(_NO_CLIPBOARD)
    tab.go(f"/issued?serial={serials[0]}")
    button = tab.page.get_by_role("button", name="Copy command Check the ports of")
    button.click()
    expect(tab.page.locator("#said")).to_have_text("Copied")
    expect(button).to_be_focused()
    tab.go("/account")
    tab.page.focus("#old")
    tab.page.keyboard.press("Control+V")
    assert "openssl s_client -connect uccx1.example.com" in tab.page.input_value("#old")


@pytest.mark.parametrize("tab", [True], indirect=True)
def test_copy_buttons_move_nothing(tab: Tab, serials: tuple[str, ...]) -> None:
    tab.go(f"/issued?serial={serials[0]}")
    widths = "buttons => buttons.map(each => each.offsetWidth)"
    assert tab.page.evaluate(_SHIFTS) < 0.001
    before = tab.page.locator("[data-copy]").evaluate_all(widths)
    tab.page.locator("[data-copy]").first.click()
    expect(tab.page.locator("[data-copy]").first).to_have_text("\u2713")
    assert tab.page.locator("[data-copy]").evaluate_all(widths) == before


@pytest.mark.parametrize("tab", [True], indirect=True)
@pytest.mark.parametrize("path", ["/audit", "/certificates/{}", "/sign-in"])
def test_a_script_that_arrives_late_moves_nothing(tab: Tab, serials: tuple[str, ...], path: str) -> None:
    def late(route: Route) -> None:
        time.sleep(0.3)
        route.continue_()

    if path == "/sign-in":
        tab.page.context.clear_cookies()
    tab.page.context.route("**/static/*.js", late)
    tab.go(path.format(serials[0]))
    assert tab.page.evaluate(_SHIFTS) == 0


def test_times_are_local_with_javascript_and_utc_without(
    browser: Browser, service: Service, serials: tuple[str, ...]
) -> None:
    for script in (True, False):
        with open_tab(browser, service.url, java_script_enabled=script, timezone_id="Asia/Tokyo") as tab:
            tab.sign_in()
            tab.go(f"/certificates/{serials[0]}")
            shown = tab.page.locator(".ends time").last
            title = str(shown.get_attribute("title"))
            assert title.endswith(" UTC")
            assert (shown.inner_text() == title) is not script
