"""Knows how applications look in the JSON that scripts read; the names are those of the API."""

from __future__ import annotations

from typing import Any

from ca_service.authority.issuance.records import RequestRecord
from ca_service.pki.encodings import time_text


def application_document(found: RequestRecord) -> dict[str, Any]:
    """An application, with what was found, decided and what became of it."""
    return {
        "id": found.id,
        "state": found.state.value,
        "profile": found.options.profile,
        "validity_days": found.options.validity_days,
        "host": found.host,
        "subject": found.subject,
        "subject_alternative_name": list(found.names),
        "findings": [each.as_document() for each in found.findings],
        "submitted_at": time_text(found.submitted_at),
        "submitted_by": found.submitted_by,
        "decided_at": time_text(found.decided_at) if found.decided_at else None,
        "decided_by": found.decided_by or None,
        "rule": found.rule or None,
        "reasons": [each.detail for each in found.reasons],
        "note": found.note or None,
        "failure": [each.as_document() for each in found.failure],
        "serial_number": found.serial_number,
    }
