"""Knows what goes in and out as JSON, query or form; the OpenAPI document is made from these models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ca_service.authority.paging import MAX_PAGE
from ca_service.pki.profiles import LEAF_PROFILES, MAX_LEAF_DAYS
from ca_service.vos.fit import MAX_CHAIN_FILES
from ca_service.web.api.fields import (
    SEVERAL,
    CertificateText,
    Days,
    Fingerprint,
    Flag,
    Input,
    Limit,
    Output,
    ProfileName,
    RequestText,
    Serial,
)

CertificateForm = Literal["json", "zip", "pem", "der", "p7b"]


class NoQuery(Input):
    """No query parameters."""


class OptionFields(Input):
    """What can be asked beside the requests; the same in query, form and JSON. None is not said."""

    profile: ProfileName | None = Field(default=None, description=f"one of: {', '.join(LEAF_PROFILES)}")
    validity_days: Days | None = Field(
        default=None,
        description=f"a whole number of days, 1 to {MAX_LEAF_DAYS} where the operator has set no lower limit",
    )
    new: Flag | None = Field(
        default=None, description="true to get another certificate where this request has a valid one, or false"
    )
    add_host_name: Flag | None = Field(
        default=None, description="true to add the host name to a request that names no host, or false"
    )


class IssueQuery(OptionFields):
    """The query of an issue: options, and the form of the answer."""

    format: CertificateForm | None = Field(default=None, description="one of: json, zip, pem, der, p7b")


class CertificateQueryFields(Input):
    """The query for one certificate."""

    format: CertificateForm | None = Field(default=None, description="one of: json, zip, pem, der, p7b")


class RenewQuery(CertificateQueryFields):
    """The query of a renewal."""

    validity_days: Days | None = Field(
        default=None, description=f"a whole number of days, 1 to {MAX_LEAF_DAYS}; as many as before if it is left out"
    )
    new: Flag | None = Field(
        default=None, description="true for one more where a newer certificate has followed it already, or false"
    )
    never_uploaded: Flag | None = Field(
        default=None, description="true for a Cisco node that still has the CSR, because nothing was uploaded, or false"
    )


class AuthorityQueryFields(Input):
    """The query for the authority."""

    format: Literal["json", "pem", "p7b"] | None = Field(default=None, description="one of: json, pem, p7b")


class ListQueryFields(Input):
    """The query of the list."""

    q: Annotated[str, Field(max_length=200)] = Field(
        default="",
        description="words that stand in a name or begin a serial number, and filters such as expires<30d, "
        "status:active, profile:vos, cluster:lab, host:uccx, by:anna, issuer:g1, serial:4f1c; at most 200 characters",
    )
    sort: Literal["newest", "oldest", "expires", "host"] = Field(
        default="newest", description="one of: newest, oldest, expires, host"
    )
    limit: Limit = Field(default=50, description=f"how many to a page: a whole number from 1 to {MAX_PAGE}")
    cursor: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="what the link to the next page holds, unchanged and with the same sort"
    )
    format: Literal["json", "csv"] | None = Field(
        default=None, description="one of: json, csv; csv holds all of the list, without limit and cursor"
    )


class RequestDocument(OptionFields):
    """One signing request or several, with the options that hold for all of them."""

    csr: RequestText | Annotated[list[RequestText], Field(json_schema_extra=SEVERAL)] = Field(
        description="a request (PEM, or DER in base64) as a string, or a list of such strings"
    )


class FitDocument(Input):
    """A certificate of any authority, with what it is to be held against."""

    certificate: CertificateText = Field(description="the certificate of the node as PEM, alone in its string")
    csr: RequestText | None = Field(
        default=None, description="the request that it answers (PEM, or DER in base64); much is not compared without it"
    )
    chain: Annotated[list[CertificateText], Field(max_length=MAX_CHAIN_FILES)] = Field(
        default=[], description=f"the authorities above it as PEM, a string for each file, at most {MAX_CHAIN_FILES}"
    )
    trust: str = Field(
        default="",
        description="what `show cert list trust` prints on the node, or a snapshot of its certificate management API",
    )


class FindingDocument(Output):
    """One problem or remark about an input: what is wrong, where, and how to fix it."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into what was submitted; empty for the whole")
    rule: str = Field(description="stable identifier of the rule")
    severity: Literal["error", "warning", "note"] = Field(description="only an error prevents signing")
    detail: str = Field(description="what is wrong")
    remedy: str = Field(description="how to fix it, and where")


