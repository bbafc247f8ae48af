"""How long the list takes among 100,000 certificates; `python -m tests.benchmarks.bench_inventory`.

Beside it, in the same run, what others do: a page by OFFSET, a search by LIKE '%x%' without an index. The
goals are the ratios: a page near the end 10 times as fast as OFFSET, a rare word 10 times as fast as LIKE.
The numbers of the expiry board stand alone. The rows are generated: bytes of the usual size that mean nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

from sqlalchemy import insert, select, text

from ca_service.authority.inventory.inventory import board_of
from ca_service.authority.inventory.language import parse
from ca_service.storage import rows
from ca_service.storage.database import Database
from ca_service.storage.inventory import SQLInventoryStore
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.migrating import upgrade
from ca_service.storage.postgresql import PostgreSQLDatabase
from ca_service.storage.queries import by_age
from ca_service.storage.schema import certificate
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support import postgresql
from tests.support.factories import certificate_record, event, issuer_record
from tests.support.fakes import NOON

COUNT = 100_000
GOAL = 10.0
SECONDS = 2.0  # at most, for each measurement


@dataclass(frozen=True, slots=True)
class Result:
    """Medians, seconds."""

    name: str
    ours: float
    theirs: float | None = None

    @property
    def ratio(self) -> float:
        """How many times as fast as what others do."""
        return self.theirs / self.ours if self.theirs else 0.0


def measure(database: Database, count: int = COUNT) -> list[Result]:
    """What the list takes in this database, which is empty and gets so many certificates."""
    fill(database, count)
    store, deep = SQLInventoryStore(database), count * 9 // 10
    at_depth = by_age(certificate.c.id)["oldest"].write(SimpleNamespace(id=deep))
    rare, common = parse("node77777", NOON), parse("example.com", NOON)
    offset = select(certificate).order_by(certificate.c.id).offset(deep).limit(51)
    like = (
        select(certificate)
        .where((certificate.c.search_text + "").like("%node77777%"))
        .order_by(certificate.c.id.desc())
    )
    return [
        _beside(
            "page 90% deep", lambda: store.list_certificates(parse("", NOON), "oldest", at_depth, 50), database, offset
        ),
        _beside("rare word", lambda: store.list_certificates(rare, "newest", "", 50), database, like.limit(51)),
        Result("common word", _median(lambda: store.list_certificates(common, "newest", "", 50))),
        Result("expires<30d", _median(lambda: store.list_certificates(parse("expires<30d", NOON), "expires", "", 50))),
        Result("expiry board", _median(lambda: board_of(store, parse("", NOON), ()))),
    ]


def fill(database: Database, count: int) -> None:
    """Put so many certificates into it, whose ends lie within 13 months."""
    upgrade(database)
    SQLIssuerStore(database).save_issuers([issuer_record()], event())
    for start in range(0, count, 5_000):
        with database.write() as connection:
            connection.execute(insert(certificate), [_row(start + number) for number in range(5_000)])
    with database.read() as connection:  # as the server does by itself
        connection.execute(text("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE"))


def _row(number: int) -> dict[str, object]:
    host = f"node{number}.example.com"
    return rows.certificate_values(
        certificate_record(
            host=host,
            subject=f"C=DE, O=Example Lab, CN=node{number}-EC.example.com",
            names=(f"DNS:{host}",),
            not_after=NOON + timedelta(minutes=number * 7919 % (397 * 1440)),
            der=b"c" * 800,
            csr_der=b"r" * 700,
        )
    )


def _beside(name: str, ours: Callable[[], object], database: Database, statement: object) -> Result:
    def theirs() -> None:
        with database.read() as connection:
            connection.execute(statement).all()  # type: ignore[call-overload]

    return Result(name, _median(ours), _median(theirs))


def _median(do: Callable[[], object]) -> float:
    do()
    times, end = list[float](), time.perf_counter() + SECONDS
    while len(times) < 200 and time.perf_counter() < end:
        start = time.perf_counter()
        do()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@contextmanager
def databases() -> Iterator[dict[str, Database]]:
    """An empty database of each kind that is there."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Database] = {"SQLite": SQLiteDatabase(Path(folder) / "ca.sqlite3")}
        programs = postgresql.find_programs()
        if programs is None:
            yield found
            return
        with postgresql.serving(programs) as server, server.database("template0") as url:
            yield found | {"PostgreSQL": PostgreSQLDatabase(url)}


def main() -> None:
    """Print what was measured, and whether the goals were met."""
    write = sys.stdout.write
    write(f"{COUNT} certificates, medians\n")
    write(f"{'database':11} {'what':14} {'ours':>10} {'OFFSET, LIKE':>13} {'ratio':>7} {'goal':>6}\n")
    with databases() as found:
        for name, database in found.items():
            for result in measure(database):
                write(f"{name:11} {result.name:14} {result.ours * 1e3:7.2f} ms")
                if result.theirs:
                    verdict = "met" if result.ratio >= GOAL else "missed"
                    write(f" {result.theirs * 1e3:10.2f} ms {result.ratio:7.1f} {GOAL:6.1f} {verdict}")
                write("\n")
            database.close()


if __name__ == "__main__":
    main()
