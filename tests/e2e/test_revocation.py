"""Revoking in a real browser: from the page of a certificate to the list that relying parties fetch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import pytest
from cryptography import x509
from playwright.sync_api import Browser, ViewportSize, expect

from ca_service.authority.permissions import Role
from ca_service.authority.registration import Options
from tests.e2e.service import Service, serving
from tests.e2e.tab import NARROW, WIDE, open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES

Scheme = Literal["light", "dark"]


@pytest.fixture
def issued(tmp_path: Path) -> Iterator[Service]:
    """A service with three certificates and somebody who may revoke them."""
    with serving(tmp_path) as service:
        service.installation.accounts.create(OPERATOR, "approver", Role.APPROVER, PASSWORD)
        service.installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
        yield service


def listed(service: Service) -> set[int]:
    """The serial numbers in the revocation list, fetched as everybody does."""
    with urlopen(f"{service.url}/ca/intermediate-g1.crl") as answer:  # noqa: S310 - our own address
        return {entry.serial_number for entry in x509.load_der_x509_crl(answer.read())}


def test_from_the_certificate_to_the_list(browser: Browser, issued: Service) -> None:
    assert listed(issued) == set()
    with open_tab(browser, issued.url) as tab:
        tab.sign_in("approver")
        tab.go("/certificates?q=sm1")
        tab.page.click("th >> text=sm1.example.com")
        tab.page.click("text=Revoke …")
        tab.page.check("input[value=keyCompromise]")
        tab.page.fill("#note", "laptop lost")
        tab.page.click("text=See what follows")
        expect(tab.page.locator("main")).to_contain_text("This cannot be undone.")
        tab.page.fill("#confirmation", "sm1.example.com")
        tab.page.click("text=Revoke for good")
        expect(tab.page.locator("main")).to_contain_text("nobody who checks accepts it")
        expect(tab.page.locator("main")).to_contain_text("laptop lost")
        serial = int(tab.page.url.rpartition("/")[2], 16)
    assert listed(issued) == {serial}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_pages_of_a_revocation_keep_nobody_out(
    browser: Browser, issued: Service, tmp_path: Path, scheme: Scheme, viewport: ViewportSize
) -> None:
    serials = [
        each.serial_number
        for each in issued.installation.issuance.issue(
            OPERATOR, [each.data for each in THREE_NODES], Options()
        ).certificates
    ]
    faults = []
    with open_tab(browser, issued.url, color_scheme=scheme, viewport=viewport) as tab:
        tab.sign_in("approver")
        for name, path in (
            ("choose", f"/revoke?serial={serials[0]}"),
            ("several", f"/revoke?serial={serials[0]}&serial={serials[1]}&reason=keyCompromise"),
            ("unknown", "/revoke?host=nobody"),
        ):
            tab.go(path)
            faults += [f"{name}: {fault}" for fault in (*tab.accessibility_faults(), *tab.overhangs())]
            tab.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        tab.go(f"/revoke?serial={serials[0]}&reason=certificateHold")
        tab.page.fill("#confirmation", "uccx1.example.com")
        tab.page.click("text=Put on hold")
        for name, path in (("held", f"/certificates/{serials[0]}"), ("release", f"/release?serial={serials[0]}")):
            tab.go(path)
            faults += [f"{name}: {fault}" for fault in (*tab.accessibility_faults(), *tab.overhangs())]
            tab.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    assert faults == []
