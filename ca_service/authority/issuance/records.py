"""Requests: a CSR that was submitted, its states, and the frozen values that their store takes and returns.

Each change of state, and who makes it:

    SUBMITTED  by the requester, if no rule approves the request
    APPROVED   from SUBMITTED, or from FAILED to try again: by a person who may decide and has not submitted it
    REFUSED    from SUBMITTED or FAILED: by such a person, with a note
    WITHDRAWN  from SUBMITTED or FAILED: by the requester, or an administrator
    ISSUED     from APPROVED: by the program, with its certificate; or at submission, if a rule approves it
    FAILED     from APPROVED: by the program, if the certificate cannot be signed; `failure` says why

REFUSED, WITHDRAWN and ISSUED are final: a decision is not undone. A refused or withdrawn CSR is submitted again, which
makes a new request; a certificate is revoked.

Every change is a compare-and-set of the state, in one transaction with its event: of two people who change the same
request, one succeeds, and the other learns who was first. What a crash leaves behind is in docs/issuance.md.

A request whose CSR gets its certificate by another submission while it waits goes on waiting: the approval then gives
it that certificate, and makes no second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, Role, may
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.approval import in_words
from ca_service.authority.issuance.examination import Examination, Options
from ca_service.errors import Conflict, Finding, Rule, Severity
from ca_service.pki.encodings import time_text

REQUEST_REFUSED_BEFORE: Final = Rule(
    "request.refused-before",
    "{name} refused this CSR on {at}, as request {id}: {note}",
    "Only a person can approve it now; no rule does.",
    Severity.WARNING,
)
REQUEST_REFUSED_MEANWHILE: Final = Rule(
    "request.refused-meanwhile",
    "A person refused a CSR with this key at the same time.",
    "Submit it again: an approver then decides.",
)
REQUEST_REFUSED_EARLIER: Final = Rule(
    "request.refused-earlier",
    "An approver refused this CSR on {at}.",
    "Only a person can approve it now; no rule does.",
    Severity.WARNING,
)
REQUEST_UNREADABLE: Final = Rule(
    "request.unreadable",
    "Request {id} is not shown: its row in the database cannot be read.",
    "Ask the operator to run `ca-service audit verify`, and to restore the database from a backup.",
)


class State(StrEnum):
    """The state of a request."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ISSUED = "issued"
    FAILED = "failed"


#: There is something left to do; a CSR has at most one such request per profile.
OPEN: Final = frozenset({State.SUBMITTED, State.APPROVED, State.FAILED})
#: A person must decide.
UNDECIDED: Final = frozenset({State.SUBMITTED, State.FAILED})


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A submitted request: what was asked by whom, what was found, what was decided, what became of it.

    `id` is 0 until it is stored. `findings` are those shown at submission. `rule` and `reasons` say why no decision was
    needed; `note` is what the person wrote who decided. `settled_at` is when it was issued, refused or withdrawn, or
    failed. Fingerprints are SHA-256, hexadecimal.
    """

    id: int
    state: State
    csr_der: bytes
    request_fingerprint: str
    key_fingerprint: str
    options: Options
    host: str
    subject: str
    names: tuple[str, ...]
    findings: tuple[Finding, ...]
    submitted_at: datetime
    submitted_by: str
    submitted_by_id: int | None = None
    submitted_from: str = ""
    token: str = ""
    decided_at: datetime | None = None
    decided_by: str = ""
    decided_by_id: int | None = None
    decided_from: str = ""
    rule: str = ""
    reasons: tuple[Finding, ...] = ()
    note: str = ""
    settled_at: datetime | None = None
    failure: tuple[Finding, ...] = ()
    serial_number: str | None = None

    @classmethod
    def submitted(cls, actor: Actor, examination: Examination, options: Options, at: datetime) -> RequestRecord:
        """Return the request of an examined CSR that waits for a decision."""
        request = examination.verified
        return cls(
            id=0,
            state=State.SUBMITTED,
            csr_der=request.der,
            request_fingerprint=request.fingerprint,
            key_fingerprint=request.key_fingerprint,
            options=options,
            host=examination.host,
            subject=request.subject_text,
            names=examination.names,
            findings=examination.findings,
            submitted_at=at,
            submitted_by=actor.name,
            submitted_by_id=actor.account_id,
            submitted_from=actor.origin,
            token=actor.token,
        )

    @property
    def submission(self) -> tuple[datetime, int | None, str]:
        """The moment and the person of the submission, which are the same for all that came together."""
        return self.submitted_at, self.submitted_by_id, self.submitted_by

    @property
    def place(self) -> tuple[str, str]:
        """The host and the purpose of its certificate."""
        return self.host, self.options.destination.purpose

    @property
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return self.state in OPEN

    @property
    def is_undecided(self) -> bool:
        """Whether a person must decide."""
        return self.state in UNDECIDED

    @property
    def is_repeatable(self) -> bool:
        """Whether it ended without a certificate, so that its CSR can be submitted again, as a new request."""
        return self.state in (State.REFUSED, State.WITHDRAWN)

    def is_refused_since(self, at: datetime) -> bool:
        """Return whether a person has refused it at this time or later."""
        return self.state is State.REFUSED and self.settled_at is not None and self.settled_at >= at

    @property
    def as_refusal(self) -> Finding:
        """The finding about a new submission of a CSR that was refused with this request."""
        at = time_text(self.decided_at) if self.decided_at else ""
        values = {"id": self.id, "name": self.decided_by, "at": at, "note": " ".join(self.note.split())}
        return REQUEST_REFUSED_BEFORE.at(**values, requester=self.submitted_by_id or 0)

    @property
    def decider(self) -> Actor:
        """The person who has decided, as an actor; the role is the least that can decide."""
        return Actor(self.decided_by_id, self.decided_by, Role.APPROVER, self.decided_from)

    @property
    def why(self) -> str:
        """The reasons for an automatic approval, on one line of English; empty if a person has decided."""
        return in_words(self.reasons)

    def is_of(self, actor: Actor) -> bool:
        """Return whether this actor has submitted it, on the pages or with any token."""
        return actor.account_id is not None and actor.account_id == self.submitted_by_id

    def seen_by(self, actor: Actor) -> RequestRecord:
        """Return the request as this actor may read it: who refused it, and why, is not for other requesters."""
        found = replace(self, findings=shown_to(self.findings, actor), failure=shown_to(self.failure, actor))
        sees_all = self.is_of(actor) or may(actor, Action.DECIDE) or may(actor, Action.AUDIT)
        if sees_all or self.state is not State.REFUSED:
            return found
        return replace(found, note="", decided_by="", decided_by_id=None, decided_from="")

    def decided(self, state: State, actor: Actor, at: datetime, note: str) -> RequestRecord:
        """Return the request after this person has decided."""
        return replace(
            self,
            state=state,
            decided_at=at,
            decided_by=actor.name,
            decided_by_id=actor.account_id,
            decided_from=actor.origin,
            note=note,
            settled_at=None if state is State.APPROVED else at,
            failure=(),
        )

    def answered_with(self, serial_number: str, event: AuditEvent) -> tuple[RequestRecord, AuditEvent]:
        """Return the request and its event with this certificate, which another process has issued first."""
        details = {**event.details, "certificate": serial_number}
        return replace(self, serial_number=serial_number), replace(event, details=details)

    def issued(self, serial_number: str, at: datetime) -> RequestRecord:
        """Return the request after its certificate was made."""
        return replace(self, state=State.ISSUED, serial_number=serial_number, settled_at=at)


def shown_to(findings: Iterable[Finding], actor: Actor) -> tuple[Finding, ...]:
    """Return the findings that this actor may read.

    Who refused a CSR, and why, is for the requester of the refused request, and for those who decide.
    """
    sees_all = may(actor, Action.DECIDE)
    return tuple(each if sees_all or _is_for(each, actor) else _plain(each) for each in findings)


def _is_for(found: Finding, actor: Actor) -> bool:
    return found.rule != REQUEST_REFUSED_BEFORE.id or found.values.get("requester") == (actor.account_id or "")


def _plain(found: Finding) -> Finding:
    return REQUEST_REFUSED_EARLIER.at(at=found.values["at"])


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a request's history: `state` is what it became, `by` the person; empty for a rule."""

    at: datetime
    state: State
    by: str = ""
    origin: str = ""


