"""The clock of this machine against the audit log: no certificate is issued with a clock that is an hour behind.

A stored moment in the future means that the clock is behind now, or was ahead then. Only the operator can know which,
so issuing waits for their confirmation. CRLs and OCSP responses go on: relying parties need them, and they are
short-lived.

The states, between an event from the future and the moment at which that future has come:

    right -> behind (a later event is recorded) -> confirmed (an event says up to which number the log was seen)

A confirmation is one event, so a crash leaves it recorded or not. It covers the events that were seen, and none that is
recorded afterwards: a clock that goes wrong again stops issuing again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.entries import EventQuery, RecordedEvent
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.ports import CLOCK_TOLERANCE, Clock
from ca_service.errors import Finding, NotReady, Rule, Severity
from ca_service.pki import encodings

CLOCK_BEHIND: Final = Rule(
    "clock.behind",
    "The clock says {now}, but the audit log has an event from {at}. No certificate is issued until an operator has "
    "checked the clock.",
    "Correct the clock of this machine. If it is right, and a clock was wrong when the event was recorded, run "
    "`ca-service doctor --confirm-clock`.",
)
CLOCK_DIFFERS: Final = Rule(
    "clock.differs",
    "The clock says {now}, but the audit log has an event from {at}.",
    "Correct the clock of this machine, or of the one that has recorded the event. The clock decides what is valid.",
    Severity.WARNING,
)

#: Issuing stops at this difference. A smaller one, such as between two machines, shortens no certificate noticeably.
BEHIND: Final = timedelta(hours=1)
_LOG: Final = "audit-log"


class ClockCheck:
    """Compares the clock with the audit log, and records the confirmation of an operator."""

    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events = events
        self._clock = clock

    def require_right(self, now: datetime) -> None:
        """Raise NotReady if an event is an hour or more after `now` and no operator has confirmed the clock since."""
        if found := self._find_later(now + BEHIND):
            raise NotReady(self._finding(CLOCK_BEHIND, found))

    def find_fault(self) -> Finding | None:
        """Return an error while no certificate is issued, a warning for a smaller difference, otherwise None."""
        found = self._find_later(self._clock() + CLOCK_TOLERANCE)
        if found is None:
            return None
        return self._finding(CLOCK_BEHIND if found.at > self._clock() + BEHIND else CLOCK_DIFFERS, found)

    def confirm(self, actor: Actor) -> RecordedEvent | None:
        """Record that the clock is right now, although earlier events are later; return the latest of them.

        Without such an event, nothing is recorded. The log is read before the event is looked for: what another machine
        records in between is not covered.
        """
        require(actor, Action.AUTHORITY)
        newest = next(iter(self._events.list_events(EventQuery(limit=1)).items), None)
        found = self._find_later(self._clock() + CLOCK_TOLERANCE)
        if newest is None or found is None:
            return None
        details: dict[str, str | int] = {"up_to": newest.id, "latest": encodings.time_text(found.at)}
        self._events.add_event(AuditEvent.by(actor, self._clock(), Event.CLOCK_CONFIRMED, _LOG, **details))
        return found

    def _find_later(self, than: datetime) -> RecordedEvent | None:
        """Return the latest event that is later than this, if no confirmation covers it."""
        found = self._events.find_latest(than)
        if found is None:
            return None
        return self._events.find_latest(than, beyond=self._confirmed())

    def _confirmed(self) -> int:
        """Return the number of the last event that a confirmation covers; 0 without one."""
        query = EventQuery(events=(Event.CLOCK_CONFIRMED.value,), limit=1)
        newest = next(iter(self._events.list_events(query).items), None)
        return int(newest.details.get("up_to", 0)) if newest else 0

    def _finding(self, rule: Rule, found: RecordedEvent) -> Finding:
        return rule.at(now=encodings.time_text(self._clock()), at=encodings.time_text(found.at))
