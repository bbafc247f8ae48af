"""The tables, one module for each idea. The migrations create them; a test compares the two."""

from ca_service.storage.schema.certificates import (
    application,
    certificate,
    crl,
    installation,
    issuer,
    replay,
    responder,
    revocation,
    revocation_version,
)
from ca_service.storage.schema.columns import UTCDateTime, metadata
from ca_service.storage.schema.events import audit_event, seal
from ca_service.storage.schema.fleet import cluster, mark, node, placed_request
from ca_service.storage.schema.notices import calendar, expiry_count, job_run, notice, outbox
from ca_service.storage.schema.people import (
    account,
    account_link,
    attempt,
    challenge,
    external_identity,
    known_browser,
    passkey,
    recovery_code,
    session,
    setup_link,
    token,
    totp,
)

__all__ = [
    "UTCDateTime",
    "account",
    "account_link",
    "application",
    "attempt",
    "audit_event",
    "calendar",
    "certificate",
    "challenge",
    "cluster",
    "crl",
    "expiry_count",
    "external_identity",
    "installation",
    "issuer",
    "job_run",
    "known_browser",
    "mark",
    "metadata",
    "node",
    "notice",
    "outbox",
    "passkey",
    "placed_request",
    "recovery_code",
    "replay",
    "responder",
    "revocation",
    "revocation_version",
    "seal",
    "session",
    "setup_link",
    "token",
    "totp",
]
