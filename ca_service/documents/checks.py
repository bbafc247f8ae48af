"""Results of checks: in a CSR before it is signed, and in a certificate before a node receives it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.issuance.examination import Examination
from ca_service.documents.fields import Document
from ca_service.documents.findings import FindingDocument, finding_documents
from ca_service.vos.checks import Check, Fit


class CheckDocument(Document):
    """The result of checking one CSR. The requested contents are null or empty if it cannot be read."""

    file: str | None = Field(description="the name of the file on the command line; null in the API")
    accepted: bool = Field(description="whether it would be signed")
    host: str = Field(description="the name under which clients reach the node; empty if the CSR names none")
    profile: str
    purpose: str = Field(description="the purpose on the node, such as tomcat-ECDSA; empty if it has none")
    validity_days: int = Field(description="the lifetime that the certificate would have")
    subject: str | None
    subject_alternative_name: list[str] = Field(description="the requested names, such as DNS:uccx1.example.com")
    key: str | None = Field(description="kind and size of the public key: EC P-384")
    signature: str | None = Field(description="hash of the signature: SHA-384")
    key_usage: list[str]
    extended_key_usage: list[str]
    findings: list[FindingDocument]

    @classmethod
    def of(cls, number: int, examination: Examination) -> Self:
        """Describe the examination of the CSR with this number, counted from 0."""
        requested = examination.description
        return cls(
            file=None,
            accepted=not examination.is_refused,
            host=examination.host,
            profile=examination.profile.name,
            purpose=examination.destination.purpose,
            validity_days=examination.days,
            subject=requested.subject_text if requested else None,
            subject_alternative_name=list(requested.names) if requested else [],
            key=requested.key if requested else None,
            signature=requested.signature if requested else None,
            key_usage=list(requested.key_usage) if requested else [],
            extended_key_usage=list(requested.extended_key_usage) if requested else [],
            findings=finding_documents(found.under(f"/csr/{number}") for found in examination.findings),
        )


class ChecksDocument(Document):
    """One check for each CSR, in their order."""

    accepted: bool = Field(description="whether all of them would be signed")
    checks: list[CheckDocument]

    @classmethod
    def of(cls, examinations: Sequence[Examination]) -> Self:
        """Describe the examinations."""
        checks = [CheckDocument.of(number, each) for number, each in enumerate(examinations)]
        return cls(accepted=all(check.accepted for check in checks), checks=checks)

    def named(self, files: Sequence[str]) -> Self:
        """Return the same checks with the names of the files."""
        checks = [check.model_copy(update={"file": file}) for check, file in zip(self.checks, files, strict=True)]
        return self.model_copy(update={"checks": checks})


class FitCheckDocument(Document):
    """One question about a certificate."""

    topic: str = Field(description="the subject of the question, such as public key")
    stage: Literal["upload", "use"] = Field(description="when a fault shows: at the upload, or in use afterwards")
    result: Literal["passed", "failed", "not checked"]
    message: str = Field(description="the message of the node, word for word, where Cisco prints it; or empty")
    finding: FindingDocument | None = Field(description="what is wrong, or good to know")

    @classmethod
    def of(cls, check: Check) -> Self:
        """Describe one question with its answer."""
        return cls(
            topic=check.topic,
            stage=check.stage.value,
            result=check.result.value,
            message=check.message,
            finding=FindingDocument.of(check.finding) if check.finding else None,
        )


class FitDocument(Document):
    """Whether a node will accept a certificate, and whether it will work afterwards."""

    taken: bool = Field(description="whether the node will accept the files")
    works: bool = Field(description="whether the node will accept them and everything works afterwards")
    verdict: str
    checks: list[FitCheckDocument] = Field(description="those of the upload first")

    @classmethod
    def of(cls, fit: Fit) -> Self:
        """Describe the verdict and every question."""
        return cls(
            taken=fit.is_taken,
            works=fit.works,
            verdict=fit.verdict,
            checks=[FitCheckDocument.of(check) for check in fit.checks],
        )
