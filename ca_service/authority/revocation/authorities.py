"""Revocation of an authority itself: its leaves become invalid, and it issues no more.

The states of an authority below another one are those of a leaf, without the hold: good --revoke--> revoked.
The operator moves it, or an imported CRL of an offline root (see `status/crl_importer`). It
counts from the commit: nothing is issued afterwards. Relying parties learn of it from the next CRL of
the authority above, which is signed immediately if its key is here, and elsewhere if not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.records import RevocationRecord, State, Transition
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import Conflict, Finding, NotFound, Rule, Severity
from ca_service.pki import crl
from ca_service.pki.contents import serial_text
from ca_service.pki.reasons import Reason, read_authority_reason

AUTHORITY_WILL_BE_REVOKED: Final = Rule(
    "authority.will-be-revoked",
    "All certificates issued by {issuer} become invalid on every node, and it never issues again.",
    "This cannot be undone. The next intermediate has to sign a new CSR of each node: if there is none yet, create it "
    "first with `ca-service ca rollover`, and plan the uploads.",
    Severity.WARNING,
)
AUTHORITY_LIST_TO_BE_SIGNED: Final = Rule(
    "authority.list-to-be-signed",
    "The key of {above} is not here, so no CRL lists the revocation yet.",
    "Sign a CRL with `ca-service crl sign-root --key FILE`, or import one that was signed elsewhere: "
    "`ca-service crl import FILE`.",
    Severity.WARNING,
)
AUTHORITY_NOT_REVOCABLE: Final = Rule(
    "authority.not-revocable",
    "There is no intermediate authority {issuer}.",
    "List the authorities with `ca-service ca show`. A root cannot be revoked: remove it from the trust stores.",
)
AUTHORITY_REVOKED_ALREADY: Final = Rule(
    "authority.revoked-already",
    "{issuer} has been revoked since {date} ({reason}).",
    "Publish the CRL of {above}; there is nothing else to do.",
)
AUTHORITY_REVOKED_MEANWHILE: Final = Rule(
    "authority.revoked-meanwhile",
    "The authority was revoked or put on hold while it signed. The certificate was not issued.",
    "Check the CSR again: the result says what to do.",
)
AUTHORITY_LISTED_AT_ONCE: Final = Rule(
    "authority.listed-at-once",
    "The next CRL of {above} lists the revocation.",
    "",
    Severity.NOTE,
)


@dataclass(frozen=True, slots=True)
class RevokedAuthority:
    """An authority that was revoked, or would be in a preview, and the consequences."""

    issuer: IssuerRecord
    above: IssuerRecord
    revocation: RevocationRecord
    findings: tuple[Finding, ...]


class AuthorityRevocation:
    """Revokes authorities that are below others."""

    def __init__(self, store: RevocationStore, hierarchy: Hierarchy, clock: Clock) -> None:
        self._store = store
        self._hierarchy = hierarchy
        self._clock = clock

    def preview(self, actor: Actor, issuer_id: str, reason: Reason) -> RevokedAuthority:
        """Return the result of `revoke` without revoking. Raises what `revoke` raises."""
        require(actor, Action.AUTHORITY)
        return self._plan(actor, issuer_id, reason, "")[0]

    def revoke(self, actor: Actor, issuer_id: str, reason: Reason, *, note: str = "") -> RevokedAuthority:
        """Revoke this authority permanently.

        Raises NotFound for an unknown authority or a root, which no CRL can revoke; Conflict if it is
        revoked already, InvalidInput for a reason that does not apply to authorities.
        """
        require(actor, Action.AUTHORITY)
        planned, transition = self._plan(actor, issuer_id, reason, note)
        [stored] = self._store.change([transition])
        return RevokedAuthority(planned.issuer, planned.above, stored, planned.findings)

    def _plan(self, actor: Actor, issuer_id: str, reason: Reason, note: str) -> tuple[RevokedAuthority, Transition]:
        read_authority_reason(reason.value)
        records = {record.id: record for record in self._hierarchy.list_certified()}
        issuer = records.get(issuer_id)
        if issuer is None or issuer.parent_id is None:
            raise NotFound.because(AUTHORITY_NOT_REVOCABLE, issuer=issuer_id[:80])
        before = revocation_of(self._store, issuer)
        if before is not None and before.state is State.REVOKED:
            raise Conflict.because(
                AUTHORITY_REVOKED_ALREADY,
                issuer=issuer.id,
                date=before.revoked_at.date().isoformat(),
                reason=before.reason.value,
                above=issuer.parent_id,
            )
        transition = _transition(actor, issuer, reason, before, note, self._clock())
        above = records[issuer.parent_id]
        return RevokedAuthority(issuer, above, transition.after, _consequences(issuer, above)), transition


def _transition(
    actor: Actor, issuer: IssuerRecord, reason: Reason, before: RevocationRecord | None, note: str, at: datetime
) -> Transition:
    """Return the revocation with its event; a hold from an imported CRL keeps its start."""
    certificate = certificate_of(issuer)
    revoked_at = before.revoked_at if before is not None and before.state is State.HELD else at
    after = RevocationRecord(
        issuer_id=issuer.parent_id or "",
        serial_number=serial_text(certificate.serial_number),
        state=State.REVOKED,
        reason=reason,
        revoked_at=revoked_at,
        changed_at=at,
        changed_by=actor.name,
        not_after=certificate.not_valid_after_utc,
        entry_der=crl.entry(certificate.serial_number, revoked_at, reason),
        note=note,
    )
    event = AuditEvent.by(
        actor, at, Event.AUTHORITY_REVOKED, issuer.id, state=after.state.value, reason=reason.value, note=note
    )
    return Transition(before, after, event)


def _consequences(issuer: IssuerRecord, above: IssuerRecord) -> tuple[Finding, ...]:
    gone = AUTHORITY_WILL_BE_REVOKED.at(issuer=issuer.id)
    if above.key_id is not None:
        return (
            gone,
            AUTHORITY_LISTED_AT_ONCE.at(above=above.id),
        )
    sign = AUTHORITY_LIST_TO_BE_SIGNED.at(above=above.id)
    return (gone, sign)


def require_good_authorities(revocations: Iterable[RevocationRecord]) -> None:
    """Raise Conflict if one of these revocations, of the authorities above a certificate, is in force.

    A store calls this in the transaction that writes the certificate: they were checked before, but not locked.
    """
    if any(not each.is_good for each in revocations):
        raise Conflict.because(AUTHORITY_REVOKED_MEANWHILE)


def revocation_of(store: RevocationStore, issuer: IssuerRecord) -> RevocationRecord | None:
    """Return the revocation of an authority by the one above it, or None."""
    if issuer.parent_id is None:
        return None
    return store.find_revocation(issuer.parent_id, serial_text(certificate_of(issuer).serial_number))
