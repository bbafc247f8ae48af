"""An auditor in a browser: opens the record, narrows it down, takes it home, and has it checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service
from tests.e2e.tab import open_tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES


@pytest.fixture
def busy(service: Service) -> Service:
    """A service with an auditor, where something has happened."""
    installation = service.installation
    installation.accounts.create(OPERATOR, "auditor", Role.AUDITOR, PASSWORD)
    installation.issuance.issue(OPERATOR, [request.data for request in THREE_NODES], Options())
    installation.sealing.seal_pending()
    return service


def test_an_auditor_reads_narrows_down_copies_and_downloads(busy: Service, new_tab: OpenTab, tmp_path: Path) -> None:
    tab = new_tab()
    tab.sign_in("auditor")
    menu = tab.page.get_by_role("navigation", name="Main")
    menu.get_by_text("Admin").click()
    menu.get_by_role("link", name="Audit log").click()
    events = tab.page.locator(".events > li")
    expect(events.first).to_contain_text("auditor signed in.")
    expect(events.first).to_contain_text("not sealed yet")

    tab.page.select_option("#event", "certificates")
    tab.page.fill("#q", "uccx")
    tab.page.get_by_role("button", name="Show").click()
    expect(events).to_have_count(2)
    assert "event=certificates" in tab.page.url
    events.first.locator("summary").click()
    expect(events.first).to_contain_text("certificate.issued")

    tab.page.get_by_role("button", name="Copy").click()
    head = busy.installation.audit_log.head(OPERATOR)
    assert head is not None
    assert tab.page.evaluate("navigator.clipboard.readText()") == f"{head.anchor.number}:{head.anchor.hash}"

    part = tab.save("text=Download these", tmp_path)
    tab.page.get_by_role("link", name="Show all events").click()
    whole = tab.save("a:text-is('Download all events')", tmp_path)
    for file in (part, whole):
        command = [sys.executable, "-c", "from ca_service.app import main; main()", "audit", "verify", str(file)]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert told.returncode == 0, told.stderr
    events.filter(has_text="uccx1.example.com").get_by_role("link", name="was issued").click()
    expect(tab.page.get_by_role("heading", name="History")).to_be_visible()


def test_the_record_is_good_to_read_for_everybody(browser: Browser, busy: Service) -> None:
    with open_tab(browser, busy.url) as tab:
        tab.sign_in("auditor")
        for path in ("/audit", "/audit?event=certificates&q=uccx", "/audit?since=never", "/audit?q=nowhere"):
            tab.go(path)
            if tab.page.locator(".events").count():
                tab.page.locator(".events summary").first.click()
            assert tab.faults(path) == []
