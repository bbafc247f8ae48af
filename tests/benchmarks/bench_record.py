"""How long sealing, exporting and verifying take per 1,000 events; `python -m tests.benchmarks.bench_record`.

On a database on disk, as in service. Beside it what an issue pays for the record: one certificate with its
event, written alone, while nothing is sealed; the columns and indexes of the record are part of that time.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ca_service.authority.audit.entries import EVERYTHING
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.exporting import Exporter
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.audit.verifying import verify
from ca_service.storage.database import Database
from ca_service.storage.events import SQLEventStore, record_events
from ca_service.storage.issuers import SQLIssuerStore
from ca_service.storage.ledger import SQLLedger
from ca_service.storage.migrating import upgrade
from ca_service.storage.sqlite import SQLiteDatabase
from tests.support.factories import certificate_record, event, issuer_record
from tests.support.fakes import NOON, FixedClock, InMemoryKeyStore

EVENTS = 10_000
ISSUES = 300


def fill(database: Database, count: int) -> None:
    """Record so many events in one transaction."""
    details: dict[str, str | int] = {"host": "uccx1.example.com", "profile": "vos", "request": "0" * 64}
    with database.write() as connection:
        for number in range(count):
            said = AuditEvent(NOON, Event.CERTIFICATE_ISSUED, "vera", f"{number:040x}", details, "192.0.2.1")
            record_events(connection, said)


def seconds(do: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def measure(database: Database) -> dict[str, float]:
    """Seconds for each 1,000 events; of an issue, the median."""
    store = SQLEventStore(database)
    sealing = Sealing(store, InMemoryKeyStore(), FixedClock())
    exporter, lines = Exporter(store, sealing, FixedClock()), list[bytes]()
    SQLIssuerStore(database).save_issuers([issuer_record()], event())
    issue = statistics.median(_issues(SQLLedger(database)))
    fill(database, EVENTS)
    part = EVENTS / 1000
    return {
        "seal": seconds(sealing.seal_pending) / part,
        "export": seconds(lambda: lines.extend(exporter.lines(EVERYTHING))) / part,
        "verify": seconds(lambda: verify(lines)) / part,
        "write one issue": issue,
    }


def _issues(ledger: SQLLedger) -> list[float]:
    made = [certificate_record() for _ in range(ISSUES)]
    return [
        seconds(lambda each=each: ledger.record([each], [event(each.serial_number)], always_new=True, replay=None))  # type: ignore[misc]
        for each in made
    ]


def main() -> None:
    """Print what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        database = SQLiteDatabase(Path(folder) / "ca.sqlite3")
        upgrade(database)
        results = measure(database)
        database.close()
    for name, found in results.items():
        per = "each" if "issue" in name else "per 1,000 events"
        sys.stdout.write(f"{name:16} {found * 1e3:8.1f} ms {per}\n")


if __name__ == "__main__":
    main()
