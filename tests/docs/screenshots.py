"""Takes the screenshots of the README from a throwaway installation.

    python -m tests.docs.screenshots

Needs Debian's Chromium. The keys and certificates in the pictures are gone when it ends.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, sync_playwright

from tests.e2e.conftest import ARGUMENTS, CHROMIUM
from tests.e2e.service import Service, serving
from tests.e2e.tab import open_tab
from tests.support.factories import OPERATOR
from tests.support.requests import write_three_nodes

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
_VIEW: Final = {"width": 1200, "height": 760}


def take(browser: Browser, service: Service, folder: Path, scheme: Literal["light", "dark"]) -> Path:
    """Sign one CSR in a fresh browser window and save the result page as PNG; return its path."""
    with open_tab(browser, service.url, color_scheme=scheme, viewport=_VIEW) as tab:
        if service.installation.accounts.list_accounts(OPERATOR):
            tab.sign_in()
        else:
            tab.set_up(service.set_up_url())
        tab.page.set_input_files("#csr", write_three_nodes(folder / scheme)[:1])
        tab.page.wait_for_selector(".request")
        tab.page.click("text=Sign 1 certificate")
        tab.page.wait_for_url("**/issued?*")
        path = IMAGES / f"result-{scheme}.png"
        tab.page.screenshot(path=path)
    return path


def main() -> None:
    """Take both screenshots."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for scheme in ("light", "dark"):
            sys.stdout.write(f"{take(browser, service, Path(name), scheme)}\n")
        browser.close()


if __name__ == "__main__":
    main()
