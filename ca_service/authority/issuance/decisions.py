"""Decisions on requests: list, review, wait, approve, refuse, withdraw; and who may do that.

Anyone who may read certificates may open any request by its number, as boards link to them; the list shows requesters
only their own. No one decides on their own request, whatever their role and token: rules are policy, not a person.
The operator at the command line may decide, and is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from threading import BoundedSemaphore
from typing import Final

from ca_service import deadline
from ca_service.authority.access.permissions import Action, Actor, Role, require, require_unbounded
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.examination import Examination
from ca_service.authority.issuance.issuance import Issuance, Issued
from ca_service.authority.issuance.records import (
    Moment,
    RequestPage,
    RequestQuery,
    RequestRecord,
    State,
    overridden,
    timeline,
)
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.ports import Clock
from ca_service.errors import Busy, Conflict, InvalidInput, NotAllowed, NotFound, Rule
from ca_service.pki import csr
from ca_service.pki.visible_text import is_plain
from ca_service.vos.comparison import Difference, compare

REQUEST_DECIDED: Final = Rule(
    "request.decided",
    "Request {id} was already {what} by {name} on {at}.",
    "There is nothing left to decide. Open the request to see its result.",
)
REQUEST_NOT_OWN: Final = Rule(
    "request.not-own",
    "Request {id} was submitted by {name}.",
    "Ask {name} or an administrator to withdraw it. An approver can refuse it.",
)
REQUEST_AGAIN_NOT_OWN: Final = Rule(
    "request.again-not-own",
    "Request {id} was submitted by {name}.",
    "Ask {name} to submit it again.",
)
REQUEST_AGAIN_OPEN: Final = Rule(
    "request.again-open",
    "Request {id} is {state}. Only a refused or withdrawn request can be submitted again.",
    "Open the request to see what is left to do.",
)
REQUEST_OWN: Final = Rule(
    "request.own",
    "You cannot decide on your own request {id}.",
    "Ask another approver or administrator. Withdraw it if you no longer need it.",
)
REQUEST_UNKNOWN: Final = Rule(
    "request.unknown",
    "There is no such request.",
    "Look for it in the list of requests.",
)
REQUEST_NOTE_INVALID: Final = Rule(
    "request.note-invalid",
    "The note is longer than {limit} characters, or contains characters that cannot be displayed.",
    "Write a few plain sentences.",
)
REQUEST_NOTE: Final = Rule(
    "request.note",
    "A refusal needs a note.",
    "Tell the requester what to change.",
)

MAX_WAIT: Final = 30
MAX_NOTE: Final = 1000
MAX_COUNT: Final = 50
SHOWN_REFUSED: Final = timedelta(days=14)
_MAX_TEXT: Final = 200
_STEP: Final = 1.0
_WAITING_AT_ONCE: Final = 2  # per process: each of them holds one of its few threads
_MAX_ID: Final = 2**31 - 1
_EVENTS: Final = {
    State.APPROVED: Event.REQUEST_APPROVED,
    State.REFUSED: Event.REQUEST_REFUSED,
    State.WITHDRAWN: Event.REQUEST_WITHDRAWN,
}
_COMES_TO: Final = {
    State.APPROVED: (State.APPROVED, State.ISSUED),
    State.REFUSED: (State.REFUSED,),
    State.WITHDRAWN: (State.WITHDRAWN,),
}


@dataclass(frozen=True, slots=True)
class Review:
    """A request as an approver sees it, examined now.

    `current` is the certificate that its host has, `difference` what the CSR changes against the CSR of that one; both
    are None if there is no other certificate.
    """

    examination: Examination
    moments: tuple[Moment, ...]
    current: CertificateRecord | None = None
    difference: Difference | None = None


class Requests:
    """The requests and the decisions on them. `pause` waits for so many seconds."""

    def __init__(
        self,
        store: RequestStore,
        ledger: Ledger,
        issuance: Issuance,
        completion: Completion,
        *,
        clock: Clock,
        pause: Callable[[float], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._issuance = issuance
        self._completion = completion
        self._clock = clock
        self._pause = pause
        self._places = BoundedSemaphore(_WAITING_AT_ONCE)

    def list_requests(self, actor: Actor, query: RequestQuery) -> RequestPage:
        """Return one page: of all requests, or of their own for requesters."""
        require(actor, Action.READ)
        require_unbounded(actor)
        query = replace(query, text=query.text[:_MAX_TEXT])
        if actor.role is Role.REQUESTER:
            query = replace(query, submitted_by_id=actor.account_id)
        page = self._store.list_requests(query)
        return replace(page, items=tuple(each.seen_by(actor) for each in page.items))

    def count_waiting(self, actor: Actor) -> int:
        """Return how many wait for a decision; MAX_COUNT + 1 means more than MAX_COUNT."""
        require(actor, Action.READ)
        return self._store.count_in_state(State.SUBMITTED, MAX_COUNT + 1)

    def has_failed(self, actor: Actor) -> bool:
        """Return whether some were approved and could not be signed."""
        require(actor, Action.READ)
        return self._store.count_in_state(State.FAILED, 1) > 0

    def list_refused(self, actor: Actor) -> tuple[RequestRecord, ...]:
        """Return the actor's newest requests that were refused in the last 14 days and have no successor yet.

        A successor is a newer request of the actor, or a newer certificate, for the same host and purpose.
        """
        require(actor, Action.READ)
        require_unbounded(actor)
        if actor.account_id is None:
            return ()
        newest, now = dict[tuple[str, str], RequestRecord](), self._clock()
        for each in self._newest_of(actor):
            newest.setdefault(each.place, each)
        refused = [each for each in newest.values() if each.is_refused_since(now - SHOWN_REFUSED)]
        current = self._ledger.list_current({each.host for each in refused}, now) if refused else ()
        issued = {(each.host, each.purpose): each.issued_at for each in current}
        return tuple(each for each in refused if issued.get(each.place, each.submitted_at) <= each.submitted_at)

    def _newest_of(self, actor: Actor) -> list[RequestRecord]:
        """Return the newest requests of an account, and the newest refused ones, which may be older, newest first."""
        own = RequestQuery(submitted_by_id=actor.account_id)
        pages = (self._store.list_requests(query) for query in (own, replace(own, state=State.REFUSED)))
        return sorted(chain.from_iterable(page.items for page in pages), key=lambda each: each.id, reverse=True)

    def find_next(self, actor: Actor, after: RequestRecord) -> RequestRecord | None:
        """Return the oldest other request that waits for a decision that this actor may make, or None."""
        require(actor, Action.READ)
        found = self._store.list_in_state(State.SUBMITTED, MAX_COUNT)
        return next((each for each in found if each.id != after.id and not each.is_of(actor)), None)

    def get(self, actor: Actor, request_id: int) -> RequestRecord:
        """Return the request. Raises NotFound. One that a crash has left approved is completed first.

        While another request is writing, it stays approved: reading does not wait.
        """
        require(actor, Action.READ)
        request = self._get(actor, request_id)
        try:
            with deadline.without_waiting():
                return self._completion.complete(request).seen_by(actor)
        except Busy:
            return request.seen_by(actor)

    def list_submission(self, actor: Actor, request_id: int) -> tuple[RequestRecord, ...]:
        """Return the requests that were submitted together with this one, itself included, oldest first.

        Those outside the names of the actor's token are left out. Raises NotFound.
        """
        require(actor, Action.READ)
        found = self._store.list_submission(self._get(actor, request_id))
        return tuple(each.seen_by(actor) for each in found if _is_seen(actor, each))

    def review(self, actor: Actor, request: RequestRecord) -> Review:
        """Return what an approver sees: the CSR checked now, and compared with the certificate that it replaces."""
        examination = self._issuance.check_stored(actor, request)
        moments = tuple(timeline(request))
        current = self._ledger.find_current(request.host, self._clock(), request.options.destination.purpose)
        if current is None or current.serial_number == request.serial_number:
            return Review(examination, moments)
        difference = compare(csr.verify_stored(current.csr_der), csr.verify_stored(request.csr_der))
        return Review(examination, moments, current, difference)

    def wait(self, actor: Actor, request_id: int, seconds: int) -> RequestRecord:
        """Return what `get` returns, as soon as it is decided or after so many seconds (at most MAX_WAIT).

        No connection to the database is held while waiting. If too many callers wait already, it returns immediately.
        """
        request = self.get(actor, request_id)
        if seconds <= 0 or not self._places.acquire(blocking=False):
            return request
        try:
            for _ in range(min(seconds, MAX_WAIT)):
                if request.state is not State.SUBMITTED:
                    break
                self._pause(_STEP)
                request = self.get(actor, request_id)
        finally:
            self._places.release()
        return request

    def approve(self, actor: Actor, request_id: int, note: str = "") -> RequestRecord:
        """Approve the request, or retry a failed one, and sign it; it is ISSUED or FAILED afterwards.

        Raises NotAllowed for the actor's own request, Conflict with who and when if it was decided before.
        """
        request = self._decided(actor, request_id, State.APPROVED, _checked(note))
        return self._completion.complete(request)

    def refuse(self, actor: Actor, request_id: int, note: str) -> RequestRecord:
        """Refuse the request. Raises what `approve` raises, and InvalidInput without a note."""
        require(actor, Action.DECIDE)
        note = _checked(note)
        if not note:
            raise InvalidInput(REQUEST_NOTE.at("/note"))
        return self._decided(actor, request_id, State.REFUSED, note)

    def withdraw(self, actor: Actor, request_id: int, note: str = "") -> RequestRecord:
        """Withdraw the request. Raises NotAllowed for that of another person, unless an administrator does it."""
        require(actor, Action.ISSUE)
        request, note = self._get(actor, request_id), _checked(note)
        if not request.is_of(actor) and actor.role is not Role.ADMINISTRATOR:
            raise NotAllowed.because(REQUEST_NOT_OWN, id=request_id, name=request.submitted_by)
        return self._move(actor, request, State.WITHDRAWN, note).seen_by(actor)

    def submit_again(self, actor: Actor, request_id: int) -> Issued:
        """Submit the stored CSR of their own refused or withdrawn request again, as a new request.

        A decision stays in the history: the old request is not reopened. Raises NotAllowed for that of another person,
        Conflict in every other state, and what `Issuance.issue` raises.
        """
        require(actor, Action.ISSUE)
        request = self._get(actor, request_id)
        if not request.is_of(actor):
            raise NotAllowed.because(REQUEST_AGAIN_NOT_OWN, id=request_id, name=request.submitted_by)
        if not request.is_repeatable:
            raise Conflict.because(REQUEST_AGAIN_OPEN, id=request_id, state=request.state.value)
        return self._issuance.issue(actor, [request.csr_der], request.options)

    def _decided(self, actor: Actor, request_id: int, state: State, note: str) -> RequestRecord:
        require(actor, Action.DECIDE)
        request = self._get(actor, request_id)
        if request.is_of(actor):
            raise NotAllowed.because(REQUEST_OWN, id=request_id)
        return self._move(actor, request, state, note)

    def _move(self, actor: Actor, before: RequestRecord, state: State, note: str) -> RequestRecord:
        """Change its state, unless it was changed in the meantime. Idempotent for the person who has decided.

        Raises Conflict with the decision that was first.
        """
        after = before.decided(state, actor, self._clock(), note)
        said: dict[str, str | int] = {
            "host": after.host,
            "requested_by": after.submitted_by,
            **({"note": note} if note else {}),
        }
        said |= overridden(before.findings) if state is State.APPROVED else {}
        event = AuditEvent.by(actor, self._clock(), _EVENTS[state], str(after.id), **said)
        if before.is_undecided and self._store.move(after, before.state, event):
            return after
        now = self._get(actor, before.id)
        is_same_person = (now.decided_by_id, now.decided_by) == (actor.account_id, actor.name)
        if is_same_person and now.state in _COMES_TO[state]:
            return now
        raise _decided_before(now)

    def _get(self, actor: Actor, request_id: int) -> RequestRecord:
        request = self._store.find_request(request_id) if 0 < request_id <= _MAX_ID else None
        if request is None or not _is_seen(actor, request):
            raise NotFound.because(REQUEST_UNKNOWN)
        return request


def _decided_before(now: RequestRecord) -> Conflict:
    what = now.state if now.state in (State.REFUSED, State.WITHDRAWN) else State.APPROVED
    at = now.decided_at
    return Conflict.because(
        REQUEST_DECIDED,
        id=now.id,
        what=what.value,
        name=now.decided_by or f"rule {now.rule}",
        at=f"{at:%Y-%m-%d %H:%M} UTC" if at else "",
    )


def _checked(note: str) -> str:
    """Return the note without blanks around it. Raises InvalidInput if it is too long or has hidden characters."""
    text = note.strip().replace("\r\n", "\n")
    if len(text) > MAX_NOTE or not is_plain("".join(text.split())):
        raise InvalidInput(REQUEST_NOTE_INVALID.at("/note", limit=MAX_NOTE))
    return text


def _is_seen(actor: Actor, request: RequestRecord) -> bool:
    """Return whether the token of the actor, if there is one, covers all names of this request."""
    profile = request.options.profile
    return actor.grant is None or actor.grant.sees(profile, request.names, request.host)
