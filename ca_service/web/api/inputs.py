"""Inputs of the API as JSON, query or form. The descriptions are part of OpenAPI and of the findings."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationInfo

from ca_service.authority.audit.wording import Category
from ca_service.authority.fleet.probing import MAX_PORTS
from ca_service.authority.inventory.store import Sort
from ca_service.authority.issuance.decisions import MAX_NOTE as MAX_DECISION_NOTE
from ca_service.authority.issuance.decisions import MAX_WAIT
from ca_service.authority.issuance.issuance import MAX_REQUESTS
from ca_service.authority.paging import MAX_PAGE
from ca_service.authority.revocation.revoking import MAX_NOTE
from ca_service.documents.requests import RequestState
from ca_service.pki.profiles import DEFAULT_LEAF_DAYS, LEAF_PROFILES, MAX_LEAF_DAYS
from ca_service.pki.reasons import FOR_LEAVES
from ca_service.vos.fit import MAX_CHAIN_FILES
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES

FROM_TEXT: Final = "from text"
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,10}")
_FLAGS: Final = {"true": True, "false": False}
_SEVERAL: Final[dict[str, JsonValue]] = {"minItems": 1, "maxItems": MAX_REQUESTS}
_WHEN: Final = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2}))?)?$"
_PAGE_LIMIT: Final = f"entries per page: a whole number from 1 to {MAX_PAGE}"
_PAGE_CURSOR: Final = "the cursor from the link to the next page, unchanged and with the same sort"


def _read_number(value: object, info: ValidationInfo) -> object:
    """Return the number for the digits of a query or form; anything else unchanged, for the model to refuse."""
    is_number = info.context == FROM_TEXT and isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value)
    return int(str(value)) if is_number else value


def _read_flag(value: object, info: ValidationInfo) -> object:
    """Return the boolean for `true` or `false` in a query or form; anything else unchanged, for the model to refuse."""
    return _FLAGS.get(value, value) if info.context == FROM_TEXT and isinstance(value, str) else value


# Values outside these bounds make no sense. Inside them the policy decides, and its finding states its own limit.
Days = Annotated[
    int,
    Field(ge=-(2**31), le=2**31 - 1, json_schema_extra={"format": "int32"}),
    BeforeValidator(_read_number),
]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE), BeforeValidator(_read_number)]
Flag = Annotated[bool, BeforeValidator(_read_flag)]
ProfileName = Annotated[str, Field(max_length=32, json_schema_extra={"enum": list(LEAF_PROFILES)})]
PurposeName = Annotated[str, Field(min_length=1, max_length=32, json_schema_extra={"enum": list(PURPOSES)})]
ProductName = Annotated[str, Field(min_length=1, max_length=32, json_schema_extra={"enum": list(products())})]
CSRText = Annotated[str, Field(json_schema_extra={"format": "pkcs10"})]
CertificateText = Annotated[str, Field(json_schema_extra={"format": "x509"})]
CertificateForm = Literal["json", "zip", "pem", "der", "p7b"]
BatchForm = Literal["json", "ndjson"]
_Text = Annotated[str, Field(max_length=200)]
_Cursor = Annotated[str, Field(max_length=1000)]
_When = Annotated[str, Field(max_length=25, json_schema_extra={"pattern": _WHEN})]
_Wait = Annotated[int, Field(ge=0, le=MAX_WAIT), BeforeValidator(_read_number)]


class Input(BaseModel):
    """A strict input: no value is converted, and no unknown member is ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class NoQuery(Input):
    """No query parameters."""


