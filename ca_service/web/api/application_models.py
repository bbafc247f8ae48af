"""Knows what goes in and out about applications as JSON or query."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, Field

from ca_service.authority.issuance.decisions import MAX_NOTE, MAX_WAIT
from ca_service.authority.paging import MAX_PAGE
from ca_service.web.api.fields import Input, Limit, Output, Serial, read_number
from ca_service.web.api.models import FindingDocument

_Wait = Annotated[int, Field(ge=0, le=MAX_WAIT), BeforeValidator(read_number)]
ApplicationState = Literal["submitted", "approved", "refused", "withdrawn", "issued", "failed"]


class ApplicationListFields(Input):
    """The query of the list of applications."""

    q: Annotated[str, Field(max_length=200)] = Field(
        default="", description="parts of names, or of who has submitted it, in at most 200 characters"
    )
    state: ApplicationState | None = Field(
        default=None, description="one of: submitted, approved, refused, withdrawn, issued, failed"
    )
    sort: Literal["newest", "oldest"] = Field(default="newest", description="one of: newest, oldest")
    limit: Limit = Field(default=50, description=f"how many to a page: a whole number from 1 to {MAX_PAGE}")
    cursor: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="what the link to the next page holds, unchanged and with the same sort"
    )


class ApplicationQueryFields(Input):
    """The query for one application."""

    wait: _Wait = Field(
        default=0, description=f"for how many seconds to wait for a decision: a whole number from 0 to {MAX_WAIT}"
    )


class DecisionDocument(Input):
    """What goes with a decision."""

    note: str = Field(default="", description=f"a note of at most {MAX_NOTE} characters, as a string")


class ApplicationLinks(Output):
    """Where the application is found, by a script and by a person; and its certificate, once there is one."""

    self: str
    page: str
    certificate: str | None


class ApplicationDocument(Output):
    """A request that was submitted, and what became of it."""

    id: int
    state: ApplicationState
    profile: str
    validity_days: int | None = Field(description="as it was asked; null for the usual lifetime")
    host: str
    subject: str
    subject_alternative_name: list[str]
    csr: str = Field(description="the request as PEM")
    findings: list[FindingDocument] = Field(description="what was found when it was submitted")
    submitted_at: AwareDatetime
    submitted_by: str
    decided_at: AwareDatetime | None
    decided_by: str | None = Field(description="who has decided; null where a rule has, or nobody yet")
    rule: str | None = Field(description="the rule that has approved it")
    reasons: list[str] = Field(description="why that rule holds")
    note: str | None = Field(description="what was written at the decision")
    failure: list[FindingDocument] = Field(description="why it could not be signed")
    serial_number: Serial | None = Field(description="its certificate; null as long as there is none")
    links: ApplicationLinks


class ApplicationsDocument(Output):
    """Applications: those of a submission that waits, or a page of the list."""

    applications: list[ApplicationDocument]
    findings: list[FindingDocument] = Field(description="what was worth telling about the requests")
    next: str | None = Field(description="the address of the next page of a list")
