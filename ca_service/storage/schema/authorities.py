"""Issuers, issued certificates, and answers to Idempotency-Keys."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from ca_service.storage.schema.columns import UTCDateTime, metadata, sorted_text

issuer = Table(
    "issuer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("certificate_der", LargeBinary),
    Column("key_id", String(64)),
    Column("parent_id", String(64), ForeignKey("issuer.id")),
    Column("is_issuing", Boolean, nullable=False),
)

certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("serial_number", String(40), nullable=False, unique=True),
    Column("profile", String(32), nullable=False),
    Column("host", sorted_text(), nullable=False),
    Column("subject", Text, nullable=False),
    Column("names", JSON, nullable=False),
    Column("search_text", Text, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("not_after", UTCDateTime, nullable=False),
    Column("issued_at", UTCDateTime, nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("issuer_id", String(64), ForeignKey("issuer.id"), nullable=False),
    Column("request_fingerprint", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Index("ix_certificate_request", "request_fingerprint", "profile"),
    Index("ix_certificate_key", "key_fingerprint"),
    Index("ix_certificate_expires", "not_after", "id"),
    Index("ix_certificate_host", "host", "id"),
)

replay = Table(
    "replay",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("serial_numbers", JSON, nullable=False),
    Column("created", Boolean, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("application_ids", JSON, key="request_ids", nullable=False),  # the name of version 0.1
)
