"""Knows the tables, one module for each idea. The migrations build them; a test compares the two."""

from ca_service.storage.schema.accounts import account, setup_link, token
from ca_service.storage.schema.applications import application
from ca_service.storage.schema.authorities import certificate, issuer, replay
from ca_service.storage.schema.columns import UTCDateTime, metadata
from ca_service.storage.schema.events import audit_event, seal
from ca_service.storage.schema.fleet import cluster, mark, node, placed_request
from ca_service.storage.schema.identities import external_identity
from ca_service.storage.schema.notices import calendar, job_run, notice, outbox
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
from ca_service.storage.schema.revocation import crl, responder, revocation, revocation_version

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
    "external_identity",
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
