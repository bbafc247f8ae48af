"""Revoking leaves, putting them on hold, and releasing them.

The states of a certificate (each transition is one transaction with its audit event):

    good --revoke--> revoked                         final
    good --revoke(certificateHold)--> held           not valid for now
    held --revoke--> revoked                         the hold becomes final; it began when the hold began
    held --release--> released                       good again, and can be revoked or held again

Actors with the permission REVOKE move them. `revoked` is final. A transition is stored only if the
certificate is unchanged since it was read: of two concurrent changes one wins, and the other gets a
Conflict. A revocation counts from its commit: OCSP reads it from there, and the next download gets a new
CRL. So a crash leaves either nothing, or a complete revocation.
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
    "Shorten it to {limit} characters.",
)
REVOCATION_IN_FUTURE: Final = Rule(
    "revocation.invalid-since-future",
    "The key cannot have been lost in the future.",
    "Give a time in the past, in UTC, or leave it empty.",
)

MAX_NOTE = 500
_EVENTS = {
    State.REVOKED: Event.CERTIFICATE_REVOKED,
    State.HELD: Event.CERTIFICATE_HELD,
    State.RELEASED: Event.CERTIFICATE_RELEASED,
}


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """A request to revoke or release: actor, time, reason and note."""

    actor: Actor
    at: datetime
    reason: Reason
    invalid_since: datetime | None
    note: str


class Revocation:
    """Revokes leaves, puts them on hold and releases them, and explains the consequences."""

    def __init__(self, store: RevocationStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def preview(
        self, actor: Actor, selection: Selection, reason: Reason, *, invalid_since: datetime | None = None
    ) -> Outcome:
        """Return the outcome of `revoke` without revoking. Raises what `revoke` raises."""
        require(actor, Action.REVOKE)
        return self._plan(selection, self._request(actor, reason, invalid_since, ""))

    def revoke(
        self,
        actor: Actor,
        selection: Selection,
        reason: Reason,
        *,
        invalid_since: datetime | None = None,
        note: str = "",
    ) -> Outcome:
        """Revoke the selected certificates, or put them on hold (certificateHold): all of them, or none.

        Idempotent: certificates already in that state are left unchanged. The key was lost at about
        `invalid_since`; `note` is for the audit log. Selected certificates that were issued for a lost or held key
        at the same moment are revoked after the others. Raises InvalidInput for invalid values, NotFound for
        certificates that were not issued here, Conflict for a concurrent change.
        """
        require(actor, Action.REVOKE)
        request = self._request(actor, reason, invalid_since, note)
        done = self._do(actor, self._plan(selection, request))
        if not any(each.after and each.after.bars_key for each in done.changes):
            return done
        # From that commit on, nothing is issued for these keys: what was issued just before it is all there now.
        late = self._do(actor, self._late(selection, request, done))
        return self._outcome((*done.changes, *late.changes), request)

    def preview_release(self, actor: Actor, selection: Selection) -> Outcome:
        """Return the outcome of `release` without releasing. Raises what `release` raises."""
        require(actor, Action.REVOKE)
        return self._plan_release(selection, self._request(actor, Reason.REMOVE_FROM_CRL, None, ""))

    def release(self, actor: Actor, selection: Selection, *, note: str = "") -> Outcome:
        """Release the selected certificates from hold. Raises Conflict if none of them is on hold."""
        require(actor, Action.REVOKE)
        return self._do(actor, self._plan_release(selection, self._request(actor, Reason.REMOVE_FROM_CRL, None, note)))

    def find(self, actor: Actor, serial_number: str) -> RevocationRecord | None:
        """Return the revocation of the leaf with this serial number, or None."""
        require(actor, Action.READ)
        return self.revocations_of([serial_number]).get(serial_number)

    def revocations_of(self, serial_numbers: Collection[str]) -> Mapping[str, RevocationRecord]:
        """Return the revocations of these leaves, by serial number, for callers that may see the leaves."""
        return self._store.revocations_of(serial_numbers)

    def not_good(self, serial_numbers: Collection[str]) -> frozenset[str]:
        """Return the serial numbers of those leaves that are revoked or on hold."""
        found = self._store.revocations_of(serial_numbers)
        return frozenset(serial for serial, record in found.items() if not record.is_good)

    def _request(self, actor: Actor, reason: Reason, invalid_since: datetime | None, note: str) -> RevocationRequest:
        now = self._clock()
        if reason is not Reason.REMOVE_FROM_CRL:
            read_leaf_reason(reason.value)
        if len(note) > MAX_NOTE:
            raise InvalidInput(REVOCATION_NOTE.at("/note", length=len(note), limit=MAX_NOTE))
        if invalid_since is not None and invalid_since > now:
            raise InvalidInput(REVOCATION_IN_FUTURE.at("/invalid_since"))
        return RevocationRequest(actor, now, reason, invalid_since, " ".join(note.split()))

    def _plan(self, selection: Selection, request: RevocationRequest) -> Outcome:
        statuses = self._selected(request.actor, selection)
        return self._outcome(tuple(_change(each, request) for each in statuses), request)

    def _late(self, selection: Selection, request: RevocationRequest, done: Outcome) -> Outcome:
        """Return what is selected as well and has a key of what was done, but was issued after that was read."""
        seen = {each.certificate.serial_number for each in done.changes}
        keys = {each.certificate.key_fingerprint for each in done.changed}
        leaves = ((each, each.certificate) for each in self._selected(request.actor, selection))
        late = [each for each, leaf in leaves if leaf.key_fingerprint in keys and leaf.serial_number not in seen]
        return Outcome(tuple(_change(each, request) for each in late))

    def _outcome(self, changes: tuple[Change, ...], request: RevocationRequest) -> Outcome:
        """Return these changes with their consequences."""
        outcome = Outcome(changes)
        others = self._with_the_same_keys(outcome) if request.reason is Reason.KEY_COMPROMISE else ()
        return Outcome(changes, consequences.of_revoking(outcome, request.reason, others))

    def _selected(self, actor: Actor, selection: Selection) -> tuple[RevocationStatus, ...]:
        """Return the selected certificates that the actor's token may see; all others count as missing."""
        selection, grant = checked(selection), actor.grant
        found = self._store.list_selected(selection)
        if grant is not None:
            leaves = ((each, each.certificate) for each in found)
            found = tuple(each for each, leaf in leaves if grant.sees(leaf.profile, leaf.names, leaf.host))
        require_found(selection, found)
        return found

    def _with_the_same_keys(self, outcome: Outcome) -> tuple[RevocationStatus, ...]:
        """Return certificates that are good and valid, have one of the lost keys, and are not selected."""
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

    def _plan_release(self, selection: Selection, request: RevocationRequest) -> Outcome:
        statuses = self._selected(request.actor, selection)
        outcome = Outcome(tuple(_release(each, request) for each in statuses))
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
            Change(each.status, each.effect, by_serial.get(each.certificate.serial_number)) for each in outcome.changes
        )
        return Outcome(changes, outcome.findings)


