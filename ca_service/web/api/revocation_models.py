"""Knows what goes in and out as JSON when certificates are revoked or released."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from ca_service.authority.revocation.revoking import MAX_NOTE
from ca_service.pki.reasons import FOR_LEAVES
from ca_service.web.api.fields import Input, Output, Serial
from ca_service.web.api.models import FindingDocument


class _SelectionFields(Input):
    """Which certificates are meant; all that any of these means."""

    serial_numbers: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=500)] = Field(
        default=[], description="a list of at most 500 serial numbers, hexadecimal, with or without colons"
    )
    key_fingerprint: Annotated[str, Field(max_length=120)] = Field(
        default="", description="the SHA-256 of a public key, for every certificate that has it"
    )
    host: Annotated[str, Field(max_length=253)] = Field(
        default="", description="a host, for every certificate that names it"
    )
    note: Annotated[str, Field(max_length=MAX_NOTE)] = Field(
        default="", description=f"what the record should know, in at most {MAX_NOTE} characters"
    )
    preview: bool = Field(default=False, description="true to be told what would happen, without doing it")


class RevocationDocument(_SelectionFields):
    """Certificates to revoke, and why."""

    reason: Annotated[str, Field(json_schema_extra={"enum": [reason.value for reason in FOR_LEAVES]})] = Field(
        description=f"one of: {', '.join(FOR_LEAVES)}"
    )
    invalid_since: Annotated[str, Field(max_length=60, json_schema_extra={"format": "date-time"})] | None = Field(
        default=None, description="since when the key is thought to be lost, such as 2026-11-20T08:00:00Z"
    )


class ReleaseDocument(_SelectionFields):
    """Certificates whose hold is to end."""


class ChangeDocument(Output):
    """What was done to one certificate, or would be."""

    serial_number: Serial
    host: str
    effect: Literal["revoke", "hold", "make-final", "release", "already", "final", "not-held", "expired"]
    state: Literal["good", "revoked", "held", "released"] = Field(description="what the certificate is then")
    reason: str | None
    revoked_at: AwareDatetime | None


class RevocationResultDocument(Output):
    """What was done to each certificate, or would be, and what follows from it."""

    done: bool
    changed: int
    certificates: list[ChangeDocument]
    findings: list[FindingDocument]
