"""Makes records that are long enough, and takes them home."""

from __future__ import annotations

from collections.abc import Iterator

from ca_service.authority.audit.entries import EVERYTHING, EventQuery
from ca_service.authority.audit.exporting import Exporter
from ca_service.authority.audit.seals import Sealing
from ca_service.authority.audit.store import EventStore
from tests.support.factories import event
from tests.support.fakes import FixedClock, InMemoryKeyStore
from tests.support.record import InMemoryEventStore


def store_with(count: int) -> InMemoryEventStore:
    """A record of so many events, about "thing 0", "thing 1" and so on; none of them sealed."""
    events = InMemoryEventStore()
    for number in range(count):
        events.add_event(event(f"thing {number}"))
    return events


def exported(events: EventStore, sealing: Sealing, query: EventQuery = EVERYTHING) -> list[bytes]:
    """The exported record, line by line."""
    return list(Exporter(events, sealing, FixedClock()).lines(query))


def sealed_record(count: int, *sizes: int) -> tuple[InMemoryEventStore, Sealing]:
    """A record of so many events, sealed in batches of these sizes; the rest in one."""
    whole = iter(range(count))
    events = InMemoryEventStore()
    sealing = Sealing(events, InMemoryKeyStore(), FixedClock())
    for size in (*sizes, count):
        for number in _some(whole, size):
            events.add_event(event(f"thing {number}"))
        sealing.seal_pending()
    return events, sealing


def _some(numbers: Iterator[int], size: int) -> Iterator[int]:
    for _ in range(size):
        number = next(numbers, None)
        if number is None:
            return
        yield number
