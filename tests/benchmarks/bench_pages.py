"""Each page in Chromium over loopback: when its largest part is painted, how far it shifts, what it transfers.

`python -m tests.benchmarks.bench_pages`. Each page is opened in a new browser context, so nothing is cached; the
times are the shortest of three, since other programs use the machine too. The server is that of the tests: one
process, together with the driver of the browser.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, StorageState, sync_playwright

from tests.benchmarks.machine import Machine
from tests.e2e.conftest import ARGUMENTS, find_chromium
from tests.e2e.screenshots import PATHS, furnish
from tests.e2e.service import serving
from tests.e2e.tab import NARROW, WIDE, Tab

ROUNDS: Final = 3
OBSERVE: Final = """
window.seen = {paint: 0, shift: 0};
const observe = (type, take) => new PerformanceObserver(list => list.getEntries().forEach(take)).observe({type});
observe("largest-contentful-paint", entry => { seen.paint = entry.startTime; });
observe("layout-shift", entry => { seen.shift += entry.hadRecentInput ? 0 : entry.value; });
"""
_SEEN: Final = """() => {
    const loaded = ["navigation", "resource"].flatMap(type => performance.getEntriesByType(type));
    return {...seen, bytes: loaded.reduce((sum, each) => sum + each.transferSize, 0)};
}"""
_SETTLED_MS: Final = 300  # after which nothing more is painted


def main() -> None:
    """Print a row for each page; skipped without Chromium."""
    if find_chromium() is None:
        print("Pages in Chromium: skipped: no Chromium")
        return
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    print(f"Pages in Chromium over loopback, load {Machine.now().load:.1f} before")
    print(f"{'page':26}{'LCP ms':>8}{'LCP ms, phone':>15}{'CLS':>8}{'KiB':>7}")
    with tempfile.TemporaryDirectory() as place, serving(Path(place)) as service, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        values = furnish(service)
        page = browser.new_page()
        Tab(page, service.url).sign_in("administrator")
        state = page.context.storage_state()
        for name, path in PATHS.items():
            print(_row(name, browser, state, service.url + path.format_map(values)), flush=True)
        browser.close()


def _row(name: str, browser: Browser, state: StorageState, url: str) -> str:
    wide = [measure(browser, url, storage_state=state, viewport=WIDE) for _ in range(ROUNDS)]
    phone = [measure(browser, url, storage_state=state, viewport=NARROW) for _ in range(ROUNDS)]
    paint = [min(each["paint"] for each in rounds) for rounds in (wide, phone)]
    shift = max(each["shift"] for each in (*wide, *phone))
    return f"{name:26}{paint[0]:8.0f}{paint[1]:15.0f}{shift:8.3f}{wide[0]['bytes'] / 1024:7.0f}"


def measure(browser: Browser, url: str, **options: object) -> Mapping[str, float]:
    """Return when the largest part of a page is painted (ms), the sum of its layout shifts, and the bytes it loads."""
    with browser.new_context(**options) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.add_init_script(OBSERVE)
        page.goto(url)
        page.wait_for_timeout(_SETTLED_MS)
        found: Mapping[str, float] = page.evaluate(_SEEN)
        return found


if __name__ == "__main__":
    main()
