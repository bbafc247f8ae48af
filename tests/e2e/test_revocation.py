"""Revoking in a real browser: from a request to the list that relying parties fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from cryptography import x509
from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from tests.e2e.service import Service, serving
from tests.e2e.tab import open_tab
from tests.e2e.test_decisions import open_request, submit
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Service]:
    """A service with the rules of the defaults, a requester, and an approver."""
    with serving(tmp_path, {}) as service:
        for role in (Role.REQUESTER, Role.APPROVER):
            service.installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
        yield service


@pytest.fixture
def issued(tmp_path: Path) -> Iterator[Service]:
    """Serve three certificates and a user who may revoke them."""
    with serving(tmp_path) as service:
        service.installation.accounts.create(OPERATOR, "approver", Role.APPROVER, PASSWORD)
        service.installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
        yield service


def listed(service: Service) -> set[int]:
    """The serial numbers in the revocation list, fetched as everybody does."""
    with urlopen(f"{service.url}/ca/intermediate-g1.crl") as answer:  # noqa: S310 - our own address
        return {entry.serial_number for entry in x509.load_der_x509_crl(answer.read())}


def test_from_the_request_over_its_approval_and_its_revocation_to_the_list(
    browser: Browser, house: Service, requests: tuple[Path, ...]
) -> None:
    assert listed(house) == set()
    with open_tab(browser, house.url) as requester, open_tab(browser, house.url) as approver:
        requester.sign_in("requester")
        submit(requester, requests[2:])
        expect(requester.page.locator("h1 .state")).to_have_text("waiting for approval")

        approver.sign_in("approver")
        approver.page.click("nav >> text=Requests")
        open_request(approver, "sm1.example.com")
        approver.page.keyboard.type("aa")
        expect(approver.page.locator("h1 .state")).to_have_text("issued")

        approver.go("/certificates?q=sm1")
        approver.page.click("th >> text=sm1.example.com")
        serial = int(approver.page.url.rpartition("/")[2], 16)
        approver.page.click("text=Revoke …")
        approver.page.check("input[value=keyCompromise]")
        approver.page.fill("#note", "laptop lost")
        approver.page.click("text=Preview the effect")
        expect(approver.page.locator("main")).to_contain_text("This cannot be undone.")
        approver.page.fill("#confirmation", "sm1.example.com")
        approver.page.click("text=Revoke permanently")
        expect(approver.page.locator("main")).to_contain_text("Clients that check revocation reject it")
        expect(approver.page.locator("main")).to_contain_text("laptop lost")
    assert listed(house) == {serial}


def test_the_pages_of_a_revocation_keep_nobody_out(browser: Browser, issued: Service) -> None:
    serials = [
        each.serial_number
        for each in issued.installation.issuance.issue(
            OPERATOR, [each.data for each in THREE_NODES], Options()
        ).certificates
    ]
    faults = []
    with open_tab(browser, issued.url) as tab:
        tab.sign_in("approver")
        for name, path in (
            ("choose", f"/revoke?serial={serials[0]}"),
            ("several", f"/revoke?serial={serials[0]}&serial={serials[1]}&reason=keyCompromise"),
            ("unknown", "/revoke?host=nobody"),
        ):
            tab.go(path)
            faults += tab.faults(name)
        tab.go(f"/revoke?serial={serials[0]}&reason=certificateHold")
        tab.page.fill("#confirmation", "uccx1.example.com")
        tab.page.click("text=Put on hold")
        for name, path in (("held", f"/certificates/{serials[0]}"), ("release", f"/release?serial={serials[0]}")):
            tab.go(path)
            faults += tab.faults(name)
    assert faults == []
