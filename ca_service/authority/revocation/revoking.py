"""Knows how certificates are revoked, put on hold and released.

The states of a certificate, and who moves it (each move is one transaction with its audit event):

    good --revoke--> revoked                         final
    good --revoke(certificateHold)--> held           not valid for now
    held --revoke--> revoked                         the hold becomes final; it began when the hold began
    held --release--> released                       good again, and can be revoked or held again

Whoever may REVOKE moves them. Nothing leads out of `revoked`. A move only holds while the certificate
is what it was when it was looked at: of two at once one wins, and the other is told what became of it.
A revocation counts from its commit: OCSP answers read it there, and the next fetch of the list finds a
new list. So a crash leaves either nothing, or all that is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.ports import Clock
from ca_service.authority.revocation import consequences
from ca_service.authority.revocation.records import (
    Change,
    Effect,
    Outcome,
    RevocationRecord,
    RevocationStatus,
    Selection,
    State,
    transitions,
)
from ca_service.authority.revocation.selecting import checked, require_found
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict, InvalidInput, Rule
from ca_service.pki import crl
from ca_service.pki.encodings import time_text
from ca_service.pki.reasons import Reason, read_leaf_reason

REVOCATION_NOTE: Final = Rule(
    "revocation.note",
    "The note has {length} characters.",
    "Say it in {limit}.",
)
REVOCATION_IN_FUTURE: Final = Rule(
    "revocation.invalid-since-future",
    "The key cannot have been lost in the future.",
    "Give a time that has passed, in UTC, or leave it out.",
)

MAX_NOTE = 500
_EVENTS = {
    State.REVOKED: Event.CERTIFICATE_REVOKED,
    State.HELD: Event.CERTIFICATE_HELD,
    State.RELEASED: Event.CERTIFICATE_RELEASED,
}


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """What is asked, by whom, when."""

    actor: Actor
    at: datetime
    reason: Reason
    invalid_since: datetime | None
    note: str


class Revocation:
    """Revokes leaves, holds and releases them, and tells what that leads to."""

    def __init__(self, store: RevocationStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def preview(
        self, actor: Actor, selection: Selection, reason: Reason, *, invalid_since: datetime | None = None
    ) -> Outcome:
        """What `revoke` would do, without doing it; raises what `revoke` raises."""
        require(actor, Action.REVOKE)
        return self._plan(selection, self._wish(actor, reason, invalid_since, ""))

    def revoke(
        self,
        actor: Actor,
        selection: Selection,
        reason: Reason,
        *,
        invalid_since: datetime | None = None,
        note: str = "",
    ) -> Outcome:
        """Revoke what is selected, or put it on hold (certificateHold): all of it, or nothing.

        What is so already stays, so it can be repeated. `invalid_since` is when the key is thought to
        have been lost; `note` tells the record why. Raises InvalidInput for values that cannot be,
        NotFound for what was never issued here, Conflict when somebody else was quicker.
        """
        require(actor, Action.REVOKE)
        return self._do(actor, self._plan(selection, self._wish(actor, reason, invalid_since, note)))

    def preview_release(self, actor: Actor, selection: Selection) -> Outcome:
        """What `release` would do, without doing it; raises what `release` raises."""
        require(actor, Action.REVOKE)
        return self._plan_release(selection, self._wish(actor, Reason.REMOVE_FROM_CRL, None, ""))

    def release(self, actor: Actor, selection: Selection, *, note: str = "") -> Outcome:
        """End the hold of what is selected; raises Conflict when nothing of it is on hold."""
        require(actor, Action.REVOKE)
        return self._do(actor, self._plan_release(selection, self._wish(actor, Reason.REMOVE_FROM_CRL, None, note)))

    def find(self, actor: Actor, serial_number: str) -> RevocationRecord | None:
        """The revocation of the leaf with this serial number, if it ever had one."""
        require(actor, Action.READ)
        return self.revocations_of([serial_number]).get(serial_number)

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """The revocations of these leaves, by serial number; for those who see the leaves already."""
        return self._store.revocations_of(serial_numbers)

    def not_good(self, serial_numbers: Collection[str]) -> frozenset[str]:
        """Which of these leaves are revoked or on hold."""
        found = self._store.revocations_of(serial_numbers)
        return frozenset(serial for serial, record in found.items() if not record.is_good)

    def _wish(self, actor: Actor, reason: Reason, invalid_since: datetime | None, note: str) -> RevocationRequest:
        now = self._clock()
        if reason is not Reason.REMOVE_FROM_CRL:
            read_leaf_reason(reason.value)
        if len(note) > MAX_NOTE:
            raise InvalidInput(REVOCATION_NOTE.at("/note", length=len(note), limit=MAX_NOTE))
        if invalid_since is not None and invalid_since > now:
            raise InvalidInput(REVOCATION_IN_FUTURE.at("/invalid_since"))
        return RevocationRequest(actor, now, reason, invalid_since, " ".join(note.split()))

    def _plan(self, selection: Selection, wish: RevocationRequest) -> Outcome:
        standings = self._selected(wish.actor, selection)
        outcome = Outcome(tuple(_change(each, wish) for each in standings))
        others = self._with_the_same_keys(outcome) if wish.reason is Reason.KEY_COMPROMISE else ()
        return Outcome(outcome.changes, consequences.of_revoking(outcome, wish.reason, others))

    def _selected(self, actor: Actor, selection: Selection) -> tuple[RevocationStatus, ...]:
        """What is meant, as far as the actor's token sees it: for it, there are no others."""
        selection, grant = checked(selection), actor.grant
        found = self._store.list_selected(selection)
        if grant is not None:
            leaves = ((each, each.certificate) for each in found)
            found = tuple(each for each, leaf in leaves if grant.sees(leaf.profile, leaf.names, leaf.host))
        require_found(selection, found)
        return found

    def _with_the_same_keys(self, outcome: Outcome) -> tuple[RevocationStatus, ...]:
        """What is good and valid, has one of the lost keys, and is not selected."""
        selected = {change.certificate.serial_number for change in outcome.changes}
        keys = {change.certificate.key_fingerprint for change in outcome.changes}
        found = [each for key in sorted(keys) for each in self._store.list_selected(Selection(key_fingerprint=key))]
        return tuple(
            each
            for each in found
            if each.is_good
            and each.certificate.serial_number not in selected
            and each.certificate.not_after >= self._clock()
        )

    def _plan_release(self, selection: Selection, wish: RevocationRequest) -> Outcome:
        standings = self._selected(wish.actor, selection)
        outcome = Outcome(tuple(_release(each, wish) for each in standings))
        if not outcome.changed:
            raise Conflict(*consequences.why_not_released(outcome))
        return Outcome(outcome.changes, consequences.of_releasing(outcome))

    def _do(self, actor: Actor, outcome: Outcome) -> Outcome:
        if not outcome.changed:
            return outcome
        events = [_event(actor, change) for change in outcome.changed]
        stored = self._store.change(transitions(outcome.changed, events))
        by_serial = {record.serial_number: record for record in stored}
        changes = tuple(
            Change(each.standing, each.effect, by_serial.get(each.certificate.serial_number))
            for each in outcome.changes
        )
        return Outcome(changes, outcome.findings)