class OptionFields(Input):
    """The options of a submission, the same in query, form and JSON. None means not given."""

    profile: ProfileName | None = Field(default=None, description=f"one of: {', '.join(LEAF_PROFILES)}")
    validity_days: Days | None = Field(
        default=None,
        description=f"a whole number of days, 1 to {MAX_LEAF_DAYS} unless the operator has set a lower limit; "
        f"{DEFAULT_LEAF_DAYS} if omitted, unless the operator has set another default: a choice, not a limit",
    )
    purpose: PurposeName | None = Field(
        default=None,
        description=f"the purpose on the node, one of: {', '.join(PURPOSES)}; proposed if omitted",
    )
    product: ProductName | None = Field(
        default=None,
        description=f"the product of the hosts, one of: {', '.join(products())}; signing remembers it and the version",
    )
    version: Annotated[_Text, Field(min_length=1)] | None = Field(
        default=None, description="the version of the product, such as 11.5 or 14SU2"
    )
    new: Flag | None = Field(
        default=None, description="true to issue a new certificate even if this CSR has a valid one, or false"
    )
    add_host_name: Flag | None = Field(
        default=None, description="true to add the host name to a certificate whose CSR names no host, or false"
    )


class CertificateQueryFields(Input):
    """The query for one certificate."""

    format: CertificateForm | None = Field(default=None, description="one of: json, zip, pem, der, p7b")


class IssueQuery(OptionFields, CertificateQueryFields):
    """The query of an issue: the options, and the format of the answer."""


class BatchQuery(OptionFields):
    """The query of a batch: the options, and the format of the answer."""

    format: BatchForm | None = Field(default=None, description="one of: json, ndjson")


class ProbeInput(Input):
    """The hosts of a probe."""

    hosts: list[Annotated[str, Field(max_length=300, json_schema_extra={"format": "probe-target"})]] = Field(
        description=f"1 to {MAX_PORTS} hosts, each with or without a port: uccx1.example.com, uccx1.example.com:12015",
        min_length=1,
        max_length=MAX_PORTS,
    )


class ProbeQuery(Input):
    """The query of a probe, or of a run on a node: the format of the answer."""

    format: BatchForm | None = Field(default=None, description="one of: json, ndjson")


class RenewQuery(CertificateQueryFields):
    """The query of a renewal."""

    validity_days: Days | None = Field(
        default=None, description=f"a whole number of days, 1 to {MAX_LEAF_DAYS}; the previous lifetime if omitted"
    )
    new: Flag | None = Field(
        default=None, description="true to renew a certificate that a newer one has superseded already, or false"
    )
    never_uploaded: Flag | None = Field(
        default=None,
        description="true for a Cisco node that still has the CSR because nothing was uploaded, or false",
    )


class AuthorityQueryFields(Input):
    """The query for the authority."""

    format: Literal["json", "pem", "p7b"] | None = Field(default=None, description="one of: json, pem, p7b")


class ListQueryFields(Input):
    """The query of the list of certificates."""

    q: _Text = Field(
        default="",
        description="words that are part of a name or begin a serial number (one or two characters alone begin the "
        "host), and filters such as expires<30d, status:active, profile:vos, cluster:lab, host:uccx, by:anna, "
        "issuer:g1, serial:4f1c; at most 200 characters",
    )
    sort: Sort = Field(default="newest", description=f"one of: {', '.join(get_args(Sort))}")
    limit: Limit = Field(default=50, description=_PAGE_LIMIT)
    cursor: _Cursor = Field(default="", description=_PAGE_CURSOR)
    format: Literal["json", "csv"] | None = Field(
        default=None, description="one of: json, csv; csv holds the whole list, without limit and cursor"
    )


class SubmissionInput(OptionFields):
    """One CSR or several, with the options for all of them."""

    csr: CSRText | Annotated[list[CSRText], Field(json_schema_extra=_SEVERAL)] = Field(
        description="a CSR (PEM, or DER in base64) as a string, or a list of such strings"
    )


class FitInput(Input):
    """A certificate of any authority, and what to compare it with."""

    certificate: CertificateText = Field(description="the certificate of the node as PEM, alone in its string")
    csr: CSRText | None = Field(
        default=None, description="the CSR that it answers (PEM, or DER in base64); without it, less can be checked"
    )
    chain: Annotated[list[CertificateText], Field(max_length=MAX_CHAIN_FILES)] = Field(
        default=[], description=f"the authorities above it as PEM, one string per file, at most {MAX_CHAIN_FILES}"
    )
    trust: str = Field(
        default="",
        description="the output of `show cert list trust` on the node, or a snapshot of its certificate management API",
    )


