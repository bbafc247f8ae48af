"""What the hierarchy needs from storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ca_service.authority.audit.events import AuditEvent
from ca_service.authority.hierarchy.records import IssuerRecord


class IssuerStore(Protocol):
    """The authorities that there are."""

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """All of them, oldest first; of one age, the root first and the issuing one last."""

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """Add or replace these, with their event, in one transaction."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep every other process out of what changes the authority."""
