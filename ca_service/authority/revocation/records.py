"""Knows the frozen values of revocation: what is stored, what is asked, what comes of it."""

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
    "This has to be confirmed.",
    "Type {wanted}, exactly so.",
)


class State(StrEnum):
    """What a certificate that was revoked once is now; one that never was has no record."""

    REVOKED = "revoked"
    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class RevocationRecord:
    """The standing of one certificate of an issuer, which may be a leaf or an authority.

    `revoked_at` is since when it is not valid; a hold that becomes final keeps its beginning.
    `invalid_since` is when its key is thought to have been lost. `entry_der` is what lists say: of a
    released one, that it is to be removed. `version` counts the changes of the issuer; the store gives it.
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
        """Whether the certificate may be trusted again."""
        return self.state is State.RELEASED

    @property
    def bars_key(self) -> bool:
        """Whether nothing may be issued for the key: it was reported as lost, or a certificate with it is on hold."""
        return not self.is_good and (self.reason is Reason.KEY_COMPROMISE or self.state is State.HELD)


def require_usable_key(revocations: Iterable[RevocationRecord]) -> None:
    """Raise Conflict if one of these revocations, of certificates with the same key, bars the key.

    A store asks this in the transaction that writes a certificate: the key was checked before, but not locked.
    """
    if any(each.bars_key for each in revocations):
        raise Conflict.because(CSR_KEY_REVOKED_MEANWHILE)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which certificates: by serial number, by the fingerprint of their key, by a host that they name.

    All that any of the three means. A cluster is selected by the serial numbers of its certificates.
    """

    serial_numbers: tuple[str, ...] = ()
    key_fingerprint: str = ""
    host: str = ""

    def means(self, certificate: CertificateRecord) -> bool:
        """Whether this certificate is one of them."""
        return (
            certificate.serial_number in self.serial_numbers
            or certificate.key_fingerprint == self.key_fingerprint
            or (self.host != "" and self.host.lower() in _hosts(certificate))
        )


def _hosts(certificate: CertificateRecord) -> set[str]:
    """What a certificate names: its host, its DNS names, its addresses."""
    named = (name.partition(":") for name in certificate.names)
    return {certificate.host.lower(), *(value.lower() for kind, _, value in named if kind in ("DNS", "IP"))}


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """A leaf with its revocation, if it has one."""

    certificate: CertificateRecord
    revocation: RevocationRecord | None = None

    @property
    def is_good(self) -> bool:
        """Whether the certificate is neither revoked nor on hold."""
        return self.revocation is None or self.revocation.is_good


class Effect(StrEnum):
    """What becomes of one certificate."""

    REVOKE = "revoke"
    HOLD = "hold"
    MAKE_FINAL = "make-final"
    RELEASE = "release"
    ALREADY = "already"  # it is as was asked
    FINAL = "final"  # it is revoked, and stays as it is
    NOT_HELD = "not-held"  # there is nothing to release
    EXPIRED = "expired"  # nobody accepts it any more

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return self in (Effect.REVOKE, Effect.HOLD, Effect.MAKE_FINAL, Effect.RELEASE)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one certificate, and what it was before; `after` only where something is done."""

    standing: RevocationStatus
    effect: Effect
    after: RevocationRecord | None = None

    @property
    def certificate(self) -> CertificateRecord:
        """The certificate that it is about."""
        return self.standing.certificate

    @property
    def revocation(self) -> RevocationRecord | None:
        """Its standing when this is done."""
        return self.after or self.standing.revocation

    @property
    def state_text(self) -> str:
        """What the certificate is when this is done: good, revoked, held, released."""
        return self.revocation.state.value if self.revocation else "good"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a revocation or a release does, or has done, to each certificate, and what follows from it.

    `findings` are notes and warnings, in the order in which a person should read them.
    """

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def changed(self) -> tuple[Change, ...]:
        """Those to which something is done."""
        return tuple(change for change in self.changes if change.effect.changes)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts to which something is done, each once, in their order."""
        return tuple(dict.fromkeys(change.certificate.host for change in self.changed))

    @property
    def confirmation(self) -> str:
        """What a person types to confirm: the host, or how many certificates where there are several hosts."""
        return self.hosts[0] if len(self.hosts) == 1 else str(len(self.changed))

    def require_confirmation(self, typed: str) -> None:
        """Raise InvalidInput unless this is what has to be typed."""
        if typed.strip().lower() != self.confirmation.lower():
            raise InvalidInput(CONFIRMATION_WRONG.at("/confirmation", wanted=self.confirmation))


@dataclass(frozen=True, slots=True)
class Transition:
    """One change to be stored, with its event: it only holds while the record is still `before`."""

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
    """The changes as the store takes them."""
    return tuple(
        Transition(change.standing.revocation, change.after, event)
        for change, event in zip(changes, events, strict=True)
        if change.after is not None
    )


@dataclass(frozen=True, slots=True)
class CRLRecord:
    """A published list, without its bytes: `version` is the last change of the issuer that it tells of.

    `count` is how many entries it has; from `renew_at` on, whoever asks first publishes the next one.
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
        """Return the error for a list whose number is not higher than all before."""
        return Conflict.because(CRL_NUMBER, number=self.number, issuer=self.issuer_id)


@dataclass(frozen=True, slots=True)
class CRLBytes:
    """A list as it was signed, DER, and the delta that was signed with it, if any."""

    full: bytes
    delta: bytes | None = None


@dataclass(frozen=True, slots=True)
class ResponderRecord:
    """Who signs OCSP answers for an issuer: a certificate that the issuer has given, and its key here."""

    issuer_id: str
    serial_number: str
    key_id: str
    not_before: datetime
    not_after: datetime
    certificate_der: bytes
