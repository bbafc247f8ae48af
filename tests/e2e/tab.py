"""Browser windows for tests; every complaint of the browser is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.support.factories import PASSWORD

WIDE: Final = ViewportSize(width=1280, height=900)
NARROW: Final = ViewportSize(width=390, height=844)
Scheme = Literal["light", "dark"]
#: Colours depend on the scheme and places on the width, so two looks have all of both.
LOOKS: Final[dict[str, tuple[Scheme, ViewportSize]]] = {"narrow-dark": ("dark", NARROW), "wide-light": ("light", WIDE)}
#: Contrast takes most of the time, so it is judged once for rows and items that have the same tags, classes and
#: attributes, below the same ones. All other rules judge each of them.
_VIOLATIONS: Final = """async () => {
    const seen = new Set();
    const look = each => [each.tagName, each.getAttributeNames(), each.classList, each.style.cssText].join();
    const inside = each => [look(each), ...[...each.children].map(inside), "/"].join(" ");
    const around = each => each ? `${look(each)} ${around(each.parentElement)}` : "";
    const isAlike = each => {
        const found = `${inside(each)} ${around(each.parentElement)}`;
        return seen.has(found) || !seen.add(found);
    };
    const exclude = [...document.querySelectorAll("tr, li, dt, dd, p, details")].filter(isAlike);
    const asked = {resultTypes: ["violations"], preload: false};
    const rest = await axe.run({...asked, rules: {"color-contrast": {enabled: false}}});
    const contrast = await axe.run({exclude}, {...asked, runOnly: ["color-contrast"]});
    return rest.violations.concat(contrast.violations);
}"""
_OVERHANGS: Final = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.body.querySelectorAll("*")].filter(each => each.getBoundingClientRect().right > width);
    return wide.slice(-3).map(each => `too wide: ${each.outerHTML.slice(0, 90)}`).concat("scrolls sideways");
}"""


@dataclass(frozen=True, slots=True)
class Tab:
    """One window on one service."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Go to an address of the service."""
        self.page.goto(path if path.startswith("http") else self.url + path)

    def set_up(self, link: str) -> None:
        """Become the first administrator."""
        self.go(link)
        self.page.fill("#name", "vera")
        self.page.fill("#password", PASSWORD)
        self.page.fill("#repeated", PASSWORD)
        self.page.click("text=Create administrator")
        self.page.wait_for_url(f"{self.url}/")

    def sign_in(self, name: str = "vera") -> None:
        """Sign in where the page asks for it."""
        self.go("/sign-in")
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("main button")
        self.page.wait_for_url(f"{self.url}/")

    def open_menu(self) -> None:
        """Show the menu where it is folded: in narrow windows."""
        # Not "is the button visible?": it may be for a moment, before the style sheet of the next page is there.
        if self.page.evaluate("matchMedia('(max-width: 60rem)').matches"):
            self.page.click(".menu-button")

    def sign_out(self) -> None:
        """Press the button in the menu of the account."""
        self.open_menu()
        self.page.click(".own summary")
        self.page.click("text=Sign out")
        self.page.wait_for_url("**/sign-in")

    def save(self, selector: str, folder: Path) -> Path:
        """Click something that is downloaded; the file under the name that it was given."""
        with self.page.expect_download() as started:
            self.page.click(selector)
        return saved(started.value, folder)

    def unfold(self) -> None:
        """Open everything that is folded."""
        self.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

    def overhang(self, selector: str) -> int:
        """Return by how much what is in these boxes is wider than they are, in pixels."""
        boxes = self.page.locator(selector)
        assert boxes.count()
        return int(boxes.evaluate_all("all => Math.max(...all.map(each => each.scrollWidth - each.clientWidth))"))

    def faults(self, name: str) -> list[str]:
        """Return what is wrong with the page in each look; each fault begins with this name. It stays in the last look.

        The faults are violations found by axe, and what makes the page scroll sideways.
        """
        self.page.evaluate(AXE_SCRIPT)
        return [f"{name}, {look}: {fault}" for look in LOOKS for fault in self._faults_in(look)]

    def _faults_in(self, look: str) -> Iterator[str]:
        scheme, size = LOOKS[look]
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size(size)
        for violation in self.page.evaluate(_VIOLATIONS):
            yield from (f"{violation['id']}: {node['target']}" for node in violation["nodes"])
        yield from self.page.evaluate(_OVERHANGS)


def saved(download: Any, folder: Path) -> Path:
    """A download as a file in this folder."""
    path = folder / str(download.suggested_filename)
    download.save_as(path)
    return path


@contextmanager
def open_tab(browser: Browser, url: str, **options: Any) -> Iterator[Tab]:
    """A new window without cookies; raises AssertionError at the end if the browser has complained in it."""
    context = browser.new_context(**{"viewport": WIDE, "permissions": ["clipboard-read", "clipboard-write"], **options})
    context.set_default_timeout(30_000)
    try:
        tab = Tab(context.new_page(), url)
        tab.page.on("console", lambda message: _hear(tab, message))
        tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        yield tab
        assert tab.complaints == []
    finally:
        context.close()


def _hear(tab: Tab, message: ConsoleMessage) -> None:
    """Keep what is an error, such as a breach of the content security policy; a page may itself be a 404."""
    is_the_page = message.text.startswith("Failed to load resource") and message.location["url"] == tab.page.url
    if message.type in ("error", "warning") and not is_the_page:
        tab.complaints.append(message.text)
