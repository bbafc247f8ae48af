"""How people sign in: sessions, known browsers, counted attempts, second factors, links."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from ca_service.storage.schema.columns import UTCDateTime, metadata

session = Table(
    "session",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("account_id", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("method", String(32), nullable=False),
    Column("address", String(64), nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("seen_at", UTCDateTime, nullable=False),
    Column("confirmed_at", UTCDateTime, nullable=False),
)

known_browser = Table(
    "known_browser",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id"), primary_key=True),
    Column("hash", String(64), primary_key=True),
    Column("seen_at", UTCDateTime, nullable=False),
)

attempt = Table(
    "attempt",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("subject", String(64), nullable=False, index=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UTCDateTime, nullable=False, index=True),
    Column("blocked_until", UTCDateTime),
)

account_link = Table(
    "account_link",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id"), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("expires_at", UTCDateTime, nullable=False),
)

totp = Table(
    "totp",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("confirmed_at", UTCDateTime),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("credential_id", Text, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("last_used_at", UTCDateTime),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", Integer, ForeignKey("account.id"), primary_key=True),
    Column("hash", String(64), primary_key=True),
)

challenge = Table(
    "challenge",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id")),
    Column("expires_at", UTCDateTime, nullable=False, index=True),
)
