"""A real browser, and services for it to visit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.e2e.service import Service, serving
from tests.e2e.tab import Tab, open_tab
from tests.support.programs import missing
from tests.support.requests import write_three_nodes

# The headless shell starts faster and takes half the time for a page; both are Debian's.
CHROMIUMS: Final = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
OpenTab = Callable[..., Tab]


def find_chromium() -> Path | None:
    """Return the first Chromium that is installed."""
    return next((path for path in CHROMIUMS if path.exists()), None)


def chromium_path() -> Path:
    """Return the Chromium; without one a test is left out, unless all tests were asked for."""
    return find_chromium() or missing("Chromium is not installed: apt-get install chromium")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """The driver of Chromium; it needs libraries that come with Chromium, so that one is looked for first."""
    chromium_path()
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium."""
    browser = playwright.chromium.launch(executable_path=chromium_path(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Serve an installation without an administrator."""
    with serving(tmp_path) as service:
        yield service


@pytest.fixture
def new_tab(browser: Browser, service: Service) -> Iterator[OpenTab]:
    """Opens windows, and sees to it at the end that none of them has complained."""
    with ExitStack() as stack:

        def make(**options: Any) -> Tab:
            return stack.enter_context(open_tab(browser, service.url, **options))

        yield make


@pytest.fixture
def requests(tmp_path: Path) -> tuple[Path, ...]:
    """The requests of the three nodes of a contact centre, as files."""
    return write_three_nodes(tmp_path / "requests")
