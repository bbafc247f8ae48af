"""Knows what goes in and out as JSON, query or form; the OpenAPI document is made from these models."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationInfo

from ca_service.authority.submission import MAX_REQUESTS
from ca_service.pki.profiles import LEAF_PROFILES, MAX_LEAF_DAYS
from ca_service.vos.fit import MAX_CHAIN_FILES

FROM_TEXT: Final = "from text"
MAX_PAGE: Final = 200
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")
_FLAGS: Final = {"true": True, "false": False}


def _read_number(value: object, info: ValidationInfo) -> object:
    """The number that a query or a form says in digits; anything else stays, to be refused."""
    is_number = info.context == FROM_TEXT and isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
    return int(str(value)) if is_number else value


def _read_flag(value: object, info: ValidationInfo) -> object:
    """The truth that a query or a form says in a word; anything else stays, to be refused."""
    return _FLAGS.get(value, value) if info.context == FROM_TEXT and isinstance(value, str) else value


# What is out of these bounds cannot be meant; inside them the policy decides, and says its own limit.
_Days = Annotated[
    int,
    Field(ge=-(2**31), le=2**31 - 1, json_schema_extra={"format": "int32"}),
    BeforeValidator(_read_number),
]
_Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_read_number)]
_Flag = Annotated[bool, BeforeValidator(_read_flag)]
_ProfileName = Annotated[str, Field(max_length=32, json_schema_extra={"enum": list(LEAF_PROFILES)})]
_RequestText = Annotated[str, Field(json_schema_extra={"format": "pkcs10"})]
_CertificateText = Annotated[str, Field(json_schema_extra={"format": "x509"})]
_Serial = Annotated[str, Field(pattern="^[0-9a-f]{40}$", description="40 lower-case hexadecimal digits")]
_Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the DER, hexadecimal")]
_SEVERAL: Final[dict[str, JsonValue]] = {"minItems": 1, "maxItems": MAX_REQUESTS}
CertificateForm = Literal["json", "zip", "pem", "der", "p7b"]


class _Input(BaseModel):
    """Nothing is turned into something else, and nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Output(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(_Input):
    """No query parameters."""


class OptionFields(_Input):
    """What can be asked beside the requests; the same in query, form and JSON. None is not said."""

    profile: _ProfileName | None = Field(default=None, description=f"one of: {', '.join(LEAF_PROFILES)}")
    validity_days: _Days | None = Field(
        default=None,
        description=f"a whole number of days, 1 to {MAX_LEAF_DAYS} where the operator has set no lower limit",
    )
    new: _Flag | None = Field(
        default=None, description="true to get another certificate where this request has a valid one, or false"
    )
    add_host_name: _Flag | None = Field(
        default=None, description="true to add the host name to a request that names no host, or false"
    )


class IssueQuery(OptionFields):
    """The query of an issue: options, and the form of the answer."""

    format: CertificateForm | None = Field(default=None, description="one of: json, zip, pem, der, p7b")


class CertificateQueryFields(_Input):
    """The query for one certificate."""

    format: CertificateForm | None = Field(default=None, description="one of: json, zip, pem, der, p7b")


class AuthorityQueryFields(_Input):
    """The query for the authority."""

    format: Literal["json", "pem", "p7b"] | None = Field(default=None, description="one of: json, pem, p7b")


class ListQueryFields(_Input):
    """The query of the list."""

    q: Annotated[str, Field(max_length=200)] = Field(
        default="",
        description="words that stand in a name or begin a serial number, and filters such as expires<30d, "
        "status:active, profile:vos, cluster:lab, host:uccx, by:anna, issuer:g1, serial:4f1c; at most 200 characters",
    )
    sort: Literal["newest", "oldest", "expires", "host"] = Field(
        default="newest", description="one of: newest, oldest, expires, host"
    )
    limit: _Limit = Field(default=50, description=f"how many to a page: a whole number from 1 to {MAX_PAGE}")
    cursor: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="what the link to the next page holds, unchanged and with the same sort"
    )
    format: Literal["json", "csv"] | None = Field(
        default=None, description="one of: json, csv; csv holds all of the list, without limit and cursor"
    )


class RequestDocument(OptionFields):
    """One signing request or several, with the options that hold for all of them."""

    csr: _RequestText | Annotated[list[_RequestText], Field(json_schema_extra=_SEVERAL)] = Field(
        description="a request (PEM, or DER in base64) as a string, or a list of such strings"
    )


