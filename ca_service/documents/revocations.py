"""Revocation: what happened to each certificate, and the CRLs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field

from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.revocation.authorities import RevokedAuthority
from ca_service.authority.revocation.records import Change, CRLRecord, Outcome
from ca_service.documents.fields import Document, Moment, Serial
from ca_service.documents.findings import FindingDocument, finding_documents


class ChangeDocument(Document):
    """The effect on one certificate, actual or previewed."""

    serial_number: Serial
    host: str
    effect: Literal["revoke", "hold", "make-final", "release", "already", "final", "not-held", "expired"]
    state: Literal["good", "revoked", "held", "released"] = Field(description="the revocation status afterwards")
    reason: str | None
    revoked_at: Moment | None

    @classmethod
    def of(cls, change: Change) -> Self:
        """Describe the change of one certificate."""
        found = change.revocation
        return cls.model_validate(
            {
                "serial_number": change.certificate.serial_number,
                "host": change.certificate.host,
                "effect": change.effect.value,
                "state": change.state_text,
                "reason": found.reason.value if found else None,
                "revoked_at": found.revoked_at if found and not found.is_good else None,
            }
        )


class RevocationResultDocument(Document):
    """The effect on each certificate, actual or previewed, and the consequences."""

    done: bool = Field(description="false for a preview")
    changed: int
    certificates: list[ChangeDocument]
    findings: list[FindingDocument]

    @classmethod
    def of(cls, outcome: Outcome, *, done: bool) -> Self:
        """Describe a revocation or a release."""
        return cls(
            done=done,
            changed=len(outcome.changed),
            certificates=[ChangeDocument.of(change) for change in outcome.changes],
            findings=finding_documents(outcome.findings),
        )


class CRLDocument(Document):
    """A published CRL. The number is hexadecimal, as openssl prints it."""

    issuer: str
    number: str
    this_update: Moment
    next_update: Moment
    entries: int

    @classmethod
    def of(cls, record: CRLRecord, **more: Any) -> Self:
        """Describe a CRL; `more` are the further members of a subclass."""
        members = {
            "issuer": record.issuer_id,
            "number": f"{record.number:x}",
            "this_update": record.this_update,
            "next_update": record.next_update,
            "entries": record.count,
        }
        return cls.model_validate(members | more)


class NewestCRLDocument(Document):
    """The newest CRL of an authority; null where there is none yet."""

    issuer: str
    name: str = Field(description="the common name of the authority")
    has_key: bool | None = Field(
        description="whether this installation holds the key of the authority; null for those who may not see its state"
    )
    number: str | None
    this_update: Moment | None
    next_update: Moment | None
    entries: int | None

    @classmethod
    def of(cls, issuer: IssuerRecord, record: CRLRecord | None, *, shows_keys: bool) -> Self:
        """Describe the newest CRL of this authority."""
        crl = CRLDocument.of(record) if record else None
        return cls(
            issuer=issuer.id,
            name=issuer.name,
            has_key=issuer.key_id is not None if shows_keys else None,
            number=crl.number if crl else None,
            this_update=crl.this_update if crl else None,
            next_update=crl.next_update if crl else None,
            entries=crl.entries if crl else None,
        )


class NewestCRLsDocument(Document):
    """The newest CRL of each authority."""

    lists: list[NewestCRLDocument]

    @classmethod
    def of(cls, found: Sequence[tuple[IssuerRecord, CRLRecord | None]], *, shows_keys: bool) -> Self:
        """Describe the newest CRL of each authority; `shows_keys` says whether the state of keys is for the reader."""
        return cls(lists=[NewestCRLDocument.of(issuer, record, shows_keys=shows_keys) for issuer, record in found])


class PublishedCRLsDocument(Document):
    """The number of CRLs that were due and are published now."""

    published: int


class CRLFileDocument(CRLDocument):
    """A CRL, and the file to which it was written."""

    file: str


class ImportedCRLDocument(CRLDocument):
    """A CRL that was signed elsewhere, and the authorities whose revocation status it changed."""

    changed: list[str]
    findings: list[FindingDocument]


class AuthorityRevocationDocument(Document):
    """The revocation of an intermediate, and its consequences."""

    issuer: str
    serial_number: Serial
    reason: str
    revoked_at: Moment
    findings: list[FindingDocument]

    @classmethod
    def of(cls, done: RevokedAuthority) -> Self:
        """Describe the revocation of an intermediate."""
        return cls(
            issuer=done.issuer.id,
            serial_number=done.revocation.serial_number,
            reason=done.revocation.reason.value,
            revoked_at=done.revocation.revoked_at,
            findings=finding_documents(done.findings),
        )
