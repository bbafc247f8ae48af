"""Writes audit events; the one place that does, each in the transaction that it describes."""

from __future__ import annotations

from sqlalchemy import Connection, insert

from ca_service.authority.audit.events import AuditEvent
from ca_service.storage import rows
from ca_service.storage.schema import audit_event


def record_events(connection: Connection, *events: AuditEvent) -> None:
    """Write these events, in their order, into the transaction of this connection."""
    for event in events:
        connection.execute(insert(audit_event), rows.event_values(event))
