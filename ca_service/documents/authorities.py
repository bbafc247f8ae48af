"""The authorities: the chain that issues now, and what the installation holds of each authority."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Self

from cryptography import x509
from pydantic import Field

from ca_service.authority.hierarchy.hierarchy import ActiveAuthority, certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord, find_waiting
from ca_service.documents.fields import API_PATH, Document, Fingerprint, Moment, Serial
from ca_service.documents.findings import FindingDocument
from ca_service.pki import encodings, keys, names
from ca_service.pki.chain import Chain
from ca_service.pki.contents import serial_text


class AuthorityCertificateDocument(Document):
    """The certificate of a root or an intermediate."""

    role: Literal["root", "intermediate"]
    subject: str
    serial_number: Serial
    key: str = Field(description="kind and size of the public key: EC P-384")
    not_before: Moment
    not_after: Moment
    fingerprint: Fingerprint
    pem: str

    @classmethod
    def of(cls, certificate: x509.Certificate, role: Literal["root", "intermediate"]) -> Self:
        """Describe the certificate."""
        return cls(
            role=role,
            subject=names.name_text(certificate.subject),
            serial_number=serial_text(certificate.serial_number),
            key=keys.kind_name(certificate.public_key()),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            fingerprint=encodings.fingerprint(certificate),
            pem=encodings.pem(certificate).decode(),
        )


class ChainLinks(Document):
    """The addresses of the chain in each format."""

    self: str
    pem: str
    p7b: str


class ChainDocument(Document):
    """The authority that issues now and those above it: the issuing one first, the root last; none that is revoked."""

    name: str
    certificates: list[AuthorityCertificateDocument]
    links: ChainLinks

    @classmethod
    def of(cls, active: ActiveAuthority, chain: Chain, base_url: str) -> Self:
        """Describe this chain of the authority; `base_url` is the address of the service."""
        own = f"{base_url}{API_PATH}authority"
        links = {"self": own, "pem": f"{own}?format=pem", "p7b": f"{own}?format=p7b"}
        certificates = [
            AuthorityCertificateDocument.of(each, "root" if each is active.root else "intermediate") for each in chain
        ]
        return cls(name=active.record.name, certificates=certificates, links=ChainLinks.model_validate(links))


class AuthorityDocument(Document):
    """An authority of this installation, and its certificate once it has one."""

    id: str
    role: Literal["root", "intermediate"]
    name: str
    is_issuing: bool
    is_pending: bool = Field(description="whether it waits for its certificate from an external root")
    is_revoked: bool = Field(description="whether it, or an authority above it, is revoked or on hold")
    has_key: bool | None = Field(
        description="whether this installation holds its private key; null for those who may not see its state"
    )
    certificate: AuthorityCertificateDocument | None

    @classmethod
    def of(cls, record: IssuerRecord, *, is_revoked: bool = False, shows_keys: bool = True) -> Self:
        """Describe an authority."""
        has_certificate = record.certificate_der is not None
        return cls(
            id=record.id,
            role=record.role,
            name=record.name,
            is_issuing=record.is_issuing,
            is_pending=not has_certificate,
            is_revoked=is_revoked,
            has_key=record.key_id is not None if shows_keys else None,
            certificate=AuthorityCertificateDocument.of(certificate_of(record), record.role)
            if has_certificate
            else None,
        )


def authority_documents(records: Sequence[IssuerRecord]) -> list[AuthorityDocument]:
    """Describe new authorities in their order: none of them is revoked."""
    return [AuthorityDocument.of(record) for record in records]


class AuthoritiesDocument(Document):
    """The authorities of this installation."""

    authorities: list[AuthorityDocument]


class ImportedDocument(AuthoritiesDocument):
    """The authorities that were imported or installed, and the limits of their chain."""

    findings: list[FindingDocument] = Field(
        description="warnings: names and purposes that can be signed, strict clients"
    )


class RolloverDocument(Document):
    """The next intermediate, which signs from now on, and the id of the one before."""

    before: str
    authority: AuthorityDocument
    findings: list[FindingDocument] = Field(description="warnings: it cannot last as long as planned")


class HierarchyDocument(AuthoritiesDocument):
    """The authorities, and whether one of them can sign."""

    state: Literal["none", "incomplete", "pending", "revoked", "ready"] = Field(
        description="ready: it can sign; pending: the intermediate waits for its certificate from an external root; "
        "revoked: the intermediate is revoked or on hold, and signs nothing"
    )

    @classmethod
    def of(cls, records: Sequence[IssuerRecord], is_good: Callable[[str], bool], *, shows_keys: bool = True) -> Self:
        """Describe the authorities, and how far they are.

        `is_good` tells of an id whether neither this authority nor one above it is revoked or on hold.
        """
        described = [
            AuthorityDocument.of(record, is_revoked=not is_good(record.id), shows_keys=shows_keys) for record in records
        ]
        state = _state(records)
        if any(each.is_issuing and each.is_revoked for each in described):
            described = [each.model_copy(update={"is_issuing": False}) for each in described]
            state = "revoked"
        return cls(authorities=described, state=state)


def _state(records: Sequence[IssuerRecord]) -> Literal["none", "incomplete", "pending", "revoked", "ready"]:
    if not records:
        return "none"
    if any(record.is_issuing for record in records):
        return "ready"
    return "pending" if find_waiting(records) else "incomplete"


class InitialisedDocument(AuthoritiesDocument):
    """The authorities, and whether this command created them."""

    created: bool


class ChainFileDocument(Document):
    """The file to which certificates of authorities were written, and these certificates as PEM."""

    file: str
    certificates: list[str]


class TrustKitDocument(Document):
    """The files of a trust kit, and the fingerprint of the root in them."""

    fingerprint: Fingerprint
    files: list[str]


class CSRDocument(Document):
    """The CSR of an intermediate that an external root is to certify."""

    pem: str
    file: str | None = Field(description="the file that was written; null on standard output")


class VerifiedRootKeyDocument(Document):
    """The root to which a copy of a key belongs."""

    root: AuthorityDocument


class RemovedDocument(Document):
    """Whether something was removed."""

    removed: bool
