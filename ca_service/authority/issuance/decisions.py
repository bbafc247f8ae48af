"""Knows what can be done with applications: look, wait, approve, refuse, withdraw; and who may do it.

Whoever may read certificates may open any application by its number, as boards link to them; a list shows those who
may only submit their own. Nobody decides on what they have submitted themselves, whatever their role and token: rules
are policy, not a person. The operator at the command line may decide, and is recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import BoundedSemaphore
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, Role, require, require_unbounded
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.issuance.completion import Completion
from ca_service.authority.issuance.records import (
    RequestPage,
    RequestQuery,
    RequestRecord,
    State,
)
from ca_service.authority.issuance.store import RequestStore
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, InvalidInput, NotAllowed, NotFound, blocking
from ca_service.pki.names import is_plain

MAX_WAIT: Final = 30
MAX_NOTE: Final = 1000
MAX_COUNT: Final = 50
_MAX_TEXT: Final = 200
_STEP: Final = 1.0
_WAITING_AT_ONCE: Final = 2  # in a process: each of them holds one of its few threads
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


class Requests:
    """The applications, and the decisions about them. `pause` waits for so many seconds."""

    def __init__(
        self, store: RequestStore, completing: Completion, clock: Clock, pause: Callable[[float], None]
    ) -> None:
        self._store = store
        self._completing = completing
        self._clock = clock
        self._pause = pause
        self._places = BoundedSemaphore(_WAITING_AT_ONCE)

    def list_applications(self, actor: Actor, query: RequestQuery) -> RequestPage:
        """One page: all that there are, or their own for those who may only submit."""
        require(actor, Action.READ)
        require_unbounded(actor)
        query = replace(query, text=query.text[:_MAX_TEXT])
        if actor.role is Role.REQUESTER:
            query = replace(query, submitted_by_id=actor.account_id)
        return self._store.list_applications(query)

    def count_waiting(self, actor: Actor) -> int:
        """How many wait for a decision; MAX_COUNT + 1 stands for more than MAX_COUNT."""
        require(actor, Action.READ)
        return len(self._store.list_in_state(State.SUBMITTED, MAX_COUNT + 1))

    def has_failed(self, actor: Actor) -> bool:
        """Whether some were approved and could not be signed."""
        require(actor, Action.READ)
        return bool(self._store.list_in_state(State.FAILED, 1))

    def find_next(self, actor: Actor, after: RequestRecord) -> RequestRecord | None:
        """The oldest other one that waits for a decision which this actor may make."""
        require(actor, Action.READ)
        found = self._store.list_in_state(State.SUBMITTED, MAX_COUNT)
        return next((each for each in found if each.id != after.id and not each.is_of(actor)), None)

    def get(self, actor: Actor, application_id: int) -> RequestRecord:
        """The application of this number; raises NotFound. One that a crash has left approved is finished first."""
        require(actor, Action.READ)
        return self._completing.complete(self._get(actor, application_id))

    def wait(self, actor: Actor, application_id: int, seconds: int) -> RequestRecord:
        """The same as `get`, but as soon as it was decided, or after so many seconds (MAX_WAIT at most).

        No connection to the database is held meanwhile. Where too many wait already, the answer comes at once.
        """
        application = self.get(actor, application_id)
        if seconds <= 0 or not self._places.acquire(blocking=False):
            return application
        try:
            for _ in range(min(seconds, MAX_WAIT)):
                if application.state is not State.SUBMITTED:
                    break
                self._pause(_STEP)
                application = self.get(actor, application_id)
        finally:
            self._places.release()
        return application

    def approve(self, actor: Actor, application_id: int, note: str = "") -> RequestRecord:
        """Approve it, or try again what has failed, and have it signed; it is ISSUED then, or FAILED.

        Raises NotAllowed for one's own, Conflict with who and when if it was decided before.
        """
        application = self._decided(actor, application_id, State.APPROVED, _checked(note))
        return self._completing.complete(application)

    def refuse(self, actor: Actor, application_id: int, note: str) -> RequestRecord:
        """Refuse it; raises as `approve` does, and InvalidInput without a note."""
        require(actor, Action.DECIDE)
        note = _checked(note)
        if not note:
            raise InvalidInput(
                blocking(
                    "application.note",
                    "/note",
                    "Nobody refuses a request without a word: the note is empty.",
                    "Write what has to be otherwise, for who has submitted it.",
                )
            )
        return self._decided(actor, application_id, State.REFUSED, note)

    def withdraw(self, actor: Actor, application_id: int, note: str = "") -> RequestRecord:
        """Take it back; raises NotAllowed for that of somebody else, unless an administrator does it."""
        require(actor, Action.ISSUE)
        application, note = self._get(actor, application_id), _checked(note)
        if not application.is_of(actor) and actor.role is not Role.ADMINISTRATOR:
            raise NotAllowed.because(
                "application.not-own",
                "Request {id} was submitted by {name}.",
                "Let {name} withdraw it, or an administrator. Who may approve requests can refuse it.",
                id=application_id,
                name=application.submitted_by,
            )
        return self._move(actor, application, State.WITHDRAWN, note)

    def _decided(self, actor: Actor, application_id: int, state: State, note: str) -> RequestRecord:
        require(actor, Action.DECIDE)
        application = self._get(actor, application_id)
        if application.is_of(actor):
            raise NotAllowed.because(
                "application.own",
                "You have submitted request {id} yourself, so somebody else has to decide about it.",
                "Ask another approver or administrator; if it is not wanted any more, withdraw it.",
                id=application_id,
            )
        return self._move(actor, application, state, note)

    def _move(self, actor: Actor, before: RequestRecord, state: State, note: str) -> RequestRecord:
        """Move it, if nobody was quicker; raises Conflict. Who does the same twice is told the same again."""
        after = before.decided(state, actor, self._clock(), note)
        said = {"host": after.host, "requested_by": after.submitted_by, **({"note": note} if note else {})}
        event = AuditEvent.by(actor, self._clock(), _EVENTS[state], str(after.id), **said)
        if before.is_undecided and self._store.move(after, before.state, event):
            return after
        now = self._get(actor, before.id)
        is_same_person = (now.decided_by_id, now.decided_by) == (actor.account_id, actor.name)
        if is_same_person and now.state in _COMES_TO[state]:
            return now
        raise _overtaken(now)

    def _get(self, actor: Actor, application_id: int) -> RequestRecord:
        application = self._store.find_application(application_id) if 0 < application_id <= _MAX_ID else None
        if application is None or not _is_seen(actor, application):
            raise NotFound.because(
                "application.unknown", "There is no such request.", "Look for it in the list of requests."
            )
        return application


def _overtaken(now: RequestRecord) -> Conflict:
    """That somebody was first: who, and when."""
    what = now.state if now.state in (State.REFUSED, State.WITHDRAWN) else State.APPROVED
    at = now.decided_at
    return Conflict.because(
        "application.decided",
        "Request {id} was {what} by {name} before, on {at}.",
        "Nothing is left to decide: look at the request to see what became of it.",
        id=now.id,
        what=what.value,
        name=now.decided_by or f"rule {now.rule}",
        at=f"{at:%Y-%m-%d %H:%M} UTC" if at else "",
    )


def _checked(note: str) -> str:
    """The note without blanks around it; raises InvalidInput for one that is too long, or hides characters."""
    text = note.strip().replace("\r\n", "\n")
    if len(text) > MAX_NOTE or not is_plain("".join(text.split())):
        raise InvalidInput(
            blocking(
                "application.note",
                "/note",
                "The note is longer than {limit} characters, or has some that cannot be seen.",
                "Write a few plain sentences.",
                limit=MAX_NOTE,
            )
        )
    return text


def _is_seen(actor: Actor, application: RequestRecord) -> bool:
    """Whether the token of the actor, if there is one, is for all names of this request."""
    profile = application.options.profile
    return actor.grant is None or actor.grant.sees(profile, application.names, application.host)
