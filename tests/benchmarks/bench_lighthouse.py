"""Lighthouse on five pages: performance, accessibility, best practices; `python -m tests.benchmarks.bench_lighthouse`.

It is the program that Chromium's developer tools have. npm installs it into .bench/, which Git ignores, and Debian's
Chromium runs it, as a phone on a slow network with a slowed processor (its default). Without npm or Chromium, this
part is skipped.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import servers
from tests.benchmarks.machine import Machine

VERSION: Final = "12.8.2"
CATEGORIES: Final = ("performance", "accessibility", "best-practices")
_CHROMIUM: Final = Path("/usr/bin/chromium")
_FOLDER: Final = Path(__file__).parents[2] / ".bench" / "lighthouse"
_PASSWORD: Final = "correct horse battery staple"  # of the account that servers.ours creates
_FLAGS: Final = "--headless=new --no-sandbox --disable-gpu --disable-background-networking"


def main() -> None:
    """Print the scores, or why there are none."""
    missing = reason_to_skip()
    if missing:
        print(f"Lighthouse: skipped: {missing}")
        return
    with tempfile.TemporaryDirectory() as name, servers.ours(Path(name), "P-256") as authority:
        target = authority.target
        url = f"http://127.0.0.1:{target.port}"
        serial = _issue(url, target.headers)
        cookie = _sign_in(url)
        print(f"Lighthouse {VERSION}, load {Machine.now().load:.1f} before: scores of 100, and what appears when")
        heads = f"{'performance':>13}{'accessibility':>15}{'best practices':>16}"
        print(f"{'page':14}{heads}{'FCP s':>8}{'LCP s':>8}{'KiB':>7}")
        for page, path, has_session in (
            ("sign-in", "/sign-in", False),
            ("overview", "/", True),
            ("result", f"/issued?serial={serial}", True),
            ("certificates", "/certificates", True),
            ("trust page", "/ca/", False),
        ):
            print(row(page, _report(url + path, {"Cookie": cookie} if has_session else {}, Path(name))))


def reason_to_skip() -> str:
    """Install Lighthouse unless it is there; return what is missing, or an empty text."""
    npm = shutil.which("npm")
    if npm is None:
        return "no npm"
    if not _CHROMIUM.exists():
        return "no Chromium"
    if _program().exists():
        return ""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(_FOLDER), f"lighthouse@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    return "" if done.returncode == 0 else f"npm cannot install it: {done.stderr.strip()[-200:]}"


def _program() -> Path:
    return _FOLDER / "node_modules" / ".bin" / "lighthouse"


def _report(url: str, headers: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return what Lighthouse reports about a page that is opened with these headers."""
    (folder / "headers.json").write_text(json.dumps(dict(headers)), encoding="utf-8")
    report = folder / "report.json"
    command = [str(_program()), url, "--quiet", "--output=json", f"--output-path={report}"]
    command += [f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={folder / 'headers.json'}"]
    environ = os.environ | {"CHROME_PATH": str(_CHROMIUM)}
    command += [f"--chrome-flags={_FLAGS}", "--no-enable-error-reporting"]
    subprocess.run(command, env=environ, capture_output=True, timeout=180, check=True)
    found: dict[str, Any] = json.loads(report.read_bytes())
    return found


def row(page: str, report: Mapping[str, Any]) -> str:
    """Return the line of a page. Raises RuntimeError if Lighthouse has measured another page, or none."""
    asked, shown = report["requestedUrl"], report["finalDisplayedUrl"]
    if asked != shown or "runtimeError" in report:
        raise RuntimeError(f"{page}: {shown} instead of {asked}: {report.get('runtimeError')}")
    audits = report["audits"]
    scores = [round(report["categories"][each]["score"] * 100) for each in CATEGORIES]
    seconds = [audits[each]["numericValue"] / 1000 for each in ("first-contentful-paint", "largest-contentful-paint")]
    size = audits["total-byte-weight"]["numericValue"] / 1024
    return f"{page:14}{scores[0]:13}{scores[1]:15}{scores[2]:16}{seconds[0]:8.1f}{seconds[1]:8.1f}{size:7.0f}"


def _issue(url: str, headers: Mapping[str, str]) -> str:
    """Return the serial number of a new certificate."""
    address = f"{url}/api/v1/certificates"
    asked = urllib.request.Request(address, servers.csrs("P-256", 1)[0], dict(headers))  # noqa: S310 - http
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310 - http
        return str(json.load(answer)["certificates"][0]["serial_number"])


def _sign_in(url: str) -> str:
    """Return the header Cookie of a new session."""
    jar = http.cookiejar.CookieJar()
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with client.open(f"{url}/sign-in", timeout=30) as answer:
        [token, *_] = re.findall(r'name="csrf_token" value="([^"]+)"', answer.read().decode())
    form = {"name": "bench", "password": _PASSWORD, "csrf_token": token}
    client.open(f"{url}/sign-in", urllib.parse.urlencode(form).encode(), timeout=30).close()
    return "; ".join(f"{each.name}={each.value}" for each in jar)


if __name__ == "__main__":
    main()
