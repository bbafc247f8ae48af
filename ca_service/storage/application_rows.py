"""Knows how applications and their findings become rows and come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row

from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.records import RequestRecord, State
from ca_service.errors import Finding, Severity
from ca_service.storage import rows

_FINDINGS: Final = ("findings", "reasons", "failure")
_OPTIONS: Final = ("profile", "validity_days", "make_new", "add_host_name")
_PLAIN: Final = (str, int, float, bool, type(None))


def application_values(record: RequestRecord) -> dict[str, Any]:
    """Its columns but for the number, with the text in which the list searches."""
    options = record.options
    names = (name.partition(":")[2] for name in record.names)
    found = rows.values_of(record) | {name: _as_json(getattr(record, name)) for name in _FINDINGS}
    del found["id"], found["options"]
    return found | {
        "state": record.state.value,
        "profile": options.profile,
        "validity_days": options.validity_days,
        "make_new": options.new,
        "add_host_name": options.add_host_name,
        "search_text": " ".join((record.host, record.subject, *names, record.submitted_by)).lower(),
        "open_key": open_key(record) if record.is_open else None,
    }


def open_key(record: RequestRecord) -> str:
    """What only one application may have while something is still to be done."""
    return f"{record.options.profile} {record.request_fingerprint}"


def application_record(row: Row[Any]) -> RequestRecord:
    """The application of a row."""
    found = {name: value for name, value in row._mapping.items() if name not in (*_OPTIONS, "search_text", "open_key")}
    found |= {name: _findings(found[name]) for name in _FINDINGS}
    options = Options(row.profile, row.validity_days, row.make_new, row.add_host_name)
    return RequestRecord(**found | {"state": State(row.state), "names": tuple(row.names), "options": options})


def _as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [rows.values_of(each) | {"values": _plain(each), "severity": each.severity.value} for each in findings]


def _plain(finding: Finding) -> dict[str, Any]:
    """The values; what JSON does not know becomes the text that a reader would see."""
    return {name: value if isinstance(value, _PLAIN) else str(value) for name, value in finding.values.items()}


def _findings(stored: Sequence[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**each | {"severity": Severity(each["severity"])}) for each in stored)
