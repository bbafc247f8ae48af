"""Batches: what became of each CSR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.issuance.batches import Outcome
from ca_service.documents.certificates import CertificateDocument
from ca_service.documents.fields import Document
from ca_service.documents.findings import FindingDocument
from ca_service.documents.requests import RequestDocument


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