def timeline(request: RequestRecord) -> Iterator[Moment]:
    """Yield the history of a request, oldest entry first."""
    yield Moment(request.submitted_at, State.SUBMITTED, request.submitted_by, request.submitted_from)
    if request.decided_at:
        decided = request.state if request.state in (State.REFUSED, State.WITHDRAWN) else State.APPROVED
        yield Moment(request.decided_at, decided, request.decided_by, request.decided_from)
    if request.settled_at and request.state in (State.ISSUED, State.FAILED):
        yield Moment(request.settled_at, request.state)


def refused_meanwhile() -> Conflict:
    """Return the error for a CSR that a person has refused since it was checked."""
    return Conflict.because(REQUEST_REFUSED_MEANWHILE)


def submitted_event(request: RequestRecord, actor: Actor) -> AuditEvent:
    """Return the event of a submission; the store fills in the number of the request as its subject.

    An option that is not set is "" and not 0: the audit log page leaves empty details out.
    """
    return AuditEvent.by(
        actor,
        request.submitted_at,
        Event.REQUEST_SUBMITTED,
        "",
        host=request.host,
        profile=request.options.profile,
        request=request.request_fingerprint,
        validity_days=request.options.validity_days or "",
        make_new=int(request.options.new) or "",
        add_host_name=int(request.options.add_host_name) or "",
        **overridden(request.findings),
    )


def overridden(findings: Sequence[Finding]) -> dict[str, str | int]:
    """Return the details of an event about a CSR that a person had refused: which request, who, when and why."""
    found = next((each.values for each in findings if each.rule == REQUEST_REFUSED_BEFORE.id), None)
    if found is None:
        return {}
    details = {"refused_by": found["name"], "refused_at": found["at"], "refusal": found["note"]}
    return {"refused_request": int(str(found["id"])), **{name: str(value) for name, value in details.items()}}


def issued_event(record: CertificateRecord, actor: Actor, **details: str | int) -> AuditEvent:
    """Return the event of an issued certificate; `details` say by which approval."""
    return AuditEvent.by(
        actor,
        record.issued_at,
        Event.CERTIFICATE_ISSUED,
        record.serial_number,
        host=record.host,
        profile=record.profile,
        **({"purpose": record.purpose} if record.purpose else {}),
        request=record.request_fingerprint,
        fingerprint=hashlib.sha256(record.der).hexdigest(),
        **details,
    )


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """The requests to list: those with `text` in a name or in the requester's name. None and empty do not restrict."""

    text: str = ""
    state: State | None = None
    submitted_by_id: int | None = None
    sort: str = "newest"  # or oldest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One page of a list, and the cursor of the next page, empty on the last.

    `unreadable` are the numbers of the requests of the page whose rows cannot be read.
    """

    items: tuple[RequestRecord, ...]
    next_cursor: str
    unreadable: tuple[int, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings about requests that are missing in the page."""
        return tuple(REQUEST_UNREADABLE.at(id=each) for each in self.unreadable)
