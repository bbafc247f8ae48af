"""Knows what a list can be narrowed by; the language in which it is typed is next door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from ca_service.authority.access.grants import Grant
from ca_service.authority.revocation.records import State

Key = Literal["profile", "cluster", "issuer", "host", "serial", "by"]


class Status(StrEnum):
    """What a certificate is worth at a moment. One that is revoked or on hold stays so when it has expired."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Condition:
    """One of `values`, in lower case, is what the certificate has there, or with `is_part`, a part of it.

    A part of a serial number is its beginning.
    """

    key: Key
    values: tuple[str, ...]
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """All of it has to hold. `words`, in lower case, stand in a name, or begin the serial number.

    The end lies from `ends_from` on, and before `ends_before`. `statuses` are those that are wanted, as
    of `at`; None wants all of them. With a `grant`, only those that it may see: pages and cursors are as if
    there were no others.
    """

    at: datetime
    words: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    ends_from: datetime | None = None
    ends_before: datetime | None = None
    statuses: frozenset[Status] | None = None
    grant: Grant | None = None

    def ending(self, begin: datetime | None, before: datetime | None) -> Filter:
        """The same, narrowed to those whose end lies in this span as well; None leaves it open."""
        begins = [each for each in (self.ends_from, begin) if each is not None]
        befores = [each for each in (self.ends_before, before) if each is not None]
        return replace(self, ends_from=max(begins, default=None), ends_before=min(befores, default=None))


def status_of(revoked: State | None, not_after: datetime, at: datetime) -> Status:
    """Return the status at this moment of a certificate with this state of revocation, None for none."""
    if revoked is None or revoked is State.RELEASED:
        return Status.EXPIRED if not_after < at else Status.ACTIVE
    return Status.HELD if revoked is State.HELD else Status.REVOKED


def matches(values: Sequence[str], found: str, *, is_part: bool) -> bool:
    """Whether one of the values is what was found, or a part of it, in whatever case."""
    return any(value in found.lower() if is_part else value == found.lower() for value in values)
