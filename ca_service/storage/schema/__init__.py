"""Knows the tables, one module for each idea. The migrations build them; a test compares the two."""

from ca_service.storage.schema.accounts import account, setup_link, token
from ca_service.storage.schema.applications import application
from ca_service.storage.schema.authorities import certificate, issuer, replay
from ca_service.storage.schema.columns import UTCDateTime, metadata
from ca_service.storage.schema.events import audit_event
from ca_service.storage.schema.fleet import cluster, mark, node, placed_request

__all__ = [
    "UTCDateTime",
    "account",
    "application",
    "audit_event",
    "certificate",
    "cluster",
    "issuer",
    "mark",
    "metadata",
    "node",
    "placed_request",
    "replay",
    "setup_link",
    "token",
]
