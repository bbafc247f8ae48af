"""Knows where an application stands, and the frozen values that its store hands out and takes.

An application is the record of a request that was submitted. Who moves it, and from where:

    SUBMITTED  by who asks, where no rule approves the request
    APPROVED   from SUBMITTED, or from FAILED to try again: by a person who may decide and has not submitted it
    REFUSED    from SUBMITTED or FAILED: by such a person, with a note
    WITHDRAWN  from SUBMITTED or FAILED: by who has submitted it, or an administrator
    ISSUED     from APPROVED: by the program, with its certificate; or at once, where a rule approves it
    FAILED     from APPROVED: by the program, when the certificate cannot be signed; `failure` tells why

Every move is a compare-and-set of the state in one transaction with its event: of two who move the same
application, one does, and the other is told who was first. What a crash leaves:

- A rule approves: application, certificate and events are one transaction. Before it nothing is there.
- A person approves: 1. APPROVED with who, when and note is committed; 2. the certificate is signed; 3. ISSUED, the
  certificate and its event are committed in one transaction. A crash after 1 or 2 leaves APPROVED, and a signature
  that nobody has seen. Whoever looks at the application, or the job, does 2 and 3 again; the compare-and-set in 3
  lets one of them win, so there is one certificate however often that happens.
- A signing error is committed as FAILED. A crash before that leaves APPROVED, as above.

A request that gets its certificate by somebody else's submission while it waits goes on waiting: the approval then
gives it that certificate, and makes no second one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.issuance.approval import in_words
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Finding


class State(StrEnum):
    """Where an application stands."""

    SUBMITTED = "submitted"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ISSUED = "issued"
    FAILED = "failed"


#: In these something is still to be done; a request has at most one such application for a profile.
OPEN: Final = frozenset({State.SUBMITTED, State.APPROVED, State.FAILED})
#: In these a person has to decide.
UNDECIDED: Final = frozenset({State.SUBMITTED, State.FAILED})


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A submitted request: what was asked, by whom, what was found then, what was decided, what became of it.

    `id` is 0 until it is stored. `findings` are those shown at submission. `rule` and `reasons` say why nobody had
    to decide; `note` is what the person wrote who did. `settled_at` is when it was issued, refused or withdrawn, or
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

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN

    @property
    def is_undecided(self) -> bool:
        """Whether a person has to decide."""
        return self.state in UNDECIDED

    @property
    def decider(self) -> Actor:
        """Who has decided, as somebody who acts; the role is the least that can decide."""
        return Actor(self.decided_by_id, self.decided_by, Role.APPROVER, self.decided_from)

    @property
    def why(self) -> str:
        """Why nobody had to decide, in one line of English; empty where a person has."""
        return in_words(self.reasons)

    def is_of(self, actor: Actor) -> bool:
        """Whether this actor has submitted it, on the pages or with any token."""
        return actor.account_id is not None and actor.account_id == self.submitted_by_id

    def decided(self, state: State, actor: Actor, at: datetime, note: str) -> RequestRecord:
        """The same after a person has decided it so."""
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


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that has happened to an application: `state` is what it became, `by` who did it; empty for a rule."""

    at: datetime
    state: State
    by: str = ""
    origin: str = ""


def timeline(application: RequestRecord) -> Iterator[Moment]:
    """What has happened to it, the first thing first."""
    submitted = Moment(application.submitted_at, State.SUBMITTED, application.submitted_by, application.submitted_from)
    yield submitted
    if application.decided_at:
        decided = application.state if application.state in (State.REFUSED, State.WITHDRAWN) else State.APPROVED
        yield Moment(application.decided_at, decided, application.decided_by, application.decided_from)
    if application.settled_at and application.state in (State.ISSUED, State.FAILED):
        yield Moment(application.settled_at, application.state)


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Which applications to list: `text` in a name or in who has submitted it. None and empty do not restrict."""

    text: str = ""
    state: State | None = None
    submitted_by_id: int | None = None
    sort: str = "newest"  # or oldest
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Some applications of a list, and the cursor of the next page, empty on the last."""

    items: tuple[RequestRecord, ...]
    next_cursor: str