class FitDocument(_Input):
    """A certificate of any authority, with what it is to be held against."""

    certificate: _CertificateText = Field(description="the certificate of the node as PEM, alone in its string")
    csr: _RequestText | None = Field(
        default=None, description="the request that it answers (PEM, or DER in base64); much is not compared without it"
    )
    chain: Annotated[list[_CertificateText], Field(max_length=MAX_CHAIN_FILES)] = Field(
        default=[], description=f"the authorities above it as PEM, a string for each file, at most {MAX_CHAIN_FILES}"
    )
    trust: str = Field(
        default="",
        description="what `show cert list trust` prints on the node, or a snapshot of its certificate management API",
    )


class FindingDocument(_Output):
    """One thing that was found: what is wrong, where, and how to mend it."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into what was submitted; empty for the whole")
    rule: str = Field(description="stable identifier of the rule")
    severity: Literal["blocking", "warning", "note"] = Field(description="only what is blocking stops the signing")
    detail: str = Field(description="what is wrong")
    mend: str = Field(description="what to change, and where")


class ProblemDocument(_Output):
    """A problem (RFC 9457)."""

    type: str = Field(description="URN of the kind of problem")
    title: str
    status: int
    detail: str
    errors: list[FindingDocument]


class CertificateLinks(_Output):
    """Where the same certificate is found in each form."""

    self: str
    zip: str = Field(description="the bundle: numbered files, steps, checksums")
    pem: str = Field(description="leaf, intermediate, root")
    der: str = Field(description="the leaf alone")
    p7b: str = Field(description="leaf, intermediate, root, in no order")


class CertificateDocument(_Output):
    """One certificate."""

    serial_number: _Serial
    profile: str
    host: str = Field(description="the name under which clients reach the node")
    subject: str
    subject_alternative_name: list[str] = Field(description="the names, such as DNS:uccx1.example.com")
    not_before: AwareDatetime
    not_after: AwareDatetime
    issued_at: AwareDatetime
    issued_by: str
    fingerprint: _Fingerprint
    pem: str
    chain: list[str] = Field(description="the authorities as PEM, the issuing one first, the root last")
    links: CertificateLinks


class CertificatesDocument(_Output):
    """Certificates, whether one was asked for, several, or a page of the list."""

    certificates: list[CertificateDocument]
    findings: list[FindingDocument] = Field(description="what was worth telling about the requests")
    next: str | None = Field(description="the address of the next page of a list")


class CheckDocument(_Output):
    """What would happen to one request. What it asks is null or empty where it could not be read."""

    accepted: bool
    subject: str | None
    subject_alternative_name: list[str] = Field(description="the names that are asked, such as DNS:uccx1.example.com")
    key: str | None = Field(description="kind and size of the public key: EC P-384")
    signature: str | None = Field(description="hash of the signature: SHA-384")
    key_usage: list[str]
    extended_key_usage: list[str]
    findings: list[FindingDocument]


class ChecksDocument(_Output):
    """One check for each request, in their order."""

    checks: list[CheckDocument]


class FitCheckDocument(_Output):
    """One question about a certificate."""

    topic: str = Field(description="what was asked, such as public key")
    stage: Literal["upload", "use"] = Field(description="when a fault shows: at the upload, or in use afterwards")
    result: Literal["passed", "failed", "not checked"]
    message: str = Field(description="what the node will say, word for word, where Cisco prints it; or empty")
    finding: FindingDocument | None = Field(description="what is wrong, or good to know")


class FitResultDocument(_Output):
    """Whether a node would take a certificate, and whether it would work after."""

    taken: bool = Field(description="whether the node would take the files")
    works: bool = Field(description="whether it would take them, and nothing would break later")
    verdict: str
    checks: list[FitCheckDocument] = Field(description="those of the upload first")


class AuthorityCertificateDocument(_Output):
    """The certificate of an authority."""

    role: Literal["root", "intermediate"]
    subject: str
    serial_number: _Serial
    key: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    fingerprint: _Fingerprint
    pem: str


class AuthorityLinks(_Output):
    """Where the authority is found in each form."""

    self: str
    pem: str
    p7b: str


class AuthorityDocument(_Output):
    """The authority that issues now, with those above it: the issuing one first, the root last."""

    name: str
    certificates: list[AuthorityCertificateDocument]
    links: AuthorityLinks
