"""Knows the tables, one module for each idea. The migrations build them; a test compares the two."""

from ca_service.storage.schema.accounts import account, setup_link, token
from ca_service.storage.schema.authorities import certificate, issuer, replay
from ca_service.storage.schema.columns import UTCDateTime, metadata
from ca_service.storage.schema.events import audit_event
from ca_service.storage.schema.fleet import cluster, mark, node, placed_request
from ca_service.storage.schema.revocation import crl, responder, revocation, revocation_version

__all__ = [
    "UTCDateTime",
    "account",
    "audit_event",
    "certificate",
    "cluster",
    "crl",
    "issuer",
    "mark",
    "metadata",
    "node",
    "placed_request",
    "replay",
    "responder",
    "revocation",
    "revocation_version",
    "setup_link",
    "token",
]
