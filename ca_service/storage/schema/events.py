"""What has happened."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, String, Table, Text

from ca_service.storage.schema.columns import UTCDateTime, metadata

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    Column("event", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSON, nullable=False),
    Column("origin", Text, nullable=False),
)
