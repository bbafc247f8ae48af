"""Requests: submitted CSRs that wait for a decision, what became of them, and the verdicts of a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.issuance.batches import Outcome
from ca_service.authority.issuance.records import RequestRecord
from ca_service.documents.certificates import CertificateDocument
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


class VerdictDocument(Document):
    """The outcome for one CSR of a batch."""

    number: int = Field(description="its place in the batch, from 0, as in the pointers of findings")
    name: str = Field(description="the name of its file; empty if it had none")
    outcome: Literal["issued", "issued-before", "waiting", "refused"]
    certificate: CertificateDocument | None = Field(description="null unless it was issued, now or before")
    request: RequestDocument | None = Field(description="null unless it waits for an approver")
    findings: list[FindingDocument]


class BatchCountsDocument(Document):
    """The number of CSRs of a batch with each outcome."""

    issued: int
    issued_before: int
    waiting: int
    refused: int

    @classmethod
    def of(cls, outcomes: Mapping[Outcome, int]) -> Self:
        """Describe the counts."""
        return cls(**{outcome.replace("-", "_"): outcomes.get(outcome, 0) for outcome in Outcome})


class BatchDocument(Document):
    """A batch: a verdict for each CSR, in the order of the submission, and the counts."""

    verdicts: list[VerdictDocument]
    counts: BatchCountsDocument

    @classmethod
    def of(cls, verdicts: list[VerdictDocument]) -> Self:
        """Describe a batch."""
        counts = Counter(Outcome(each.outcome) for each in verdicts)
        return cls(verdicts=verdicts, counts=BatchCountsDocument.of(counts))
