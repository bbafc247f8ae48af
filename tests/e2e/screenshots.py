"""Screenshots from a throwaway installation: of the result page for the README, or of every page.

`python -m tests.e2e.screenshots` writes docs/images/result-light.png and result-dark.png.
`python -m tests.e2e.screenshots FOLDER` writes every page in both colour schemes, wide and narrow, to FOLDER.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.issuance.examination import Options
from tests.e2e.conftest import ARGUMENTS, find_chromium
from tests.e2e.service import Service, serving
from tests.e2e.tab import NARROW, WIDE, Scheme, Tab
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
_README: Final = ViewportSize(width=1280, height=732)
_NODES: Final = tuple(
    NodeInput(fqdn, product, "11.5", role)
    for fqdn, product, role in (
        ("uccx1.example.com", "uccx", "publisher"),
        ("uccx2.example.com", "uccx", "subscriber"),
    )
)
PATHS: Final = {
    "overview": "/",
    "new": "/sign",
    "result": "/issued?{result}",
    "certificates": "/certificates",
    "certificates-no-match": "/certificates?q=nowhere",
    "certificates-wrong-filter": "/certificates?q=status:odd",
    "certificate": "/certificates/{serial}",
    "expiry": "/certificates/expiry",
    "revoke": "/revoke?serial={serial}",
    "revoke-preview": "/revoke?serial={serial}&reason=keyCompromise",
    "requests": "/requests?state=all",
    "request": "/requests/{request}",
    "clusters": "/clusters",
    "cluster-new": "/clusters/new",
    "cluster": "/clusters/{cluster}",
    "runbook": "/clusters/{cluster}/runbook",
    "fit": "/fit",
    "agents": "/agents",
    "products": "/products",
    "product": "/products?product=uccx",
    "public-cas": "/public-cas",
    "questions": "/questions",
    "messages": "/messages",
    "authority": "/authority",
    "notices": "/notices",
    "notices-sent": "/notices/messages",
    "jobs": "/jobs",
    "audit": "/audit",
    "account": "/account",
    "tokens": "/account/tokens",
    "sign-in-settings": "/account/sign-in",
    "people": "/account/people",
    "person": "/account/people/requester",
    "api": "/api",
    "trust": "/ca/",
    "not-found": "/nowhere",
    "confirm": "/confirm",
}


def main(folder: Path | None) -> None:
    """Take the screenshots for the README, or those of every page into this folder."""
    with TemporaryDirectory() as place, serving(Path(place)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        values = furnish(service)
        schemes: tuple[Scheme, ...] = ("light", "dark")
        for scheme in schemes:
            if folder is None:
                page = _signed_in(browser, service, scheme, _README)
                page.goto(service.url + PATHS["result"].format_map(values))
                IMAGES.mkdir(exist_ok=True)
                page.screenshot(path=IMAGES / f"result-{scheme}.png")
            else:
                _every_page(_signed_in(browser, service, scheme, WIDE), service, values, folder / f"{scheme}-wide")
                _every_page(_signed_in(browser, service, scheme, NARROW), service, values, folder / f"{scheme}-narrow")
        browser.close()


def furnish(service: Service) -> Mapping[str, object]:
    """Fill the installation with accounts, certificates and a cluster; return the values for the URLs."""
    installation = service.installation
    for role in (Role.REQUESTER, Role.ADMINISTRATOR):
        installation.accounts.create(OPERATOR, role.value, role, PASSWORD)
    cluster = installation.fleet.create(OPERATOR, "Contact centre", _NODES)
    issued = installation.issuance.issue(OPERATOR, [each.data for each in THREE_NODES], Options())
    serials = [record.serial_number for record in issued.certificates]
    return {
        "serial": serials[0],
        "result": urlencode({"serial": serials}, doseq=True),
        "cluster": cluster.id,
        "request": 1,
    }


def _signed_in(browser: Browser, service: Service, scheme: Scheme, viewport: ViewportSize) -> Page:
    page = browser.new_page(color_scheme=scheme, viewport=viewport, base_url=service.url)
    Tab(page, service.url).sign_in("administrator")
    return page


def _every_page(page: Page, service: Service, values: Mapping[str, object], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in PATHS.items():
        page.goto(service.url + path.format_map(values))
        page.screenshot(path=folder / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
