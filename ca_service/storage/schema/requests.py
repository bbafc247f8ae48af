"""Submitted requests and their decisions."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, text

from ca_service.storage.schema.columns import UTCDateTime, metadata

# A request with a certificate is found by that, so most indexes leave it out: a request that a rule approves writes
# only its row and one index entry.
_WITHOUT_CERTIFICATE = text("serial_number IS NULL")
_OPEN = text("open_key IS NOT NULL")

#: `open_key` is profile and CSR while the request is open, and NULL afterwards: there is one open request for each.
application = Table(
    "application",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Column("request_fingerprint", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("profile", String(32), nullable=False),
    Column("validity_days", Integer),
    Column("make_new", Boolean, nullable=False),
    Column("add_host_name", Boolean, nullable=False),
    Column("host", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("submitted_at", UTCDateTime, nullable=False),
    Column("submitted_by", Text, nullable=False),
    Column("submitted_by_id", Integer),
    Column("submitted_from", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("decided_at", UTCDateTime),
    Column("decided_by", Text, nullable=False),
    Column("decided_by_id", Integer),
    Column("decided_from", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("note", Text, nullable=False),
    Column("settled_at", UTCDateTime),
    Column("failure", JSON, nullable=False),
    Column("serial_number", String(40)),
    Column("open_key", String(100)),
    Index("ix_application_submitter", "submitted_by_id", "id"),
    Index("uq_application_open_key", "open_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index(
        "ix_application_state",
        "state",
        "id",
        sqlite_where=_WITHOUT_CERTIFICATE,
        postgresql_where=_WITHOUT_CERTIFICATE,
    ),
    Index(
        "ix_application_request",
        "request_fingerprint",
        sqlite_where=_WITHOUT_CERTIFICATE,
        postgresql_where=_WITHOUT_CERTIFICATE,
    ),
)