class RequestListFields(Input):
    """The query of the list of requests."""

    q: _Text = Field(default="", description="part of a name or of the requester, at most 200 characters")
    state: RequestState | None = Field(
        default=None, description="one of: submitted, approved, refused, withdrawn, issued, failed"
    )
    sort: Literal["newest", "oldest"] = Field(default="newest", description="one of: newest, oldest")
    limit: Limit = Field(default=50, description=_PAGE_LIMIT)
    cursor: _Cursor = Field(default="", description=_PAGE_CURSOR)


class RequestQueryFields(Input):
    """The query for one request."""

    wait: _Wait = Field(default=0, description=f"seconds to wait for a decision: a whole number from 0 to {MAX_WAIT}")


class SubmissionQuery(Input):
    """The query for the requests of a submission."""

    format: Literal["json", "zip"] | None = Field(default=None, description="one of: json, zip")


class DecisionInput(Input):
    """The note of a decision."""

    note: str = Field(default="", description=f"a note of at most {MAX_DECISION_NOTE} characters, as a string")


class EventQueryFields(Input):
    """The query of the audit log."""

    q: _Text = Field(default="", description="text in any part of the event, at most 200 characters")
    event: _Text = Field(
        default="", description=f"the name of an event (certificate.issued), or one of: {', '.join(Category)}"
    )
    actor: _Text = Field(default="", description="the name of the account that acted")
    subject: _Text = Field(default="", description="the object: a serial number, a cluster, an account, an authority")
    since: _When = Field(default="", description="a day (2026-11-23) or a moment (RFC 3339), itself included")
    until: _When = Field(default="", description="a day (2026-11-23) or a moment (RFC 3339), itself included")
    sort: Literal["newest", "oldest"] = Field(default="newest", description="one of: newest, oldest")
    limit: Limit = Field(default=50, description=_PAGE_LIMIT)
    cursor: _Cursor = Field(default="", description=_PAGE_CURSOR)


class UpcomingListFields(Input):
    """The query of the upcoming notices."""

    q: _Text = Field(default="", description="part of the name of what expires, at most 200 characters")
    limit: Limit = Field(default=50, description=f"entries at most: a whole number from 1 to {MAX_PAGE}")


class MessageListFields(UpcomingListFields):
    """The query of the messages."""

    q: _Text = Field(default="", description="part of the subject or the recipient, at most 200 characters")
    state: Literal["waiting", "sent", "dead"] | None = Field(
        default=None, description="one of: waiting, sent, dead (tried often, and given up)"
    )


class SelectionFields(Input):
    """The selected certificates: all that match any of these."""

    serial_numbers: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=500)] = Field(
        default=[], description="a list of at most 500 serial numbers, hexadecimal, with or without colons"
    )
    key_fingerprint: Annotated[str, Field(max_length=120)] = Field(
        default="", description="the SHA-256 of a public key (DER), to select every certificate with this key"
    )
    host: Annotated[str, Field(max_length=253)] = Field(
        default="", description="a host, to select every certificate that names it"
    )
    note: Annotated[str, Field(max_length=MAX_NOTE)] = Field(
        default="", description=f"a note for the audit log, at most {MAX_NOTE} characters"
    )
    preview: bool = Field(default=False, description="true to preview the effect without changing anything")


class RevocationInput(SelectionFields):
    """Certificates to revoke, and the reason."""

    reason: Annotated[str, Field(json_schema_extra={"enum": [reason.value for reason in FOR_LEAVES]})] = Field(
        description=f"one of: {', '.join(FOR_LEAVES)}"
    )
    invalid_since: Annotated[str, Field(max_length=60, json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="when the key was probably lost, such as 2026-11-20T08:00:00Z"
    )


class ReleaseInput(SelectionFields):
    """Certificates to release from their hold."""
