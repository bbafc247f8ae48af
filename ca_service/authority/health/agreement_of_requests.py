"""Compares each request with its CSR, and its state with the newest event that changed it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ca_service.authority.audit.entries import RecordedEvent
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.authority.issuance.request_events import STATE_AFTER, differing_columns
from ca_service.errors import Finding, Refused, Rule
from ca_service.pki import csr, keys
from ca_service.pki.strict import LoadedRequest

REMEDY: Final = (
    "Another program changed the database, or only part of it was restored. Stop the service, and restore the whole "
    "database from the newest backup that `ca-service audit verify` accepts."
)
REQUEST_OTHER: Final = Rule(
    "agreement.request-other",
    "The row of request {id} differs from its CSR or its events in: {columns}.",
    f"A refusal counts by the fingerprints of the row. {REMEDY}",
)
REQUEST_STATE_OTHER: Final = Rule(
    "agreement.request-state-other",
    "Request {id} is {found} in the database, but {expected} in the audit log.",
    f"A refusal in the table keeps rules from approving the CSR. {REMEDY}",
)

_MISSING: Final = "missing"


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """The state of a request, its rule and REQUEST_COLUMNS, and the newest event that changed the state.

    `state` is empty without a row, `event` without an event. `events` are there if both are: the submission, and the
    newest one.
    """

    id: str
    state: str = ""
    rule: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    event: str = ""
    events: tuple[RecordedEvent, ...] = ()

    def differences(self) -> Iterator[Finding]:
        """Yield what differs. A request that a rule approved at submission is issued, and has no event of its own."""
        expected = STATE_AFTER[self.event] if self.event else State.ISSUED.value if self.rule else _MISSING
        if (self.state or _MISSING) != expected:
            yield REQUEST_STATE_OTHER.at(id=self.id, found=self.state or _MISSING, expected=expected)
        elif other := differing_columns(self.columns, self.events):
            yield REQUEST_OTHER.at(id=self.id, columns=", ".join(other))


def differences_from_csr(request: RequestRecord, other: tuple[str, ...]) -> Iterator[Finding]:
    """Yield the columns of a request that do not follow from its CSR, and these others, as one finding."""
    if columns := [*_other_than_csr(request), *other]:
        yield REQUEST_OTHER.at(id=request.id, columns=", ".join(columns))


def _other_than_csr(request: RequestRecord) -> Iterator[str]:
    try:
        loaded = LoadedRequest.of(request.csr_der)
    except Refused:
        return iter(["csr_der"])
    description = csr.describe(loaded)
    expected = {
        "request_fingerprint": hashlib.sha256(request.csr_der).hexdigest(),
        "key_fingerprint": keys.key_fingerprint(loaded.subject_public_key_info),
        "subject": description.subject_text,
        **({"names": description.names} if description.names else {}),
    }
    return (name for name, value in expected.items() if getattr(request, name) != value)
