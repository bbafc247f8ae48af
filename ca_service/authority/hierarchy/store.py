"""Stored authorities, and the port to storage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ca_service.authority.audit.events import AuditEvent

IssuerRole = Literal["root", "intermediate"]


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """An authority: its certificate, once there is one, and the name of its key, if the key is here.

    `parent_id` is None for the root. `is_issuing` marks the authority that signs leaves.
    """

    id: str
    role: IssuerRole
    generation: int
    name: str
    created_at: datetime
    certificate_der: bytes | None = None
    key_id: str | None = None
    parent_id: str | None = None
    is_issuing: bool = False


def find_waiting(records: Sequence[IssuerRecord]) -> IssuerRecord | None:
    """Return the authority that waits for its certificate from an external root, or None; there is one at most."""
    return next((record for record in records if record.certificate_der is None), None)


class IssuerStore(Protocol):
    """The stored authorities."""

    def list_issuers(self) -> tuple[IssuerRecord, ...]:
        """Return all authorities, oldest first; of the same age, the root first and the issuing one last."""

    def save_issuers(self, issuers: Sequence[IssuerRecord], event: AuditEvent) -> None:
        """Add or replace these authorities, with their event, in one transaction."""

    def exclusively(self) -> AbstractContextManager[None]:
        """Lock out every other process that changes the authorities."""
