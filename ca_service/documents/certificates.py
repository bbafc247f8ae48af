"""Certificates: a row of a list, one certificate with its PEM, and what is written to files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self

from cryptography import x509
from pydantic import Field

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.store import status_of
from ca_service.authority.revocation.records import RevocationRecord
from ca_service.documents.fields import API_PATH, Document, Fingerprint, Moment, Serial
from ca_service.documents.findings import FindingDocument
from ca_service.pki import encodings, keys, names
from ca_service.pki.contents import extended_key_usage_names, find_value, key_usage_names
from ca_service.vos.bundle import Bundle


class RevocationStatusDocument(Document):
    """The last change of the revocation status of a certificate."""

    state: Literal["revoked", "held", "released"]
    reason: str
    revoked_at: Moment
    changed_by: str

    @classmethod
    def of(cls, record: RevocationRecord) -> Self:
        """Describe the revocation of one certificate."""
        return cls(
            state=record.state.value,
            reason=record.reason.value,
            revoked_at=record.revoked_at,
            changed_by=record.changed_by,
        )


class CertificateLinks(Document):
    """The addresses of a certificate in each format."""

    self: str
    zip: str = Field(description="the bundle: numbered files, steps, receipt, checksums")
    pem: str = Field(description="leaf, intermediate, root")
    der: str = Field(description="the leaf alone")
    p7b: str = Field(description="leaf, intermediate, root, in no order")

    @classmethod
    def of(cls, base_url: str, serial_number: str) -> Self:
        """Return the addresses below that of the service."""
        own = f"{base_url}{API_PATH}certificates/{serial_number}"
        return cls.model_validate(
            {"self": own} | {form: f"{own}?format={form}" for form in ("zip", "pem", "der", "p7b")}
        )


class CertificateSummaryDocument(Document):
    """A certificate in a list."""

    serial_number: Serial
    status: Literal["active", "expired", "revoked", "held"] = Field(
        description="of this certificate alone; `state` of the authorities says whether the intermediate is revoked"
    )
    revocation: RevocationStatusDocument | None = Field(description="null if it was never revoked or put on hold")
    profile: str
    purpose: str = Field(description="the purpose on the node, such as tomcat-ECDSA; empty for a plain server")
    host: str = Field(description="the name under which clients reach the node")
    subject: str
    subject_alternative_name: list[str] = Field(description="the names, such as DNS:uccx1.example.com")
    issuer_id: str = Field(description="the authority that issued it, such as intermediate-g1")
    not_before: Moment
    not_after: Moment
    issued_at: Moment
    issued_by: str
    fingerprint: Fingerprint
    links: CertificateLinks | None = Field(description="null on the command line, which has no address")


class CertificateDocument(CertificateSummaryDocument):
    """One certificate, with its PEM and the authorities above it."""

    issuer: str = Field(description="the name of the issuing authority")
    key: str = Field(description="kind and size of the public key: EC P-384")
    key_usage: list[str]
    extended_key_usage: list[str]
    pem: str
    chain: list[str] = Field(description="the authorities as PEM: the issuing one first, the root last")


class CertificateListDocument(Document):
    """One page of the list of certificates."""

    certificates: list[CertificateSummaryDocument]
    next: str | None = Field(description="the address of the next page; null on the last, and on the command line")


class CertificatesDocument(Document):
    """The certificates that were issued, or the one that was asked for."""

    certificates: list[CertificateDocument]
    findings: list[FindingDocument] = Field(description="warnings and notes about them")


class UploadDocument(Document):
    """A file of a bundle that is uploaded to a node."""

    path: str
    purpose: str = Field(description="the purpose to choose at the upload: tomcat-trust, tomcat-ECDSA; or empty")


class WrittenCertificatesDocument(CertificatesDocument):
    """The certificates that a command has issued or shown, and where it has written them."""

    created: bool = Field(description="whether they were issued now")
    uploads: list[UploadDocument] = Field(description="the files to upload, in this order")
    file: str | None = Field(description="the file that was written; null on standard output")


class Certificates:
    """Describes certificates at a moment. `base_url` is the address of the service; empty on the command line."""

    def __init__(self, revocations: Mapping[str, RevocationRecord], now: datetime, base_url: str = "") -> None:
        self._revocations = revocations
        self._now = now
        self._base_url = base_url

    def summary(self, record: CertificateRecord) -> CertificateSummaryDocument:
        """Describe a certificate in a list."""
        return CertificateSummaryDocument.model_validate(self._members(record))

    def full(self, record: CertificateRecord, authorities: Sequence[x509.Certificate]) -> CertificateDocument:
        """Describe one certificate; the authorities above it begin with the issuing one."""
        return CertificateDocument.model_validate(self._members(record) | _decoded(record, authorities))

    def _members(self, record: CertificateRecord) -> dict[str, Any]:
        revocation = self._revocations.get(record.serial_number)
        return {
            "serial_number": record.serial_number,
            "status": status_of(revocation.state if revocation else None, record.not_after, self._now).value,
            "revocation": RevocationStatusDocument.of(revocation) if revocation else None,
            "profile": record.profile,
            "purpose": record.purpose,
            "host": record.host,
            "subject": record.subject,
            "subject_alternative_name": list(record.names),
            "issuer_id": record.issuer_id,
            "not_before": record.not_before,
            "not_after": record.not_after,
            "issued_at": record.issued_at,
            "issued_by": record.issued_by,
            "fingerprint": hashlib.sha256(record.der).hexdigest(),
            "links": CertificateLinks.of(self._base_url, record.serial_number) if self._base_url else None,
        }


def _decoded(record: CertificateRecord, authorities: Iterable[x509.Certificate]) -> dict[str, Any]:
    leaf = x509.load_der_x509_certificate(record.der)
    extensions = leaf.extensions
    return {
        "issuer": names.name_text(leaf.issuer),
        "key": keys.kind_name(leaf.public_key()),
        "key_usage": list(key_usage_names(find_value(extensions, x509.KeyUsage))),
        "extended_key_usage": list(extended_key_usage_names(find_value(extensions, x509.ExtendedKeyUsage))),
        "pem": encodings.pem(leaf).decode(),
        "chain": [encodings.pem(authority).decode() for authority in authorities],
    }


def upload_documents(bundle: Bundle) -> list[UploadDocument]:
    """Describe the files of a bundle that are uploaded, in their order."""
    return [UploadDocument(path=file.path, purpose=file.purpose) for file in bundle.uploads]