class ProblemDocument(Output):
    """A problem (RFC 9457)."""

    type: str = Field(description="URN of the kind of problem")
    title: str
    status: int
    detail: str
    errors: list[FindingDocument]


class StandingDocument(Output):
    """That a certificate is not valid, and since when."""

    state: Literal["revoked", "held", "released"]
    reason: str
    revoked_at: AwareDatetime
    changed_by: str


class CertificateLinks(Output):
    """Where the same certificate is found in each form."""

    self: str
    zip: str = Field(description="the bundle: numbered files, steps, receipt, checksums")
    pem: str = Field(description="leaf, intermediate, root")
    der: str = Field(description="the leaf alone")
    p7b: str = Field(description="leaf, intermediate, root, in no order")


class CertificateDocument(Output):
    """One certificate."""

    serial_number: Serial
    profile: str
    host: str = Field(description="the name under which clients reach the node")
    subject: str
    subject_alternative_name: list[str] = Field(description="the names, such as DNS:uccx1.example.com")
    not_before: AwareDatetime
    not_after: AwareDatetime
    issued_at: AwareDatetime
    issued_by: str
    fingerprint: Fingerprint
    revocation: StandingDocument | None = Field(description="null for one that was never revoked or put on hold")
    pem: str
    chain: list[str] = Field(description="the authorities as PEM, the issuing one first, the root last")
    links: CertificateLinks


class CertificatesDocument(Output):
    """Certificates, whether one was asked for, several, or a page of the list."""

    certificates: list[CertificateDocument]
    findings: list[FindingDocument] = Field(description="what was worth telling about the requests")
    next: str | None = Field(description="the address of the next page of a list")


class CheckDocument(Output):
    """What would happen to one request. What it asks is null or empty where it could not be read."""

    accepted: bool
    subject: str | None
    subject_alternative_name: list[str] = Field(description="the names that are asked, such as DNS:uccx1.example.com")
    key: str | None = Field(description="kind and size of the public key: EC P-384")
    signature: str | None = Field(description="hash of the signature: SHA-384")
    key_usage: list[str]
    extended_key_usage: list[str]
    findings: list[FindingDocument]


class ChecksDocument(Output):
    """One check for each request, in their order."""

    checks: list[CheckDocument]


class FitCheckDocument(Output):
    """One question about a certificate."""

    topic: str = Field(description="what was asked, such as public key")
    stage: Literal["upload", "use"] = Field(description="when a fault shows: at the upload, or in use afterwards")
    result: Literal["passed", "failed", "not checked"]
    message: str = Field(description="what the node will say, word for word, where Cisco prints it; or empty")
    finding: FindingDocument | None = Field(description="what is wrong, or good to know")


class FitResultDocument(Output):
    """Whether a node would take a certificate, and whether it would work after."""

    taken: bool = Field(description="whether the node would take the files")
    works: bool = Field(description="whether it would take them, and nothing would break later")
    verdict: str
    checks: list[FitCheckDocument] = Field(description="those of the upload first")


class AuthorityCertificateDocument(Output):
    """The certificate of an authority."""

    role: Literal["root", "intermediate"]
    subject: str
    serial_number: Serial
    key: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    fingerprint: Fingerprint
    pem: str


class AuthorityLinks(Output):
    """Where the authority is found in each form."""

    self: str
    pem: str
    p7b: str


class AuthorityDocument(Output):
    """The authority that issues now, with those above it: the issuing one first, the root last."""

    name: str
    certificates: list[AuthorityCertificateDocument]
    links: AuthorityLinks


class TokenDocument(Output):
    """What a token may. An empty list of names, profiles or networks is no limit."""

    account: str = Field(description="the account that it acts for")
    role: str = Field(description="the role of that account, beyond which no token goes")
    label: str
    prefix: str = Field(description="its first characters, by which it is listed")
    scopes: list[str] = Field(description="what it is good for: check, submit, read ...")
    names: list[str] = Field(description="the names and addresses that a certificate may have, such as *.example.com")
    profiles: list[str]
    networks: list[str] = Field(description="from where it can be used, such as 10.0.0.0/8")
    created_at: AwareDatetime
    expires_at: AwareDatetime
