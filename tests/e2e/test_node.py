"""A certificate on three emulated nodes, from the board to a verified slot, in a browser."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Playwright, expect
from playwright.sync_api import Error as PlaywrightError

from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.nodes import NodeInput
from ca_service.lab.node import LabNode
from ca_service.lab.serving import Ports
from ca_service.lab.serving import cluster as serving_nodes
from ca_service.pki import encodings
from ca_service.vos.certificate_api import SNAPSHOT
from tests.e2e.conftest import ARGUMENTS, chromium_path
from tests.e2e.service import Service, serving
from tests.e2e.tab import Tab, open_tab
from tests.support.factories import OPERATOR
from tests.support.programs import find
from tests.support.request_records import NOBODY_WAITS

PASSWORD: Final = "a password of the lab"
HOSTS: Final = ("cucm-pub.localhost", "cucm-sub.localhost", "imp1.localhost")
NODES: Final = (
    NodeInput(HOSTS[0], "cucm", "15", "publisher"),
    NodeInput(HOSTS[1], "cucm", "15", "subscriber"),
    NodeInput(HOSTS[2], "imp", "15", "publisher"),
)
HERE: Final = {"CA_SERVICE_PROBE__NETWORKS": "127.0.0.0/8", "CA_SERVICE_PROBE__API_PORTS": ""}


@dataclass(frozen=True, slots=True)
class Lab:
    """A service with a cluster, and its emulated nodes on this machine."""

    service: Service
    nodes: tuple[LabNode, ...]
    ports: tuple[Ports, ...]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Three nodes with self-signed certificates, the first the publisher of the others."""
    nodes = tuple(
        LabNode(host, PASSWORD, now=lambda: datetime.now(UTC), stopwatch=time.monotonic, replication_seconds=0.0)
        for host in HOSTS
    )
    with ExitStack() as stack:
        ports = stack.enter_context(serving_nodes(nodes))
        service = stack.enter_context(serving(tmp_path, {**NOBODY_WAITS, **HERE}))
        service.installation.fleet.create(OPERATOR, "Phones", NODES)
        yield Lab(service, nodes, ports)


def card(tab: Tab, host: str) -> Locator:
    """The slot of a node on the board."""
    return tab.page.locator(".slot").filter(has=tab.page.get_by_role("heading", name=host))


def begin(tab: Tab, host: str, ports: Ports) -> None:
    """From the board to the first contact."""
    tab.go("/clusters/1")
    card(tab, host).get_by_role("link", name="Do it for me").click()
    tab.page.fill("#port", str(ports.api))
    tab.page.click("summary:text-is('Options')")
    tab.page.fill("#probe_ports", str(ports.served))
    tab.page.click("text=Contact the node")
    tab.page.wait_for_selector("#presented")


def plan(tab: Tab) -> None:
    """From the first contact to the plan."""
    if tab.page.locator("[name=compared]").count():
        tab.page.check("[name=compared]")
    tab.page.fill("#user", "administrator")
    tab.page.fill("#password", PASSWORD)
    tab.page.click("text=Show the plan")
    tab.page.wait_for_selector("#changes")


def apply(tab: Tab) -> None:
    """From the plan to the end of the run."""
    tab.page.fill("#password", PASSWORD)
    tab.page.click("main button:text-is('Apply')")
    expect(tab.page.locator("text=The node has the certificate.")).to_be_visible()


def test_three_nodes_from_the_board_to_verified(browser: Browser, lab: Lab) -> None:
    with open_tab(browser, lab.service.url) as tab:
        tab.set_up(lab.service.set_up_url())
        for node, ports in zip(lab.nodes, lab.ports, strict=True):
            begin(tab, node.host, ports)
            plan(tab)
            apply(tab)
            expect(tab.page.locator("#left")).to_be_visible()
            expect(tab.page.locator("main")).to_contain_text("utils service restart Cisco Tomcat")
            node.restart()
            tab.page.click("text=See what the node presents")
            expect(tab.page.locator("main")).to_contain_text(
                "Every EC certificate that is presented is the one from here."
            )
            tab.page.click("main a.button:text-is('To the board')")
            expect(card(tab, node.host).locator(".state").first).to_have_text("verified")
        begin(tab, HOSTS[0], lab.ports[0])
        expect(tab.page.locator("main")).to_contain_text("It was issued here, is valid, and names this host.")
        plan(tab)
        expect(tab.page.locator("#changes ~ p")).to_have_text("None: the node has its certificate.")


def test_the_pages_are_usable_by_everybody(browser: Browser, lab: Lab) -> None:
    faults = list[str]()
    with open_tab(browser, lab.service.url) as tab:
        tab.set_up(lab.service.set_up_url())
        begin(tab, HOSTS[0], lab.ports[0])
        tab.unfold()
        faults += tab.faults("contact")
        plan(tab)
        faults += tab.faults("plan")
        apply(tab)
        expect(tab.page.locator("#left")).to_be_visible()
        faults += tab.faults("run")
        tab.go("/clusters/1/nodes/1/certificate")
        tab.unfold()
        faults += tab.faults("start")
    assert faults == []


def test_chromium_opens_the_node_without_a_warning_once_it_trusts_the_root(
    playwright: Playwright, lab: Lab, tmp_path: Path
) -> None:
    driven(lab, 0)
    lab.nodes[0].restart()
    certificates = tmp_path / "home" / ".pki" / "nssdb"  # of the user, where Chromium looks on Linux
    certificates.mkdir(parents=True)
    nss(certificates, "-N", "--empty-password")
    address = f"https://{HOSTS[0]}:{lab.ports[0].api}{SNAPSHOT}"
    with pytest.raises(PlaywrightError, match="ERR_CERT_AUTHORITY_INVALID"):
        opened(playwright, address, tmp_path / "home")

    root = tmp_path / "root.pem"
    root.write_bytes(encodings.pem(lab.service.installation.hierarchy.active().chain[-1]))
    nss(certificates, "-A", "-n", "root", "-t", "C,,", "-i", str(root))
    assert HOSTS[0] in opened(playwright, address, tmp_path / "home")


def driven(lab: Lab, number: int) -> None:
    """Put a certificate on a node."""
    driver, credentials = lab.service.installation.node_driver, Credentials("administrator", PASSWORD)
    contact = driver.contact(OPERATOR, f"{HOSTS[number]}:{lab.ports[number].api}").pinned()
    plan = driver.plan(OPERATOR, contact, credentials, Order())
    driver.apply(OPERATOR, contact, credentials, Order(), plan.keys).finish()


def nss(folder: Path, *arguments: str) -> None:
    """Change the certificates of a user, as the trust page says."""
    subprocess.run([find("certutil"), "-d", f"sql:{folder}", *arguments], check=True, capture_output=True)


def opened(playwright: Playwright, address: str, home: Path) -> str:
    """The text of a page of the node, in a browser of a user with this home, which checks certificates as usual."""
    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(home)}
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS, env=environment)
    try:
        context = browser.new_context(http_credentials={"username": "administrator", "password": PASSWORD})
        page = context.new_page()
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 200
        return page.inner_text("body")
    finally:
        browser.close()
