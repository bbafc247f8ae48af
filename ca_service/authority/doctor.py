"""Health checks of an installation: keys, chain, published CRL and OCSP.

The checks change nothing. They download from the addresses in certificates, as relying parties do, to find
a proxy, a firewall or a wrong name in between before relying parties do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca_service.authority.access.permissions import Action, Actor, require
from ca_service.authority.agreement import Agreement
from ca_service.authority.audit.entries import EventQuery
from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import AUTHORITY_EXPIRED, ActiveAuthority, Hierarchy
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.ports import Clock, is_believable
from ca_service.authority.revocation.store import RevocationStore
from ca_service.errors import CAServiceError, Finding, Rule, Severity, only_errors
from ca_service.pki import encodings, keys

DOCTOR_NO_ADDRESS: Final = Rule(
    "doctor.no-address",
    "Leaves do not contain this address, because web.base_url is not set, or is an https address with its own port.",
    "Set web.base_url to the address of this service. It applies to certificates that are issued afterwards.",
    Severity.NOTE,
)
DOCTOR_PUBLISHED: Final = Rule(
    "doctor.published",
    "{url} returns {what}.",
    "Download it with curl from another machine, and check the proxy in between.",
)
DOCTOR_KEY: Final = Rule(
    "doctor.key",
    "The key of the authority does not belong to its certificate.",
    "Restore the keys of the instance folder from the same copy as the database.",
)
DOCTOR_ROOT_KEY: Final = Rule(
    "doctor.root-key",
    "The key of the root is on this machine.",
    "Except in a lab, take it offline with `ca-service ca root-key`: export, verify, remove.",
    Severity.NOTE,
)
DOCTOR_NOTHING_ISSUED: Final = Rule(
    "doctor.nothing-issued",
    "There is no certificate yet for this check.",
    "",
    Severity.NOTE,
)
DOCTOR_CLOCK: Final = Rule(
    "doctor.clock",
    "The newest event of the audit log is from {at}, which is in the future.",
    "Correct the clock of this machine, or of the one that has written the event. The clock decides what is valid.",
)
DOCTOR_ENDS_SOON: Final = Rule(
    "doctor.ends-soon",
    "The authority expires on {end}, and no certificate outlives it.",
    "Plan its successor with another name: a node keeps one certificate per name.",
    Severity.WARNING,
)

SOON: Final = timedelta(days=90)
OCSP_REQUEST: Final = "application/ocsp-request"


class Fetcher(Protocol):
    """HTTP as a relying party uses it: no redirects, limited time and size."""

    def get(self, url: str) -> bytes:
        """Return the body. Raises Unreachable."""

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """Return the body of the response. Raises Unreachable."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check; healthy without a finding."""

    name: str
    findings: tuple[Finding, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether the check found no error."""
        return not only_errors(self.findings)


class Doctor:
    """Checks an installation."""

    def __init__(
        self,
        *,
        hierarchy: Hierarchy,
        inventory: Inventory,
        revocations: RevocationStore,
        events: EventStore,
        agreement: Agreement,
        fetcher: Fetcher,
        clock: Clock,
    ) -> None:
        self._hierarchy = hierarchy
        self._inventory = inventory
        self._revocations = revocations
        self._events = events
        self._agreement = agreement
        self._fetcher = fetcher
        self._clock = clock

    def examine(self, actor: Actor) -> tuple[Check, ...]:
        """Run every check, in the order in which to fix faults. Raises NotReady without an authority."""
        require(actor, Action.AUTHORITY)
        active = self._hierarchy.active()
        newest = next(iter(self._inventory.list_certificates(actor, CertificateQuery(limit=1)).certificates), None)
        return (
            Check("key of the authority", tuple(self._key(active))),
            Check("key of the root", tuple(self._root_key())),
            Check("validity of the chain", tuple(self._validity(active))),
            Check("clock", tuple(self._clock_faults())),
            Check("audit log and tables", self._agreement.differences()),
            Check("certificate of the authority, where leaves say it is", tuple(self._aia(active))),
            Check("revocation list, where leaves say it is", tuple(self._crl(active))),
            Check("OCSP, where leaves say it is", tuple(self._ocsp(active, newest))),
        )

    def _key(self, active: ActiveAuthority) -> Iterator[Finding]:
        try:
            key = self._hierarchy.signing_key(active)
        except CAServiceError as error:
            yield from error.findings
            return
        if keys.public_key_der(key.public_key()) != keys.public_key_der(active.issuer.public_key):
            yield DOCTOR_KEY.at()

    def _root_key(self) -> Iterator[Finding]:
        if any(record.role == "root" and record.key_id for record in self._hierarchy.list_issuers()):
            yield DOCTOR_ROOT_KEY.at()

    def _validity(self, active: ActiveAuthority) -> Iterator[Finding]:
        now, end = self._clock(), active.validity.not_after
        if not active.validity.not_before <= now <= end:
            yield AUTHORITY_EXPIRED.at(start=active.validity.not_before.date().isoformat(), end=end.date().isoformat())
        elif end - now < SOON:
            yield DOCTOR_ENDS_SOON.at(end=end.date().isoformat())
        yield from (*active.path.errors, *active.warnings)

    def _clock_faults(self) -> Iterator[Finding]:
        newest = self._events.list_events(EventQuery(limit=1)).items
        if newest and not is_believable(newest[0].at, self._clock()):
            yield DOCTOR_CLOCK.at(at=encodings.time_text(newest[0].at))

    def _aia(self, active: ActiveAuthority) -> Iterator[Finding]:
        url = active.issuer.certificate_url
        if not url:
            yield _unpublished()
            return
        try:
            found = self._fetcher.get(url)
        except CAServiceError as error:
            yield from error.findings
            return
        if found != encodings.der(active.chain[0]):
            yield _wrong(url, "another thing than the certificate of the authority")

    def _crl(self, active: ActiveAuthority) -> Iterator[Finding]:
        url = active.issuer.crl_url
        if not url:
            yield _unpublished()
            return
        try:
            found = x509.load_der_x509_crl(self._fetcher.get(url))
        except CAServiceError as error:
            yield from error.findings
        except ValueError:
            yield _wrong(url, "something that is no revocation list")
        else:
            yield from self._crl_faults(url, found, active)

    def _crl_faults(
        self, url: str, found: x509.CertificateRevocationList, active: ActiveAuthority
    ) -> Iterator[Finding]:
        if found.issuer != active.issuer.subject or not found.is_signature_valid(active.issuer.public_key):
            yield _wrong(url, "a revocation list of another authority")
        elif found.next_update_utc is None or found.next_update_utc <= self._clock():
            yield _wrong(url, "a revocation list that has lapsed; something in between keeps an old one")

    def _ocsp(self, active: ActiveAuthority, newest: CertificateRecord | None) -> Iterator[Finding]:
        url = active.issuer.ocsp_url
        if not url:
            yield _unpublished()
            return
        if newest is None or newest.issuer_id != active.record.id:
            yield DOCTOR_NOTHING_ISSUED.at()
            return
        leaf = x509.load_der_x509_certificate(newest.der)
        asked = ocsp.OCSPRequestBuilder().add_certificate(leaf, active.chain[0], hashes.SHA256()).build()
        try:
            body = asked.public_bytes(Encoding.DER)
            answer = ocsp.load_der_ocsp_response(self._fetcher.post(url, body, OCSP_REQUEST))
        except CAServiceError as error:
            yield from error.findings
        except ValueError:
            yield _wrong(url, "something that is no OCSP response")
        else:
            yield from self._ocsp_faults(url, answer, newest, active)

    def _ocsp_faults(
        self, url: str, answer: ocsp.OCSPResponse, newest: CertificateRecord, active: ActiveAuthority
    ) -> Iterator[Finding]:
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            yield _wrong(url, f"the OCSP status {answer.response_status.name}")
            return
        revocation = self._revocations.find_revocation(newest.issuer_id, newest.serial_number)
        is_good = revocation is None or revocation.is_good
        if (answer.certificate_status is ocsp.OCSPCertStatus.GOOD) is not is_good:
            yield _wrong(url, f"{answer.certificate_status.name} for {newest.serial_number}, which is not so")
        elif not _is_signed(answer, active.chain[0]):
            yield _wrong(url, "an answer whose signature is not that of its responder")


def _is_signed(answer: ocsp.OCSPResponse, issuer: x509.Certificate) -> bool:
    """Return whether a responder delegated by the authority has signed the response (RFC 6960, 4.2.2.2)."""
    responder, algorithm = next(iter(answer.certificates), None), answer.signature_hash_algorithm
    if responder is None or algorithm is None:
        return False
    key = responder.public_key()
    try:
        responder.verify_directly_issued_by(issuer)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(algorithm))
            return True
    except (InvalidSignature, ValueError, TypeError):
        return False
    return False


def _unpublished() -> Finding:
    return DOCTOR_NO_ADDRESS.at()


def _wrong(url: str, what: str) -> Finding:
    return DOCTOR_PUBLISHED.at(url=url, what=what)
