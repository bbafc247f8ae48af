"""Findings and problems (RFC 9457), the same for the API and the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, Self

from pydantic import Field

from ca_service.documents.fields import Document
from ca_service.errors import Finding, only_errors

_MAX_DETAILS: Final = 3


class FindingDocument(Document):
    """One problem or remark: what is wrong, where, and how to fix it."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the input; empty for all of it")
    rule: str = Field(description="stable identifier of the rule, explained at /rules/{rule}")
    severity: Literal["error", "warning", "note"] = Field(description="only an error prevents signing")
    detail: str = Field(description="what is wrong")
    remedy: str = Field(description="how to fix it, and where; may be empty")

    @classmethod
    def of(cls, found: Finding) -> Self:
        """Describe a finding, in English."""
        return cls(
            pointer=found.pointer,
            rule=found.rule,
            severity=found.severity.value,
            detail=found.detail,
            remedy=found.remedy,
        )


def finding_documents(findings: Iterable[Finding]) -> list[FindingDocument]:
    """Describe the findings in their order."""
    return [FindingDocument.of(found) for found in findings]


class ErrorDocument(Document):
    """The failure of a command: a problem (RFC 9457) without an HTTP status."""

    type: str = Field(description="reference to the explanation of the deciding rule, such as /rules/csr.malformed")
    title: str
    detail: str
    code: str = Field(description="stable identifier of the kind of problem, such as refused or not-found")
    errors: list[FindingDocument] = Field(description="every finding")

    @classmethod
    def of(cls, code: str, title: str, findings: Sequence[Finding]) -> Self:
        """Describe an error; the first finding that prevents signing decides its type."""
        return cls.model_validate(_members(code, title, findings))


class ProblemDocument(ErrorDocument):
    """A problem (RFC 9457)."""

    status: int = Field(description="the HTTP status")

    @classmethod
    def at(cls, status: int, code: str, title: str, findings: Sequence[Finding]) -> Self:
        """Describe an error as the answer with this HTTP status."""
        return cls.model_validate({"status": status} | _members(code, title, findings))


def rule_path(rule: str) -> str:
    """Return the path on which the service explains a rule (RFC 9457, 3.1.1: a relative reference has a full path)."""
    return f"/rules/{rule}"


def _members(code: str, title: str, findings: Sequence[Finding]) -> dict[str, object]:
    decisive = only_errors(findings) or tuple(findings)
    return {
        "type": rule_path(decisive[0].rule),
        "title": title,
        "detail": " ".join(found.detail for found in decisive[:_MAX_DETAILS]),
        "code": code,
        "errors": finding_documents(findings),
    }
