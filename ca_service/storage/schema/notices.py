"""Background jobs with their leases, notices, counts of expirations, the outbox, calendar links."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from ca_service.storage.schema.columns import UTCDateTime, metadata

job_run = Table(
    "job_run",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("holder", String(16), nullable=False),
    Column("until", UTCDateTime),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("outcome", String(16), nullable=False),
    Column("count", Integer, nullable=False),
    Column("took", Integer, nullable=False),
    Column("detail", Text, nullable=False),
    Column("succeeded_at", UTCDateTime),
)

notice = Table(
    "notice",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("subject_id", String(64), nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("days", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    UniqueConstraint("kind", "subject_id", "not_after", "days"),
)

#: How many items expire within so many days, as they were last counted.
expiry_count = Table(
    "expiry_count",
    metadata,
    Column("days", Integer, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_id", String(64), nullable=False, unique=True),
    Column("notice_id", Integer, ForeignKey("notice.id")),
    Column("channel", String(16), nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("event", JSON, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try_at", UTCDateTime, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("sent_at", UTCDateTime),
    Index("ix_outbox_state", "state", "next_try_at"),
)

calendar = Table(
    "calendar",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id"), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UTCDateTime, nullable=False),
)
