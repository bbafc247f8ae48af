"""Compares the row of a request with its events: an approval counts only if the audit log has it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ca_service.authority.audit.entries import EventQuery, RecordedEvent
from ca_service.authority.audit.events import Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.errors import Refused, Rule

REQUEST_UNRECORDED: Final = Rule(
    "request.unrecorded",
    "Request {id} differs from the audit log in: {columns}.",
    "Another program changed the database. Do not approve the request: run `ca-service audit verify`, then refuse the "
    "request and submit the CSR again.",
)

#: The state of a request after each event that changes it.
STATE_AFTER: Final = {
    Event.REQUEST_SUBMITTED.value: State.SUBMITTED.value,
    Event.REQUEST_APPROVED.value: State.APPROVED.value,
    Event.REQUEST_REFUSED.value: State.REFUSED.value,
    Event.REQUEST_WITHDRAWN.value: State.WITHDRAWN.value,
    Event.REQUEST_ISSUED.value: State.ISSUED.value,
    Event.REQUEST_FAILED.value: State.FAILED.value,
}
#: The events that change the state of a request.
REQUEST_CHANGES: Final = tuple(STATE_AFTER)
_OF_SUBMISSION: Final = {"host": "host", "profile": "profile", "request": "request_fingerprint"}
_OPTIONS: Final = ("validity_days", "make_new", "add_host_name")  # events of 0.2.0 and before do not have them
_DECISIONS: Final = (Event.REQUEST_APPROVED.value, Event.REQUEST_REFUSED.value, Event.REQUEST_WITHDRAWN.value)
#: The columns of a request, beside the state, that its events have.
REQUEST_COLUMNS: Final = (*_OF_SUBMISSION.values(), *_OPTIONS, "submitted_by", "decided_by", "note")


def require_recorded(request: RequestRecord, events: EventStore) -> None:
    """Raise Refused unless the log has the submission of this approved request, and as its newest change the approval.

    The CSR itself is compared, as it is what is signed. Raises Conflict for an event that cannot be read.
    """
    subject = str(request.id)
    query = EventQuery(subject=subject, events=REQUEST_CHANGES, limit=1)
    newest = events.list_events(query).items
    if [each.event for each in newest] != [Event.REQUEST_APPROVED.value]:
        raise Refused(REQUEST_UNRECORDED.at(id=request.id, columns="state"))
    said = (*events.find_events(Event.REQUEST_SUBMITTED.value, [subject]), *newest)
    if other := [*differing_columns(columns_of(request), said), *_unusable(request)]:
        raise Refused(REQUEST_UNRECORDED.at(id=request.id, columns=", ".join(other)))


def differing_columns(columns: Mapping[str, Any], events: Sequence[RecordedEvent]) -> list[str]:
    """Return those of REQUEST_COLUMNS in which a request differs from these events about it.

    Without the event of its submission there is nothing to compare with: the answer is `submission`.
    """
    if events and Event.REQUEST_SUBMITTED.value not in {each.event for each in events}:
        return ["submission"]
    said = (pair for event in events for pair in _said(event))
    # An empty note is None in one of them and "" in the other: they do not differ.
    different = (name for name, value in said if columns[name] != value and (columns[name] or value))
    return list(dict.fromkeys(different))


def _unusable(request: RequestRecord) -> Iterator[str]:
    """Yield the columns with which nothing can be signed, or not this request."""
    if hashlib.sha256(request.csr_der).hexdigest() != request.request_fingerprint:
        yield "csr_der"
    if request.decided_at is None:
        yield "decided_at"


def columns_of(request: RequestRecord) -> dict[str, Any]:
    """Return the REQUEST_COLUMNS of a request."""
    options = request.options
    said = {"profile": options.profile, "validity_days": options.validity_days}
    said |= {"make_new": options.new, "add_host_name": options.add_host_name}
    return {name: said[name] if name in said else getattr(request, name) for name in REQUEST_COLUMNS}


def _said(event: RecordedEvent) -> Iterator[tuple[str, object]]:
    """Yield the columns of a request that this event has."""
    if event.event == Event.REQUEST_SUBMITTED.value:
        yield "submitted_by", event.actor
        yield from ((column, event.details.get(name)) for name, column in _OF_SUBMISSION.items())
        yield from ((name, event.details[name]) for name in _OPTIONS if name in event.details)
    else:
        yield "decided_by", event.actor
    if event.event in _DECISIONS:
        yield "note", event.details.get("note", "")
        yield "submitted_by", event.details.get("requested_by")
