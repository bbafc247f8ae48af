"""What the questions of people and programs take as the rows grow; `python -m tests.benchmarks.bench_growth`.

Each question is asked at every size, on both databases. The goal is the ratio: at most GOAL times as long at the
larger size as with a thousand certificates, and under LIMIT_MS. `--size 1000000` adds a size. Questions of people are
asked of the pages and the API, so the server's whole time counts.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Flask

from ca_service import settings as settings_module
from ca_service.app import create_app, open_installation
from ca_service.app.production import database_of
from ca_service.authority.access.permissions import Role
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.inventory.store import CertificateQuery, Sort
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestQuery
from tests.benchmarks.growth import Growth, fill
from tests.support import postgresql
from tests.support.factories import OPERATOR, PASSWORD, PLAN, cheap_hasher
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import SOCIALMINER
from tests.web.visitor import Visitor, sign_in

SIZES: Final = (1_000, 100_000)
GOAL: Final = 1.5
LIMIT_MS: Final = 50
PAGE_LIMIT_MS: Final = 30
SECONDS: Final = 1.0  # at most, for each measurement
ROUNDS: Final = 50
MORE: Final = {"CA_SERVICE_METRICS__NETWORKS": "127.0.0.0/8"}


@dataclass(frozen=True, slots=True)
class Scene:
    """An installation with many certificates, and a browser of its administrator."""

    installation: Installation
    app: Flask
    visitor: Visitor
    newest: str  # serial number


Ask = Callable[[Scene], object]


def _search(text: str, sort: Sort = "newest") -> Ask:
    query = CertificateQuery(text=text, sort=sort)
    return lambda scene: scene.installation.inventory.list_certificates(OPERATOR, query)


def _requests(text: str) -> Ask:
    query = RequestQuery(text=text)
    return lambda scene: scene.installation.requests.list_requests(OPERATOR, query)


def _events(**asked: object) -> Ask:
    query = EventQuery(**asked)  # type: ignore[arg-type]
    return lambda scene: scene.installation.audit_log.list_events(OPERATOR, query)


def _page(path: str) -> Ask:
    def ask(scene: Scene) -> None:
        answer = scene.visitor.get(path.format(serial=scene.newest))
        assert answer.status_code == 200, answer.text

    return ask


QUESTIONS: Final[dict[str, Ask]] = {
    "by: rare": _search("by:retired"),
    "by: rare, expires": _search("by:retired", "expires"),
    "by: rare, host": _search("by:retired", "host"),
    "by: common": _search("by:admin1"),
    "by: unknown": _search("by:nobody-of-this-name"),
    "1 letter, none": _search("z"),
    "1 letter, rare": _search("q"),
    "2 letters, none": _search("zz"),
    "2 letters, rare": _search("qz"),
    "2 letters, rare, expires": _search("qz", "expires"),
    "2 letters, common": _search("uc"),
    "host: 2 letters": _search("host:qz"),
    "host: rare": _search("host:qz12."),
    "status:expired": _search("status:expired"),
    "status:expired, oldest": _search("status:expired", "oldest"),
    "status:active, oldest": _search("status:active", "oldest"),
    "status:active, host": _search("status:active", "host"),
    "status:revoked": _search("status:revoked"),
    "status:held": _search("status:held"),
    "profile: rare": _search("profile:server"),
    "profile: rare, expires": _search("profile:server", "expires"),
    "profile: common": _search("profile:vos"),
    "expires<30d active": _search("expires<30d status:active"),
    "expires<30d active, expires": _search("expires<30d status:active", "expires"),
    "requests, rare text": _requests("qz12."),
    "requests, no such text": _requests("no-such-text"),
    "events, rare actor": _events(actor="retired"),
    "events, unknown actor": _events(actor="nobody"),
    "events, rare event": _events(events=("root-key.exported",)),
    "events, two events": _events(events=("root-key.exported", "root-key.removed")),
}
PAGES: Final[dict[str, Ask]] = {
    "metrics": _page("/metrics"),
    "page of notices": _page("/notices"),
    "page of expirations": _page("/certificates/expiry"),
    "page of a certificate": _page("/certificates/{serial}"),
    "page of certificates": _page("/certificates"),
    "page of requests": _page("/requests"),
    "page of the audit log": _page("/audit"),
    "page of clusters": _page("/clusters"),
}


def measure(count: int, url: str = "", names: Sequence[str] = ()) -> dict[str, float]:
    """Return seconds for each question among so many certificates: on SQLite, or in the empty database at `url`."""
    with tempfile.TemporaryDirectory() as folder, filled(Path(folder) / "instance", count, url) as scene:
        asked = {
            name: ask for name, ask in (QUESTIONS | PAGES).items() if not names or any(part in name for part in names)
        }
        return {name: _median(lambda ask=ask: ask(scene)) for name, ask in asked.items()}  # type: ignore[misc]


@contextmanager
def filled(folder: Path, count: int, url: str = "") -> Iterator[Scene]:
    """Open an installation with so many certificates."""
    environ = NOBODY_WAITS | MORE | ({"CA_SERVICE_DATABASE__URL": url} if url else {})
    settings = settings_module.load(environ, folder).settings
    installation = open_installation(settings, cheap_hasher())
    try:
        installation.schema.upgrade()
        installation.creation.initialise(OPERATOR, PLAN)
        installation.accounts.create(OPERATOR, Role.ADMINISTRATOR.value, Role.ADMINISTRATOR, PASSWORD)
        leaf: CertificateRecord = installation.issuance.issue(OPERATOR, [SOCIALMINER.data], Options()).certificates[0]
        database = database_of(settings)
        fill(database, Growth(leaf, installation.clock(), count))
        database.close()
        app = create_app(settings, installation)
        yield Scene(installation, app, sign_in(app, Role.ADMINISTRATOR), leaf.serial_number)
    finally:
        installation.close()


def _median(do: Callable[[], object]) -> float:
    do()
    gc.collect()
    times, end = list[float](), time.perf_counter() + SECONDS
    while len(times) < ROUNDS and (not times or time.perf_counter() < end):
        start = time.perf_counter()
        do()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _table(database: str, sizes: Sequence[int], found: dict[int, dict[str, float]]) -> Iterator[str]:
    yield f"{database:28}" + "".join(f"{size:>13,}" for size in sizes) + f" {'ratio':>7}\n"
    for name in found[sizes[0]]:
        times = [found[size][name] * 1e3 for size in sizes]
        ratio, limit = times[-1] / times[0], PAGE_LIMIT_MS if name in PAGES else LIMIT_MS
        verdict = "met" if ratio <= GOAL and times[-1] < limit else "missed"
        yield f"  {name:26}" + "".join(f"{each:10.2f} ms" for each in times) + f" {ratio:7.1f} {verdict}\n"


def main(arguments: Sequence[str] = ()) -> None:
    """Print what was measured, and whether the goals were met."""
    parser = argparse.ArgumentParser(prog="bench_growth")
    parser.add_argument("--size", type=int, action="append", default=[], help="one more number of certificates")
    parser.add_argument("--database", choices=("SQLite", "PostgreSQL"), help="only this one")
    parser.add_argument("--only", action="append", default=[], help="only questions with this in their name")
    options = parser.parse_args(arguments)
    sizes = sorted({*SIZES, *options.size})
    print(f"Growth: medians; goals: at most {GOAL} times the first column, {LIMIT_MS} ms, pages {PAGE_LIMIT_MS} ms")
    if options.database != "PostgreSQL":
        found = {size: measure(size, names=options.only) for size in sizes}
        sys.stdout.writelines(_table("SQLite", sizes, found))
    programs = postgresql.find_programs()
    if programs is None or options.database == "SQLite":
        return
    with postgresql.serving(programs) as server:
        found = {}
        for size in sizes:
            with server.database("template0") as url:
                found[size] = measure(size, url, options.only)
        sys.stdout.writelines(_table("PostgreSQL", sizes, found))


if __name__ == "__main__":
    main(sys.argv[1:])
