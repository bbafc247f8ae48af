"""Knows the tables. The migrations build them; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UTCDateTime(TypeDecorator[datetime]):
    """Aware UTC in and out; SQLite alone would forget the zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse naive times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone is not stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back."""
        return value.replace(tzinfo=UTC) if value is not None else None


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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
    Column("host", Text, nullable=False),
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

cluster = Table(
    "cluster",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("search_text", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
)

node = Table(
    "node",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), nullable=False),
    Column("fqdn", Text, nullable=False),
    Column("product", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    Column("role", String(32), nullable=False),
    UniqueConstraint("cluster_id", "fqdn"),
)

placed_request = Table(
    "placed_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("node_id", Integer, ForeignKey("node.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("purpose", String(32), nullable=False),
    Column("is_multi_server", Boolean, nullable=False),
    Column("request_fingerprint", String(64), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("csr_der", LargeBinary, nullable=False),
    Column("placed_at", UTCDateTime, nullable=False),
    Column("placed_by", Text, nullable=False),
)

mark = Table(
    "mark",
    metadata,
    Column("cluster_id", Integer, ForeignKey("cluster.id", ondelete="CASCADE"), primary_key=True),
    Column("step", String(200), primary_key=True),
    Column("done_at", UTCDateTime, nullable=False),
    Column("done_by", Text, nullable=False),
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
)

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("session_epoch", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("disabled_at", UTCDateTime),
)

token = Table(
    "token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("prefix", String(16), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", UTCDateTime, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
    Column("last_used_at", UTCDateTime),
    Column("revoked_at", UTCDateTime),
)

setup_link = Table(
    "setup_link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
)

audit_event = Table(
    "audit_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    Column("event", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", JSON, nullable=False),
)
