"""Checks of what certificates point to: the certificate of the authority, its CRL, an OCSP response.

They download from the addresses in certificates, as relying parties do, to find a proxy, a firewall or a wrong name in
between before relying parties do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, Hierarchy
from ca_service.authority.inventory.inventory import Inventory
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.status.crl_publisher import SERVICE
from ca_service.errors import CAServiceError, Finding, Rule, Severity
from ca_service.pki import encodings

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
DOCTOR_NOTHING_ISSUED: Final = Rule(
    "doctor.nothing-issued",
    "There is no certificate yet for this check.",
    "",
    Severity.NOTE,
)

OCSP_REQUEST: Final = "application/ocsp-request"


class Fetcher(Protocol):
    """HTTP as a relying party uses it: no redirects, limited time and size."""

    def get(self, url: str, headers: Mapping[str, str] = ...) -> bytes:
        """Return the body. Raises Unreachable."""

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """Return the body of the response. Raises Unreachable."""


class PublishedFiles:
    """Looks at the published files from outside. Without a finding, a file is what it should be."""

    def __init__(
        self, hierarchy: Hierarchy, inventory: Inventory, revocations: RevocationStore, fetcher: Fetcher, clock: Clock
    ) -> None:
        self._hierarchy = hierarchy
        self._inventory = inventory
        self._revocations = revocations
        self._fetcher = fetcher
        self._clock = clock

    def check_certificate(self) -> Iterator[Finding]:
        """Compare the certificate of the authority with the one at the address in leaves."""
        active = self._hierarchy.active()
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

    def check_crl(self) -> Iterator[Finding]:
        """Read the CRL at the address in leaves."""
        active = self._hierarchy.active()
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

    def check_ocsp(self) -> Iterator[Finding]:
        """Ask the OCSP responder at the address in leaves about the newest certificate."""
        active = self._hierarchy.active()
        url = active.issuer.ocsp_url
        if not url:
            yield _unpublished()
            return
        found = self._inventory.list_certificates(SERVICE, CertificateQuery(limit=1)).certificates
        newest = next(iter(found), None)
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
