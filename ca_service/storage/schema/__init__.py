"""Knows the tables, one module for each idea. The migrations build them; a test compares the two."""

from ca_service.storage.schema.accounts import account, setup_link, token
from ca_service.storage.schema.authorities import certificate, issuer, replay
from ca_service.storage.schema.columns import UTCDateTime, metadata
from ca_service.storage.schema.events import audit_event
from ca_service.storage.schema.fleet import cluster, mark, node, placed_request
from ca_service.storage.schema.people import (
    account_link,
    attempt,
    challenge,
    known_browser,
    passkey,
    recovery_code,
    session,
    totp,
)

__all__ = [
    "UTCDateTime",
    "account",
    "account_link",
    "attempt",
    "audit_event",
    "certificate",
    "challenge",
    "cluster",
    "issuer",
    "known_browser",
    "mark",
    "metadata",
    "node",
    "passkey",
    "placed_request",
    "recovery_code",
    "replay",
    "session",
    "setup_link",
    "token",
    "totp",
]