def _change(standing: RevocationStatus, wish: RevocationRequest) -> Change:
    """What revoking does to one certificate."""
    before, is_hold = standing.revocation, wish.reason is Reason.CERTIFICATE_HOLD
    if before is not None and before.state is State.REVOKED:
        return Change(standing, Effect.ALREADY if before.reason is wish.reason else Effect.FINAL)
    if before is not None and before.state is State.HELD and is_hold:
        return Change(standing, Effect.ALREADY)
    if standing.certificate.not_after < wish.at:
        return Change(standing, Effect.EXPIRED)
    was_held = before is not None and before.state is State.HELD
    effect = Effect.HOLD if is_hold else Effect.MAKE_FINAL if was_held else Effect.REVOKE
    return Change(standing, effect, _record(standing, wish, State.HELD if is_hold else State.REVOKED))


def _release(standing: RevocationStatus, wish: RevocationRequest) -> Change:
    """What releasing does to one certificate."""
    before = standing.revocation
    if before is None or before.state is State.RELEASED:
        return Change(standing, Effect.NOT_HELD)
    if before.state is State.REVOKED:
        return Change(standing, Effect.FINAL)
    return Change(standing, Effect.RELEASE, _record(standing, wish, State.RELEASED))


def _record(standing: RevocationStatus, wish: RevocationRequest, state: State) -> RevocationRecord:
    leaf, before = standing.certificate, standing.revocation
    revoked_at = before.revoked_at if before is not None and before.state is State.HELD else wish.at
    serial_number = int(leaf.serial_number, 16)
    return RevocationRecord(
        issuer_id=leaf.issuer_id,
        serial_number=leaf.serial_number,
        state=state,
        reason=wish.reason,
        revoked_at=revoked_at,
        changed_at=wish.at,
        changed_by=wish.actor.name,
        not_after=leaf.not_after,
        entry_der=crl.entry(serial_number, revoked_at, wish.reason, wish.invalid_since),
        invalid_since=wish.invalid_since,
        note=wish.note,
    )


def _event(actor: Actor, change: Change) -> AuditEvent:
    record = change.after
    if record is None:
        raise ValueError("nothing happens to what does not change")
    details: dict[str, str | int] = {"host": change.certificate.host, "reason": record.reason.value}
    if record.note:
        details["note"] = record.note
    if record.invalid_since is not None:
        details["invalid_since"] = time_text(record.invalid_since)
    return AuditEvent.by(actor, record.changed_at, _EVENTS[record.state], record.serial_number, **details)
