"""The audit log: events and seals."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, String, Table, Text, text

from ca_service.storage.schema.columns import UTCDateTime, metadata, partial_index

#: True for every event. Only statements with this condition read the index of times: SQLite would also use it for pages
#: of the log, which are sorted by number, and sort the whole log for each of them.
BY_TIME: Final = text("audit_event.id > 0")

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
    Column("seal", Integer),
    Column("position", Integer),
    Index("uq_audit_event_place", "seal", "position", unique=True, **partial_index("seal IS NOT NULL")),
    Index("ix_audit_event_unsealed", "id", **partial_index("seal IS NULL")),
    Index("ix_audit_event_subject", "subject", "id"),
    Index("ix_audit_event_actor", "actor", "id"),
    Index("ix_audit_event_event", "event", "id"),
    Index("ix_audit_event_at", "at", **partial_index("id > 0")),
)

seal = Table(
    "seal",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
)
