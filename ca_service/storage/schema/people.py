"""People and how they sign in: accounts, tokens, links, OpenID identities, sessions, second factors, attempts."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from ca_service.storage.schema.columns import UTCDateTime, metadata, sorted_text

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", sorted_text(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("session_epoch", Integer, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("disabled_at", UTCDateTime),
    Column("mail_address", String(254), nullable=False, server_default=""),
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
    Column("scopes", JSON, nullable=False),
    Column("names", JSON, nullable=False),
    Column("profiles", JSON, nullable=False),
    Column("networks", JSON, nullable=False),
)

setup_link = Table(
    "setup_link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
)

external_identity = Table(
    "external_identity",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id"), nullable=False, unique=True),
    Column("created_at", UTCDateTime, nullable=False),
)

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
