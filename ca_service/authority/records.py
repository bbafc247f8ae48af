"""Knows the frozen values that the stores hand out and take; they say what is stored, not how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ca_service.authority.grants import Grant
from ca_service.authority.permissions import Actor, Role

IssuerRole = Literal["root", "intermediate"]
Sort = Literal["newest", "oldest", "expires", "host"]


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


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """An issued leaf, with the request that it answers. Fingerprints are SHA-256, hexadecimal."""

    serial_number: str
    profile: str
    host: str
    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    issued_by: str
    issuer_id: str
    request_fingerprint: str
    key_fingerprint: str
    der: bytes
    csr_der: bytes


@dataclass(frozen=True, slots=True)
class CertificateQuery:
    """Which certificates to list: `text` in the words of inventory/language.py."""

    text: str = ""
    sort: Sort = "newest"
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Replay:
    """What was answered to an Idempotency-Key: `digest` identifies what had been asked.

    The answer was certificates, or the numbers of the applications that wait.
    """

    account: str
    key: str
    digest: str
    serial_numbers: tuple[str, ...]
    created: bool
    at: datetime
    application_ids: tuple[int, ...] = ()

    def settled(self, made: Sequence[CertificateRecord], stored: Sequence[CertificateRecord]) -> Replay:
        """The answer as it came out: where another process was first, its certificate stands for ours."""
        winners = {ours.serial_number: winner.serial_number for ours, winner in zip(made, stored, strict=True)}
        serial_numbers = tuple(winners.get(serial, serial) for serial in self.serial_numbers)
        created = any(ours == winner for ours, winner in winners.items())
        return replace(self, serial_numbers=serial_numbers, created=created)


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """A person or a script that may sign in. `session_epoch` grows when all sessions end."""

    id: int
    name: str
    role: Role
    password_hash: str
    session_epoch: int
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def actor(self) -> Actor:
        """The account as somebody who acts."""
        return Actor(self.id, self.name, self.role)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """An API token; `hash` is the SHA-256 of the secret, `prefix` its first characters.

    `scopes` are those that it was made with; without names, profiles or networks there is no such limit.
    """

    id: int
    account_id: int
    label: str
    prefix: str
    hash: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    @property
    def grant(self) -> Grant:
        """What it may at most, within the role of its account."""
        return Grant(self.id, frozenset(self.scopes), self.names, self.profiles)

    def state(self, now: datetime) -> Literal["valid", "revoked", "expired"]:
        """What it is worth at this moment."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "valid"


@dataclass(frozen=True, slots=True)
class SetupLink:
    """The right to create the first administrator, once, until `expires_at`."""

    hash: str
    expires_at: datetime
