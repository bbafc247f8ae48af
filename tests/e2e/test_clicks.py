"""Five tasks of five people in a browser, each with the number of clicks that it takes from the first page on.

A click is a press on a button, a link or a checkbox, or choosing files; typing counts nothing, nor does signing in.
docs/operating/performance.md has the same numbers.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, expect

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from tests.e2e.conftest import OpenTab
from tests.e2e.service import Service, serving
from tests.e2e.tab import Tab, open_tab, saved
from tests.support import pkcs10
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES, node

_WINDOWS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
)
_TABLE: Final = Path(__file__).parents[2] / "docs/operating/performance.md"


@dataclass(slots=True)
class Walk:
    """A person at a window, who counts the clicks."""

    tab: Tab
    clicks: int = 0

    def click(self, name: str, role: str = "link") -> None:
        """Press what has this name."""
        self.tab.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.clicks += 1

    def choose(self, files: Sequence[Path]) -> None:
        """Choose CSRs, and wait for their review."""
        self.tab.page.set_input_files("#csr", files)
        self.clicks += 1
        self.tab.page.wait_for_selector(".request")

    def save(self, name: str, folder: Path) -> Path:
        """Press a link that is downloaded; the file."""
        with self.tab.page.expect_download() as started:
            self.click(name)
        return saved(started.value, folder)


def allowed(task: str) -> int:
    """Return the number of clicks that the documentation promises for a task."""
    found = re.search(rf"^\| {re.escape(task)} \|.*\| (\d+) \|$", _TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, task
    return int(found[1])


def leaves(bundle: Path) -> set[str]:
    """The hosts whose certificates are in a ZIP."""
    names = zipfile.ZipFile(bundle).namelist()
    return {found[1] for name in names if (found := re.search(r"3-(.+)\.tomcat-ECDSA\.pem$", name))}


def test_an_administrator_gets_the_first_bundle(
    service: Service, new_tab: OpenTab, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    walk = Walk(new_tab())
    walk.tab.go(service.set_up_url())
    for field, text in (("#name", "vera"), ("#password", PASSWORD), ("#repeated", PASSWORD)):
        walk.tab.page.fill(field, text)
    walk.click("Create administrator", "button")
    walk.choose(requests)
    walk.click("Sign 3 certificates", "button")
    bundle = walk.save("Download 3-certificates.zip", tmp_path)
    assert leaves(bundle) == {"uccx1.example.com", "uccx2.example.com", "sm1.example.com"}
    assert walk.clicks <= allowed("From the set-up link to the first bundle")


def test_a_requester_submits_three_an_approver_approves_and_one_zip_comes_home(
    browser: Browser, requests: tuple[Path, ...], tmp_path: Path
) -> None:
    with serving(tmp_path, {}) as service:
        for role in (Role.REQUESTER, Role.APPROVER):
            service.installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
        with open_tab(browser, service.url) as first, open_tab(browser, service.url) as second:
            requester, approver = Walk(first), Walk(second)
            first.sign_in("requester")
            requester.choose(requests)
            requester.click("Submit 3 requests", "button")
            second.sign_in("approver")
            approver.click("Review")
            approver.click("Decide on all 3")
            approver.click("Approve all 3", "button")
            expect(second.page.locator("[role=status]").first).to_contain_text("3 requests are decided.")
            requester.click("Requests")
            requester.click("Download together")
            bundle = requester.save("Download 3 bundles in one ZIP", tmp_path)
    assert leaves(bundle) == {"uccx1.example.com", "uccx2.example.com", "sm1.example.com"}
    assert requester.clicks <= allowed("Submit three CSRs, and download their bundles once they are approved")
    assert approver.clicks <= allowed("Approve the three")


def test_an_auditor_finds_an_event_and_verifies_the_log(service: Service, new_tab: OpenTab, tmp_path: Path) -> None:
    service.installation.accounts.create(OPERATOR, "auditor", Role.AUDITOR, PASSWORD)
    service.installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
    walk = Walk(new_tab())
    walk.tab.sign_in("auditor")
    walk.tab.page.locator("main").get_by_role("link", name="Audit log").click()
    walk.clicks += 1
    file = walk.save("Download all events", tmp_path)
    walk.tab.page.fill("#q", "uccx1")
    walk.click("Show", "button")
    expect(walk.tab.page.locator(".events > li")).to_have_count(1)
    expect(walk.tab.page.locator(".events > li")).to_contain_text("uccx1.example.com")
    command = [sys.executable, "-c", "from ca_service.app import main; main()", "audit", "verify", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert walk.clicks <= allowed("Find an event, and download the log to verify it")


def test_an_operator_sees_what_expires_and_renews_it(service: Service, new_tab: OpenTab, tmp_path: Path) -> None:
    service.installation.accounts.create(OPERATOR, "approver", Role.APPROVER, PASSWORD)
    plain = Options(profile="server", validity_days=25)
    for name in ("web1", "web2"):
        recipe = node(
            f"{name}.example.com", f"{name}.example.com", bits=("digitalSignature",), purposes=("serverAuth",)
        )
        service.installation.issuance.issue(OPERATOR, [pkcs10.pem(recipe.der())], plain)
    service.clock.ahead = timedelta(days=14)
    walk = Walk(new_tab())
    walk.tab.sign_in("approver")
    walk.click("Renew all 2 certificates expire soon")
    walk.click("Renew 2 certificates", "button")
    bundle = walk.save("Download 2-certificates.zip", tmp_path)
    assert {"web1.example.com", "web2.example.com"} <= {
        name.split("/")[0] for name in zipfile.ZipFile(bundle).namelist()
    }
    assert walk.clicks <= allowed("See what expires, renew two plain servers, download the bundles")


def test_an_agents_computer_gets_the_root_from_the_trust_page(new_tab: OpenTab, tmp_path: Path) -> None:
    walk = Walk(new_tab(user_agent=_WINDOWS))
    walk.tab.go("/ca/")
    expect(walk.tab.page.locator(".tabs [aria-current]")).to_contain_text("Windows")
    root = walk.tab.page.locator("#install ol.steps a.button").first.inner_text()
    assert walk.save(root, tmp_path).read_bytes()
    assert walk.clicks <= allowed("Get the root on the computer of an agent")
