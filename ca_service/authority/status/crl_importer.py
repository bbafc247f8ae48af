"""Import of CRLs that were signed elsewhere, for example by an offline root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.authorities import revocation_of
from ca_service.authority.revocation.records import CRLBytes, CRLRecord, RevocationRecord, State, Transition
from ca_service.authority.revocation.store import CRLStore, RevocationStore
from ca_service.errors import Conflict, Finding, Refused, Rule, Severity
from ca_service.pki import crl, encodings
from ca_service.pki.contents import find_value, serial_text
from ca_service.pki.reasons import Reason

CRL_NO_NUMBER: Final = Rule(
    "crl.no-number",
    "The CRL has no CRL number.",
    "Sign it as version 2, with a CRL number.",
)
CRL_IS_DELTA: Final = Rule(
    "crl.is-delta",
    "The CRL is a delta CRL.",
    "Import the full CRL.",
)
CRL_SCOPE: Final = Rule(
    "crl.scope",
    "The CRL is limited to leaves, to some reasons, or to certificates of other issuers.",
    "Sign a CRL that covers all authorities, for all reasons.",
)
CRL_EXTENSION: Final = Rule(
    "crl.extension",
    "The CRL has a critical extension that is not supported.",
    "Sign it without that extension.",
)
CRL_LAPSED: Final = Rule(
    "crl.lapsed",
    "The CRL is not valid now, or has no next update.",
    "Sign a new CRL with a next update, and check the clocks of both machines.",
)

CRL_SIGNATURE: Final = Rule(
    "crl.signature",
    "The signature of the CRL is not valid: the CRL is damaged, or was signed with another key.",
    "Sign it with the key of the certificate of {issuer}.",
)
CRL_KEY_HERE: Final = Rule(
    "crl.key-here",
    "The key of {issuer} is here, so its CRLs are signed here.",
    "Do not import a CRL; show the current one with `ca-service crl show`.",
)
CRL_FOREIGN: Final = Rule(
    "crl.foreign",
    "The CRL does not come from an authority of this installation.",
    "Import the CRL of the root: `ca-service ca show` shows its name.",
)
CRL_LACKS_AUTHORITY: Final = Rule(
    "crl.lacks-authority",
    "The CRL does not list {issuer} as revoked: relying parties still trust it.",
    "Sign a CRL that contains its serial number {serial}, with `ca-service crl sign-root --key FILE` or elsewhere.",
    Severity.WARNING,
)
CRL_LIMITED: Final = Rule(
    "crl.limited",
    "The CRL has the critical extension issuingDistributionPoint: NSS, mbedTLS and rustls cannot load it.",
    "Sign it without that extension: a CRL that covers all certificates of its issuer does not need it.",
    Severity.WARNING,
)
CRL_NOT_SIGNED: Final = Rule(
    "crl.not-signed",
    "There is no CRL of {issuer} yet, and its key is not here. Clients that check {url} refuse certificates below it.",
    "Sign one with `ca-service crl sign-root --key FILE`, or import one that was signed elsewhere: "
    "`ca-service crl import FILE`.",
    Severity.WARNING,
)

_TOLERANCE: Final = timedelta(minutes=5)  # between two clocks
_UNDERSTOOD: Final = (x509.IssuingDistributionPoint, x509.CRLNumber, x509.AuthorityKeyIdentifier)


@dataclass(frozen=True, slots=True)
class ImportedCRL:
    """An imported CRL; `revoked` are the authorities here whose status it changed."""

    record: CRLRecord
    revoked: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


class CRLImporter:
    """Imports CRLs of authorities whose keys are not here."""

    def __init__(self, crls: CRLStore, revocations: RevocationStore, hierarchy: Hierarchy, clock: Clock) -> None:
        self._crls = crls
        self._revocations = revocations
        self._hierarchy = hierarchy
        self._clock = clock

    def import_crl(self, actor: Actor, data: bytes) -> ImportedCRL:
        """Publish this CRL, PEM or DER, from now on; its statements about authorities here count immediately.

        Idempotent: the same CRL again changes nothing. Raises InvalidInput for anything but a CRL, Refused for
        one that is incomplete, not valid now or of a foreign issuer, Conflict for one that is not the newest.
        """
        require(actor, Action.AUTHORITY)
        found = encodings.load_crl(data)
        issuer = self._issuer_of(found)
        findings = tuple(_faults(found, self._clock()))
        if findings:
            raise Refused(*findings)
        record = self._record(issuer, found)
        with self._crls.exclusively(issuer.id):
            newest = self._crls.find_newest(issuer.id)
            if newest is not None and newest.number == record.number and self._is_stored(newest, found):
                return ImportedCRL(newest, ())
            transitions = tuple(self._transitions(actor, issuer, found))
            event = AuditEvent.by(
                actor, self._clock(), Event.CRL_IMPORTED, issuer.id, number=f"{record.number:x}", entries=record.count
            )
            self._crls.add_crl(record, CRLBytes(_der(found)), event, transitions=transitions)
        remarks = (*_remarks(found), *self._forgotten(issuer, found))
        return ImportedCRL(record, tuple(self._changed(issuer, transitions)), remarks)

    def find_unlisted(self) -> Iterator[Finding]:
        """Yield a warning for each revoked authority that the newest CRL of its issuer lacks: that key is not here."""
        for issuer in self._hierarchy.list_certified():
            if issuer.key_id is None:
                yield from self._forgotten(issuer, self._newest(issuer))

    def find_missing(self) -> Iterator[Finding]:
        """Yield a warning for each authority without CRL and key whose CRL certificates expect from this service."""
        for issuer in self._hierarchy.list_issuers():
            if issuer.key_id is None and self._crls.find_newest(issuer.id) is None:
                urls = (url for each in self._below(issuer) for url in _crl_addresses(certificate_of(each)))
                ours = [url for url in urls if url.endswith(f"/ca/{issuer.id}.crl")]
                yield from (CRL_NOT_SIGNED.at(issuer=issuer.id, url=url) for url in ours[-1:])

    def _newest(self, issuer: IssuerRecord) -> x509.CertificateRevocationList | None:
        newest = self._crls.find_newest(issuer.id)
        data = self._crls.read_crl(issuer.id, newest.number) if newest else None
        with suppress(ValueError):  # another program has written it: no client reads it either
            return x509.load_der_x509_crl(data.full) if data else None
        return None

    def _issuer_of(self, found: x509.CertificateRevocationList) -> IssuerRecord:
        """Return the authority that signed the CRL."""
        records = self._hierarchy.list_certified()
        named = [each for each in records if certificate_of(each).subject == found.issuer]
        if not named:
            raise Refused.because(CRL_FOREIGN)
        for each in named:
            key = certificate_of(each).public_key()
            if isinstance(key, ec.EllipticCurvePublicKey) and found.is_signature_valid(key):
                return _without_key(each)
        raise Refused.because(CRL_SIGNATURE, issuer=named[0].id)

    def _record(self, issuer: IssuerRecord, found: x509.CertificateRevocationList) -> CRLRecord:
        number, until = find_value(found.extensions, x509.CRLNumber), found.next_update_utc
        if number is None or until is None:
            raise ValueError("a CRL without number or end was refused before")
        version = self._revocations.version(issuer.id)
        return CRLRecord(issuer.id, number.crl_number, found.last_update_utc, until, until, version, len(found))

    def _is_stored(self, newest: CRLRecord, found: x509.CertificateRevocationList) -> bool:
        data = self._crls.read_crl(newest.issuer_id, newest.number)
        return data is not None and data.full == _der(found)

    def _below(self, issuer: IssuerRecord) -> Sequence[IssuerRecord]:
        return [each for each in self._hierarchy.list_certified() if each.parent_id == issuer.id]

    def _transitions(
        self, actor: Actor, issuer: IssuerRecord, found: x509.CertificateRevocationList
    ) -> Iterator[Transition]:
        """Yield the changes: each entry that is new here, and the end of holds of the authorities here.

        Entries about others are stored as well, so that a CRL that is signed here later still contains them.
        """
        below = {_serial(certificate_of(each)): each for each in self._below(issuer)}
        for entry in found:
            before = self._revocations.find_revocation(issuer.id, _serial(entry))
            after = _record(actor, issuer, below.get(_serial(entry)), entry, self._clock())
            if before is None or (before.state is not State.REVOKED and before.state is not after.state):
                yield Transition(before, after, _event(actor, after, below))
        for serial, each in below.items():
            before = self._revocations.find_revocation(issuer.id, serial)
            if before is not None and before.state is State.HELD and _find(found, each) is None:
                entry_der = crl.entry(int(serial, 16), before.revoked_at, Reason.REMOVE_FROM_CRL)
                after = replace(before, state=State.RELEASED, reason=Reason.REMOVE_FROM_CRL, entry_der=entry_der)
                after = replace(after, changed_at=self._clock(), changed_by=actor.name)
                yield Transition(before, after, _event(actor, after, below))

    def _changed(self, issuer: IssuerRecord, transitions: Sequence[Transition]) -> Iterator[str]:
        serials = {each.after.serial_number for each in transitions}
        return (each.id for each in self._below(issuer) if _serial(certificate_of(each)) in serials)

    def _forgotten(self, issuer: IssuerRecord, found: x509.CertificateRevocationList | None) -> Iterator[Finding]:
        for each in self._below(issuer):
            record = revocation_of(self._revocations, each)
            if record is not None and record.state is State.REVOKED and (found is None or _find(found, each) is None):
                yield CRL_LACKS_AUTHORITY.at(issuer=each.id, serial=record.serial_number)


def _crl_addresses(certificate: x509.Certificate) -> Iterator[str]:
    for point in find_value(certificate.extensions, x509.CRLDistributionPoints) or ():
        yield from (name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier))


def _without_key(issuer: IssuerRecord) -> IssuerRecord:
    if issuer.key_id is not None:
        raise Conflict.because(CRL_KEY_HERE, issuer=issuer.id)
    return issuer


def _find(found: x509.CertificateRevocationList, issuer: IssuerRecord) -> x509.RevokedCertificate | None:
    """Return the entry about the certificate of this authority, or None."""
    return found.get_revoked_certificate_by_serial_number(certificate_of(issuer).serial_number)


def _record(
    actor: Actor, above: IssuerRecord, below: IssuerRecord | None, entry: x509.RevokedCertificate, at: datetime
) -> RevocationRecord:
    """Return the record of an entry; the expiry is known for certificates that are here."""
    said = find_value(entry.extensions, x509.CRLReason)
    reason = Reason(said.reason.value) if said else Reason.UNSPECIFIED
    return RevocationRecord(
        issuer_id=above.id,
        serial_number=_serial(entry),
        state=State.HELD if reason is Reason.CERTIFICATE_HOLD else State.REVOKED,
        reason=reason,
        revoked_at=entry.revocation_date_utc,
        changed_at=at,
        changed_by=actor.name,
        not_after=certificate_of(below).not_valid_after_utc if below else certificate_of(above).not_valid_after_utc,
        entry_der=crl.entry(entry.serial_number, entry.revocation_date_utc, reason),
    )


def _event(actor: Actor, after: RevocationRecord, below: Mapping[str, IssuerRecord]) -> AuditEvent:
    known = below.get(after.serial_number)
    return AuditEvent.by(
        actor,
        after.changed_at,
        Event.AUTHORITY_REVOKED,
        known.id if known else after.serial_number,
        state=after.state.value,
        reason=after.reason.value,
        note="from an imported CRL",
    )


def _serial(found: x509.RevokedCertificate | x509.Certificate) -> str:
    return serial_text(found.serial_number)


def _faults(found: x509.CertificateRevocationList, at: datetime) -> Iterator[Finding]:
    """Yield the reasons why relying parties could not use the CRL."""
    extensions = found.extensions
    if find_value(extensions, x509.CRLNumber) is None:
        yield CRL_NO_NUMBER.at()
    if find_value(extensions, x509.DeltaCRLIndicator) is not None:
        yield CRL_IS_DELTA.at()
    if not _covers_authorities(find_value(extensions, x509.IssuingDistributionPoint)):
        yield CRL_SCOPE.at()
    unknown = [
        each.oid.dotted_string for each in extensions if each.critical and not isinstance(each.value, _UNDERSTOOD)
    ]
    if unknown and find_value(extensions, x509.DeltaCRLIndicator) is None:
        yield CRL_EXTENSION.at()
    until = found.next_update_utc
    if until is None or until <= at or found.last_update_utc > at + _TOLERANCE:
        yield CRL_LAPSED.at()


def _remarks(found: x509.CertificateRevocationList) -> Iterator[Finding]:
    """Yield why some relying parties cannot use the CRL."""
    if find_value(found.extensions, x509.IssuingDistributionPoint) is not None:
        yield CRL_LIMITED.at()


def _covers_authorities(scope: x509.IssuingDistributionPoint | None) -> bool:
    return scope is None or not (
        scope.only_contains_user_certs
        or scope.only_contains_attribute_certs
        or scope.only_some_reasons
        or scope.indirect_crl
    )


def _der(found: x509.CertificateRevocationList) -> bytes:
    return found.public_bytes(Encoding.DER)
