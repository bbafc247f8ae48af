"""Lists on a phone: short rows, cut names, nothing beside the screen."""

from __future__ import annotations

from typing import Final

from playwright.sync_api import expect

from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.issuance.examination import Options
from ca_service.authority.revocation.records import Selection
from ca_service.pki.reasons import Reason
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import NARROW
from tests.support import pkcs10
from tests.support.factories import OPERATOR
from tests.support.requests import SOCIALMINER, THREE_NODES, key, subject, usages

_LONG: Final = "contact-centre-publisher-of-the-first-site.voice.example.com"
#: The lines of text that a person sees in each row.
_LINES: Final = """rows => [...document.querySelectorAll(rows)].map(row => {
    const walker = document.createTreeWalker(row, NodeFilter.SHOW_TEXT), boxes = [];
    while (walker.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(walker.currentNode);
        const isShown = walker.currentNode.parentElement.checkVisibility(); // not in a fold that is closed
        if (isShown && walker.currentNode.data.trim()) boxes.push(...range.getClientRects());
    }
    boxes.sort((one, other) => one.top - other.top);
    let lines = 0, end = -Infinity;
    for (const box of boxes) if ((box.top + box.bottom) / 2 > end) { lines += 1; end = box.bottom; }
    return lines;
})"""


def _long_request() -> bytes:
    names = pkcs10.hosts("voice.example.com", _LONG, "agents-of-the-first-site.voice.example.com")
    asked = usages(("digitalSignature", "keyEncipherment"), ("serverAuth", "clientAuth"))
    return pkcs10.pem(pkcs10.Recipe(key("phone"), subject(_LONG), (*asked, names)).der())


def test_a_certificate_has_three_lines_on_a_phone(service: Service, new_tab: OpenTab) -> None:
    issue = service.installation.issuance.issue
    (revoked,) = issue(OPERATOR, [SOCIALMINER.data], Options()).certificates
    service.installation.revocation.revoke(OPERATOR, Selection((revoked.serial_number,)), Reason.SUPERSEDED)
    issue(OPERATOR, [_long_request()], Options())
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    tab.go("/certificates")
    tab.page.wait_for_load_state("load")

    lines = tab.page.evaluate(_LINES, "tbody tr")
    assert len(lines) == 2
    assert max(lines) <= 3, lines
    active, gone = (tab.page.locator("tbody tr").nth(number).inner_text() for number in (0, 1))
    assert active.startswith(f"active {_LONG}")
    assert "days left" in active
    assert gone.startswith("revoked sm1.example.com")
    others = tab.page.locator(".others").first
    assert others.evaluate("each => getComputedStyle(each).textOverflow") == "ellipsis"
    assert others.evaluate("each => each.scrollWidth > each.clientWidth")
    assert not tab.faults("certificates")


def test_an_event_has_four_lines_on_a_phone_and_its_details_in_a_fold(service: Service, new_tab: OpenTab) -> None:
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    service.installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options())
    tab.go("/audit?event=certificates")
    issued = tab.page.locator(".events > li").first

    assert tab.page.evaluate(_LINES, ".events > li")[0] <= 4
    assert "profile" not in issued.inner_text()
    issued.locator("summary").press("Enter")
    assert "profile" in issued.inner_text()
    assert not tab.faults("audit")


def test_the_serial_number_of_an_earlier_intermediate_is_not_cut_on_a_phone(service: Service, new_tab: OpenTab) -> None:
    service.installation.rollover.perform(OPERATOR, service.installation.plan)
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    tab.go("/authority")
    tab.page.click("#earlier")
    table = tab.page.locator("details[open] .table")
    assert table.evaluate("each => each.clientWidth > 0 && each.scrollWidth <= each.clientWidth")


def test_no_state_is_broken_and_no_command_is_cut_on_a_phone(service: Service, new_tab: OpenTab) -> None:
    nodes = [NodeInput("uccx1.example.com", "uccx", "11.5", "publisher")]
    service.installation.fleet.create(OPERATOR, "Contact centre", nodes)
    (issued,) = service.installation.issuance.issue(OPERATOR, [_long_request()], Options()).certificates
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    for path in (f"/certificates/{issued.serial_number}", "/certificates/expiry"):
        tab.go(path)
        pills = tab.page.locator(".state:visible")
        assert set(pills.evaluate_all("all => all.map(each => each.getClientRects().length)")) == {1}, path
    tab.go("/clusters/1/runbook")
    commands = tab.page.locator(".open-step pre:visible")
    assert commands.count()
    assert commands.evaluate_all("all => all.filter(each => each.scrollHeight > each.clientHeight).length") == 0


def test_a_job_has_two_lines_on_a_phone_and_its_details_in_a_fold(service: Service, new_tab: OpenTab) -> None:
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    service.installation.jobs.run(OPERATOR, "seal")
    tab.go("/jobs")

    lines = tab.page.evaluate(_LINES, ".jobs tbody tr")
    assert len(lines) == len(service.installation.jobs.states())
    assert max(lines) <= 2, lines
    sealing = tab.page.locator("#seal")
    assert "seal new events" not in sealing.inner_text()
    sealing.locator("summary").press("Enter")
    assert "seal new events" in sealing.inner_text()
    assert "5 minutes" in sealing.inner_text()
    assert not tab.faults("jobs")


def test_the_ports_of_a_probe_fit_on_a_phone(service: Service, new_tab: OpenTab) -> None:
    service.installation.issuance.issue(OPERATOR, [_long_request()], Options())
    for options in ({}, {"java_script_enabled": False}):
        tab = new_tab(viewport=NARROW, **options)
        if not options:
            tab.set_up(service.set_up_url())
        else:
            tab.sign_in()
        tab.go("/probe")
        tab.page.fill("#hosts", f"{_LONG}:8443")
        tab.page.click("text=Look >> visible=true")
        tab.page.wait_for_selector("text=Back")
        assert tab.overhang(".table") == 0
    assert tab.page.locator("tbody th").inner_text() == _LONG  # which DNS does not know


def test_a_file_of_a_result_has_its_name_and_one_line_of_buttons_on_a_phone(service: Service, new_tab: OpenTab) -> None:
    csrs = [each.data for each in THREE_NODES]
    issued = service.installation.issuance.issue(OPERATOR, csrs, Options()).certificates
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    tab.go("/issued?" + "&".join(f"serial={each.serial_number}" for each in issued))

    lines = tab.page.evaluate(_LINES, "main .actions:has(code)")
    assert len(lines) == 5  # root, intermediate, three nodes
    assert max(lines) == 2, lines
    assert not tab.faults("result")


def test_the_preview_of_a_revocation_is_on_the_screen_of_a_phone(service: Service, new_tab: OpenTab) -> None:
    (issued,) = service.installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options()).certificates
    tab = new_tab(viewport=NARROW)
    tab.set_up(service.set_up_url())
    tab.go(f"/revoke?serial={issued.serial_number}")
    tab.page.check("input[value=superseded]")
    tab.page.click("text=Preview the effect")
    expect(tab.page.get_by_text("become invalid")).to_be_in_viewport()
