"""Requests: submitted CSRs that wait for a decision, and what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.issuance.records import RequestRecord
from ca_service.documents.fields import API_PATH, Document, Moment, Serial
from ca_service.documents.findings import FindingDocument, finding_documents
from ca_service.errors import Finding
from ca_service.pki.encodings import csr_pem

RequestState = Literal["submitted", "approved", "refused", "withdrawn", "issued", "failed"]


class RequestLinks(Document):
    """The addresses of a request for scripts and for people, and of its certificate once there is one."""

    self: str
    page: str
    certificate: str | None

    @classmethod
    def of(cls, base_url: str, found: RequestRecord) -> Self:
        """Return the addresses below that of the service."""
        api, serial = f"{base_url}{API_PATH}", found.serial_number
        return cls.model_validate(
            {
                "self": f"{api}requests/{found.id}",
                "page": f"{base_url}/requests/{found.id}",
                "certificate": f"{api}certificates/{serial}" if serial else None,
            }
        )


class RequestDocument(Document):
    """A request: a submitted CSR, the decision, and the result."""

    id: int
    state: RequestState
    profile: str
    purpose: str = Field(description="the purpose on the node, such as tomcat-ECDSA; empty for a plain server")
    validity_days: int | None = Field(description="the requested lifetime; null for the default")
    host: str = Field(description="the name under which clients reach the node")
    subject: str
    subject_alternative_name: list[str] = Field(description="the names, such as DNS:uccx1.example.com")
    csr: str = Field(description="the CSR as PEM")
    findings: list[FindingDocument] = Field(description="the findings at the submission")
    submitted_at: Moment
    submitted_by: str
    decided_at: Moment | None
    decided_by: str | None = Field(description="the approver; null while it waits, or if an approval rule decided")
    rule: str | None = Field(description="the approval rule that approved it")
    reasons: list[str] = Field(description="why that rule applies")
    note: str | None = Field(description="the note that came with the decision")
    failure: list[FindingDocument] = Field(description="why signing failed")
    serial_number: Serial | None = Field(description="the certificate; null until one is issued")
    links: RequestLinks | None = Field(description="null on the command line, which has no address")

    @classmethod
    def of(cls, found: RequestRecord, base_url: str = "") -> Self:
        """Describe a request; `base_url` is the address of the service, empty on the command line."""
        return cls(
            id=found.id,
            state=found.state.value,
            profile=found.options.profile,
            purpose=found.options.destination.purpose,
            validity_days=found.options.validity_days,
            host=found.host,
            subject=found.subject,
            subject_alternative_name=list(found.names),
            csr=csr_pem(found.csr_der),
            findings=finding_documents(found.findings),
            submitted_at=found.submitted_at,
            submitted_by=found.submitted_by,
            decided_at=found.decided_at,
            decided_by=found.decided_by or None,
            rule=found.rule or None,
            reasons=[each.detail for each in found.reasons],
            note=found.note or None,
            failure=finding_documents(found.failure),
            serial_number=found.serial_number,
            links=RequestLinks.of(base_url, found) if base_url else None,
        )


class RequestsDocument(Document):
    """Requests: those of a submission that waits for a decision, or a page of the list."""

    requests: list[RequestDocument]
    findings: list[FindingDocument] = Field(description="about the submission, or about requests that cannot be shown")
    next: str | None = Field(description="the address of the next page, or the cursor for --cursor; null on the last")

    @classmethod
    def of(
        cls,
        found: Sequence[RequestRecord],
        findings: Sequence[Finding] = (),
        following: str | None = None,
        base_url: str = "",
    ) -> Self:
        """Describe the requests in their order."""
        requests = [RequestDocument.of(each, base_url) for each in found]
        return cls(requests=requests, findings=finding_documents(findings), next=following)