def _change(status: RevocationStatus, request: RevocationRequest) -> Change:
    """Return the effect of revoking on one certificate."""
    before, is_hold = status.revocation, request.reason is Reason.CERTIFICATE_HOLD
    if before is not None and before.state is State.REVOKED:
        return Change(status, Effect.ALREADY if before.reason is request.reason else Effect.FINAL)
    if before is not None and before.state is State.HELD and is_hold:
        return Change(status, Effect.ALREADY)
    if status.certificate.not_after < request.at:
        return Change(status, Effect.EXPIRED)
    was_held = before is not None and before.state is State.HELD
    effect = Effect.HOLD if is_hold else Effect.MAKE_FINAL if was_held else Effect.REVOKE
    return Change(status, effect, _record(status, request, State.HELD if is_hold else State.REVOKED))


def _release(status: RevocationStatus, request: RevocationRequest) -> Change:
    """Return the effect of releasing on one certificate."""
    before = status.revocation
    if before is None or before.state is State.RELEASED:
        return Change(status, Effect.NOT_HELD)
    if before.state is State.REVOKED:
        return Change(status, Effect.FINAL)
    return Change(status, Effect.RELEASE, _record(status, request, State.RELEASED))


def _record(status: RevocationStatus, request: RevocationRequest, state: State) -> RevocationRecord:
    leaf, before = status.certificate, status.revocation
    revoked_at = before.revoked_at if before is not None and before.state is State.HELD else request.at
    serial_number = int(leaf.serial_number, 16)
    return RevocationRecord(
        issuer_id=leaf.issuer_id,
        serial_number=leaf.serial_number,
        state=state,
        reason=request.reason,
        revoked_at=revoked_at,
        changed_at=request.at,
        changed_by=request.actor.name,
        not_after=leaf.not_after,
        entry_der=crl.entry(serial_number, revoked_at, request.reason, request.invalid_since),
        invalid_since=request.invalid_since,
        note=request.note,
    )


def _event(actor: Actor, change: Change) -> AuditEvent:
    record = change.after
    if record is None:
        raise ValueError("an unchanged certificate has no event")
    details: dict[str, str | int] = {"host": change.certificate.host, "reason": record.reason.value}
    if record.note:
        details["note"] = record.note
    if record.invalid_since is not None:
        details["invalid_since"] = time_text(record.invalid_since)
    return AuditEvent.by(actor, record.changed_at, _EVENTS[record.state], record.serial_number, **details)
