"""Two people and two requests in a browser: one is approved with a key, the other is refused with a note."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.placement import Placement
from ca_service.authority.issuance.examination import Options
from ca_service.vos.purposes import TOMCAT_ECDSA
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service, serving
from tests.e2e.tab import NARROW, WIDE, Tab, open_tab
from tests.e2e.test_cluster import create_cluster, new_request, slot
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.fleet import CONTACT_CENTRE
from tests.support.requests import CUCM_MULTI, SOCIALMINER, UCCX_SUBSCRIBER


@pytest.fixture
def deciding(tmp_path: Path) -> Iterator[Service]:
    """A service with the rules of the defaults, and an account of each role but the administrator."""
    with serving(tmp_path, {}) as service:
        for role in (Role.REQUESTER, Role.APPROVER, Role.AUDITOR):
            service.installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
        yield service


@pytest.fixture
def new_tab(browser: Browser, deciding: Service) -> Iterator[OpenTab]:
    """Opens windows on it, and sees to it at the end that none of them has complained."""
    with ExitStack() as stack:

        def make(**options: Any) -> Tab:
            return stack.enter_context(open_tab(browser, deciding.url, **options))

        yield make


def submit(tab: Tab, files: tuple[Path, ...]) -> None:
    """Submit requests on the page for new certificates."""
    tab.go("/")
    tab.page.set_input_files("#csr", files)
    tab.page.wait_for_selector(".request")
    tab.page.click(f"text=Submit {len(files)} request")


def open_request(tab: Tab, host: str) -> None:
    """Open a request that waits, and wait until its keys work."""
    tab.page.click(f"text={host}")
    tab.page.wait_for_selector(".decide [data-keys]")


def test_one_is_approved_and_the_other_refused_by_key(
    new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    requester, approver = new_tab(), new_tab()
    requester.sign_in("requester")
    approver.sign_in("approver")

    submit(requester, requests[:2])
    expect(requester.page.locator("[role=status]").first).to_contain_text("2 requests are waiting for approval.")

    approver.page.click("nav >> text=Requests")
    expect(approver.page.locator(".waiting")).to_have_text("2 requests are waiting for a decision")
    approver.page.wait_for_selector("[data-keys]")
    approver.page.keyboard.press("j")
    expect(approver.page.locator("a:focus")).to_have_text("uccx1.example.com")
    approver.page.keyboard.press("j")
    approver.page.keyboard.press("k")
    approver.page.keyboard.press("Enter")
    approver.page.wait_for_selector(".decide [data-keys]")
    approver.page.keyboard.type("aa")
    expect(approver.page.locator("h1 .state")).to_have_text("issued")

    open_request(approver, "Next: uccx2.example.com")
    approver.page.keyboard.press("r")
    expect(approver.page.locator("#note")).to_be_focused()
    approver.page.keyboard.type("rather ask again, with the agents' name")  # a, r and the like are letters now
    expect(approver.page.locator("#note")).to_have_value("rather ask again, with the agents' name")
    approver.page.keyboard.press("Tab")
    approver.page.keyboard.press("Enter")
    expect(approver.page.locator("h1 .state")).to_have_text("refused")

    requester.page.click("nav >> text=Requests")
    requester.page.click("text=uccx1.example.com")
    expect(requester.page.locator(".timeline")).to_contain_text("Approved by approver")
    bundle = requester.save("text=Download the bundle", tmp_path)
    assert "3-uccx1.example.com.tomcat-ECDSA.pem" in zipfile.ZipFile(bundle).namelist()
    requester.page.click("nav >> text=Requests")
    requester.page.click("text=uccx2.example.com")
    expect(requester.page.locator(".written")).to_have_text("rather ask again, with the agents' name")


def test_keys_do_nothing_while_somebody_types_or_holds_a_modifier(new_tab: OpenTab, requests: tuple[Path, ...]) -> None:
    requester, approver = new_tab(), new_tab()
    requester.sign_in("requester")
    submit(requester, requests[:1])
    approver.sign_in("approver")
    approver.go("/requests/1")
    approver.page.wait_for_selector(".decide [data-keys]")
    approver.page.keyboard.press("Control+a")
    approver.page.keyboard.press("r")
    approver.page.keyboard.press("a")
    expect(approver.page.locator("#note")).to_have_value("a")
    approver.page.keyboard.press("Escape")
    expect(approver.page.locator("#note")).not_to_be_focused()
    expect(approver.page.locator("h1 .state")).to_have_text("waiting for approval")


def test_the_first_a_only_says_what_the_second_does_and_is_forgotten(
    new_tab: OpenTab, requests: tuple[Path, ...]
) -> None:
    requester, approver = new_tab(), new_tab()
    requester.sign_in("requester")
    submit(requester, requests)
    approver.sign_in("approver")
    approver.page.clock.install()
    approver.go("/requests/decide?request=1&request=2&request=3")
    approver.page.wait_for_selector(".decide [data-keys]")
    for _ in range(2):  # alone it never sends
        approver.page.keyboard.press("a")
        expect(approver.page.locator(".armed")).to_have_text("Approve all 3")
        expect(approver.page.locator("#said")).to_have_text("Press a again to approve")
        approver.page.clock.run_for(3001)
        expect(approver.page.locator(".armed")).to_have_count(0)
    approver.page.keyboard.type("aa")
    expect(approver.page.locator("[role=status]").first).to_contain_text("3 requests are decided.")


def test_all_of_it_works_without_javascript(new_tab: OpenTab, requests: tuple[Path, ...]) -> None:
    requester, approver = (new_tab(java_script_enabled=False) for _ in range(2))
    requester.sign_in("requester")
    requester.page.set_input_files("#csr", requests[2])
    requester.page.click("#check")
    requester.page.click("text=Submit 1 request")
    approver.sign_in("approver")
    approver.page.click("nav >> text=Requests")
    assert not approver.page.locator("[data-keys]").first.is_visible()  # what does not work is not announced
    approver.page.click("text=sm1.example.com")
    approver.page.click("text=Approve and sign")
    assert approver.page.inner_text("h1 .state") == "issued"


def test_a_board_waits_and_shows_the_certificate_by_itself(new_tab: OpenTab, requests: tuple[Path, ...]) -> None:
    requester, approver = new_tab(), new_tab()
    requester.sign_in("requester")
    create_cluster(requester)
    requester.page.wait_for_load_state("load")
    requester.page.set_input_files("#csr", requests[:1])
    requester.page.wait_for_selector(".request")
    requester.page.click("text=Submit 1 request")
    card = slot(requester, "uccx1.example.com")
    expect(card.locator(".state").first).to_have_text("waiting for approval")
    approver.sign_in("approver")
    approver.go("/requests")
    open_request(approver, "uccx1.example.com")
    approver.page.keyboard.type("aa")
    expect(approver.page.locator("h1 .state")).to_have_text("issued")
    requester.page.reload()
    expect(card.locator(".state").first).to_have_text("issued")


@pytest.mark.parametrize("scripts", [True, False])
def test_requests_side_by_side_are_lines_on_a_phone(new_tab: OpenTab, deciding: Service, scripts: bool) -> None:
    who = deciding.installation.accounts.get("requester").actor
    deciding.installation.issuance.issue(who, [UCCX_SUBSCRIBER.data, SOCIALMINER.data, CUCM_MULTI.data], Options())
    tab = new_tab(viewport=NARROW, java_script_enabled=scripts)
    tab.sign_in("approver")
    tab.go("/requests/decide?request=1&request=2&request=3")

    assert tab.overhang(".table") == 0
    hosts = ["uccx2.example.com", "sm1.example.com", "cucm1.example.com"]
    names = tab.page.locator("tr", has_text="DNS").locator("td")
    assert names.evaluate_all("all => all.map(each => each.dataset.label)") == hosts
    assert len(set(names.evaluate_all("all => all.map(each => each.getBoundingClientRect().left)"))) == 1
    assert tab.page.locator("thead a").all_inner_texts() == hosts


def test_many_requests_can_be_decided_without_scrolling(new_tab: OpenTab, deciding: Service) -> None:
    who = deciding.installation.accounts.get("requester").actor
    deciding.installation.issuance.issue(who, [UCCX_SUBSCRIBER.data, SOCIALMINER.data, CUCM_MULTI.data], Options())
    tab = new_tab(viewport=WIDE)
    tab.sign_in("approver")
    tab.go("/requests/decide?request=1&request=2&request=3")
    place = tab.page.get_by_role("button", name="Approve all 3").bounding_box()
    assert place
    assert place["y"] + place["height"] <= WIDE["height"]


def test_the_pages_of_decisions_keep_nobody_out(browser: Browser, deciding: Service, tmp_path: Path) -> None:
    who = deciding.installation.accounts.get("requester").actor
    issue, requests = deciding.installation.issuance.issue, deciding.installation.requests
    issue(OPERATOR, [SOCIALMINER.data], Options())
    changed = new_request(tmp_path)
    issue(who, [changed.read_bytes()], Options(), "")  # 2: another key and other names
    fleet = deciding.installation.fleet
    cluster = fleet.create(OPERATOR, "Contact centre", CONTACT_CENTRE)
    placement = Placement(UCCX_SUBSCRIBER.data, cluster.nodes[1].id, TOMCAT_ECDSA.service, is_multi_server=False)
    fleet.sign(who, cluster.id, [placement], Options())  # 3
    issue(who, [CUCM_MULTI.data], Options())  # 4
    requests.refuse(OPERATOR, 4, "The publisher has another name since June.\nMake a new CSR there.")
    with open_tab(browser, deciding.url) as tab:
        tab.sign_in("approver")
        faults = list[str]()
        for name, path in (
            ("queue", "/requests"),
            ("all-requests", "/requests?state=all"),
            ("nothing-matches", "/requests?q=nowhere"),
            ("side-by-side", "/requests/decide?request=2&request=3&request=4"),
            ("request-waiting", "/requests/2"),
            ("submission", "/requests/1/submission"),
            ("submission-waiting", "/requests/2/submission"),
            ("request-by-rule", "/requests/1"),
            ("request-refused", "/requests/4"),
            ("board", f"/clusters/{cluster.id}?waiting=1"),
        ):
            tab.go(path)
            faults += tab.faults(name)
        tab.go("/requests/3")
        tab.page.wait_for_selector(".decide [data-keys]")
        tab.page.keyboard.type("aa")
        expect(tab.page.locator("h1 .state")).to_have_text("issued")
        faults += tab.faults("request-issued")
        tab.sign_out()
        tab.sign_in("requester")
        for name, path in (("own", "/requests?submitted=2"), ("own-request", "/requests/2?submitted=1")):
            tab.go(path)
            faults += tab.faults(name)
        tab.go("/")
        tab.page.set_input_files("#csr", changed)
        tab.page.wait_for_selector(".request")
        faults += tab.faults("own-review")
    assert not faults, "\n".join(faults)
