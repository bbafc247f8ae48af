"""Who signs in at an OpenID provider: the subject there, and the account here."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, String, Table

from ca_service.storage.schema.columns import UTCDateTime, metadata

external_identity = Table(
    "external_identity",
    metadata,
    Column("issuer", String(255), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("account_id", Integer, ForeignKey("account.id"), nullable=False, unique=True),
    Column("created_at", UTCDateTime, nullable=False),
)
