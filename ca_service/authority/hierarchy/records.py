"""Root and intermediate as they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

IssuerRole = Literal["root", "intermediate"]


@dataclass(frozen=True, slots=True)
class IssuerRecord:
    """An authority: its certificate, once there is one, and the name of its key, if we hold it.

    `parent_id` leads to the root, which has none. `is_issuing` marks the one that signs leaves.
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
