"""Values of revocation: what is stored, what is requested, and the results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.certificates import CertificateRecord
from ca_service.errors import Conflict, Finding, InvalidInput, Rule
from ca_service.pki.reasons import Reason

CSR_KEY_REVOKED_MEANWHILE: Final = Rule(
    "csr.key.revoked-meanwhile",
    "A certificate with the key of this CSR was revoked or put on hold at the same time.",
    "Check the CSR again: the result says what to do.",
)
REVOCATION_CHANGED: Final = Rule(
    "revocation.changed",
    "Certificate {serial} was changed by {who} in the meantime and is now {state} ({reason}).",
    "Check it again. None of your changes were made.",
)
CRL_NUMBER: Final = Rule(
    "crl.number",
    "The list has the number {number:x}, but {issuer} has already published this number or a higher one.",
    "Show the published list with `ca-service crl show`. The next list needs a higher number.",
)
CONFIRMATION_WRONG: Final = Rule(
    "confirmation.wrong",
    "This action needs confirmation.",
    "Type exactly: {wanted}",
)


class State(StrEnum):
    """The state of a certificate that was revoked at least once; others have no record."""

    REVOKED = "revoked"
    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """The revocation of one certificate of an issuer, a leaf or an authority.

    The certificate is invalid since `revoked_at`; a hold that becomes final keeps its start. Its key was
    lost at about `invalid_since`. `entry_der` is its entry in CRLs: for a released one, the entry that
    removes it. `version` counts the changes of the issuer; the store sets it.
    """

    issuer_id: str
    serial_number: str
    state: State
    reason: Reason
    revoked_at: datetime
    changed_at: datetime
    changed_by: str
    not_after: datetime
    entry_der: bytes
    invalid_since: datetime | None = None
    note: str = ""
    version: int = 0

    @property
    def is_good(self) -> bool:
        """Whether the certificate is valid again."""
        return self.state is State.RELEASED

    @property
    def bars_key(self) -> bool:
        """Whether nothing may be issued for the key: it was reported as lost, or a certificate with it is on hold."""
        return not self.is_good and (self.reason is Reason.KEY_COMPROMISE or self.state is State.HELD)


def require_usable_key(revocations: Iterable[RevocationRecord]) -> None:
    """Raise Conflict if one of these revocations, of certificates with the same key, blocks the key.

    A store calls this in the transaction that writes a certificate: the key was checked before, but not locked.
    """
    if any(each.bars_key for each in revocations):
        raise Conflict.because(CSR_KEY_REVOKED_MEANWHILE)


@dataclass(frozen=True, slots=True)
class Selection:
    """A selection of certificates: by serial number, by the fingerprint of their key, or by a host that they name.

    Each certificate that matches one of the three is selected. A cluster is selected by its serial numbers.
    """

    serial_numbers: tuple[str, ...] = ()
    key_fingerprint: str = ""
    host: str = ""

    def means(self, certificate: CertificateRecord) -> bool:
        """Return whether this certificate is selected."""
        return (
            certificate.serial_number in self.serial_numbers
            or certificate.key_fingerprint == self.key_fingerprint
            or (self.host != "" and self.host.lower() in _hosts(certificate))
        )


def _hosts(certificate: CertificateRecord) -> set[str]:
    """Return the host, DNS names and addresses of a certificate."""
    named = (name.partition(":") for name in certificate.names)
    return {certificate.host.lower(), *(value.lower() for kind, _, value in named if kind in ("DNS", "IP"))}


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """A leaf and its revocation, if it has one."""

    certificate: CertificateRecord
    revocation: RevocationRecord | None = None

    @property
    def is_good(self) -> bool:
        """Whether the certificate is neither revoked nor on hold."""
        return self.revocation is None or self.revocation.is_good


class Effect(StrEnum):
    """The effect of an action on one certificate."""

    REVOKE = "revoke"
    HOLD = "hold"
    MAKE_FINAL = "make-final"
    RELEASE = "release"
    ALREADY = "already"  # it already is as requested
    FINAL = "final"  # it is revoked and stays so
    NOT_HELD = "not-held"  # there is nothing to release
    EXPIRED = "expired"  # it is invalid anyway

    @property
    def changes(self) -> bool:
        """Whether the certificate changes."""
        return self in (Effect.REVOKE, Effect.HOLD, Effect.MAKE_FINAL, Effect.RELEASE)


@dataclass(frozen=True, slots=True)
class Change:
    """The effect on one certificate, with its status before; `after` is None if nothing changes."""

    status: RevocationStatus
    effect: Effect
    after: RevocationRecord | None = None

    @property
    def certificate(self) -> CertificateRecord:
        """The certificate."""
        return self.status.certificate

    @property
    def revocation(self) -> RevocationRecord | None:
        """The revocation after the change."""
        return self.after or self.status.revocation

    @property
    def state_text(self) -> str:
        """The state after the change: good, revoked, held, released."""
        return self.revocation.state.value if self.revocation else "good"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effect of a revocation or release on each certificate, and its consequences.

    `findings` are notes and warnings, in reading order.
    """

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def changed(self) -> tuple[Change, ...]:
        """The certificates that change."""
        return tuple(change for change in self.changes if change.effect.changes)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts whose certificates change, each once, in their order."""
        return tuple(dict.fromkeys(change.certificate.host for change in self.changed))

    @property
    def confirmation(self) -> str:
        """The text to type as confirmation."""
        return confirmation_of(self.hosts, len(self.changed))

    def require_confirmation(self, typed: str) -> None:
        """Raise InvalidInput unless this is the text of the confirmation."""
        require_confirmed(self.confirmation, typed)


def confirmation_of(hosts: Sequence[str], count: int) -> str:
    """Return the text to type as confirmation: the host, or the number of certificates if there are several hosts."""
    return hosts[0] if len(hosts) == 1 else str(count)


def require_confirmed(wanted: str, typed: str) -> None:
    """Raise InvalidInput unless the text of the confirmation was typed."""
    if typed.strip().lower() != wanted.lower():
        raise InvalidInput(CONFIRMATION_WRONG.at("/confirmation", wanted=wanted))


@dataclass(frozen=True, slots=True)
class Transition:
    """One change to be stored, with its event; valid only while the stored record is still `before`."""

    before: RevocationRecord | None
    after: RevocationRecord
    event: AuditEvent

    def require_current(self, found: RevocationRecord | None) -> None:
        """Raise Conflict unless `found`, what is stored now, is still `before`."""
        if (found and found.version) == (self.before and self.before.version):
            return
        raise Conflict.because(
            REVOCATION_CHANGED,
            who=found.changed_by if found else "",
            serial=self.after.serial_number,
            state=found.state.value if found else "",
            reason=found.reason.value if found else "",
        )


def transitions(changes: Sequence[Change], events: Sequence[AuditEvent]) -> tuple[Transition, ...]:
    """Return the changes in the form that the store takes."""
    return tuple(
        Transition(change.status.revocation, change.after, event)
        for change, event in zip(changes, events, strict=True)
        if change.after is not None
    )


@dataclass(frozen=True, slots=True)
class CRLRecord:
    """A published CRL without its bytes: `version` is the last change of the issuer that it contains.

    `count` is the number of its entries; after `renew_at` the next request publishes a new one.
    """

    issuer_id: str
    number: int
    this_update: datetime
    next_update: datetime
    renew_at: datetime
    version: int
    count: int

    def require_next(self, newest: CRLRecord | None) -> None:
        """Raise Conflict unless the number is higher than that of the newest list (RFC 5280, 5.2.3)."""
        if newest is not None and newest.number >= self.number:
            raise self.number_taken()

    def number_taken(self) -> Conflict:
        """Return the error for a CRL whose number is not higher than all earlier ones."""
        return Conflict.because(CRL_NUMBER, number=self.number, issuer=self.issuer_id)


@dataclass(frozen=True, slots=True)
class CRLState:
    """The state of the CRLs of an issuer: the number of the newest one, or None, and the number of changes to its
    certificates. While both are the same, so is the CRL."""

    number: int | None
    version: int


@dataclass(frozen=True, slots=True)
class CRLEntries:
    """The entries of a CRL, DER, one after another without anything between them, and their number."""

    der: bytes
    count: int


@dataclass(frozen=True, slots=True)
class CRLBytes:
    """A signed CRL, DER, and the delta that was signed with it, if any."""

    full: bytes
    delta: bytes | None = None


@dataclass(frozen=True, slots=True)
class ResponderRecord:
    """The OCSP signer of an issuer: its certificate from the issuer, and its key here."""

    issuer_id: str
    serial_number: str
    key_id: str
    not_before: datetime
    not_after: datetime
    certificate_der: bytes
