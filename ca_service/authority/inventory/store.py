"""Knows what the inventory needs from the storage, and the frozen values that it gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
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


Sort = Literal["newest", "oldest", "expires", "host"]


@dataclass(frozen=True, slots=True)
class CertificateQuery:
    """Which certificates to list: `text` in the words of inventory/language.py."""

    text: str = ""
    sort: Sort = "newest"
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate in a list, with what it is worth at the moment of the list."""

    certificate: CertificateRecord
    status: Status


@dataclass(frozen=True, slots=True)
class Page:
    """Some certificates of a list, and the cursor of the next page, empty on the last."""

    items: tuple[Listed, ...]
    next_cursor: str

    @property
    def certificates(self) -> tuple[CertificateRecord, ...]:
        """The certificates alone."""
        return tuple(item.certificate for item in self.items)


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster in one of whose slots a request was put."""

    cluster_id: int
    cluster_name: str


class InventoryStore(Protocol):
    """What there is, seen from outside: nothing here changes anything."""

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """One page, of 1 to MAX_PAGE certificates; raises InvalidInput for a cursor that we did not hand out."""

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """How many come to their end from each of the bounds on, before the next; without revoked and held ones.

        The statuses that are wanted mean nothing here.
        """

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """How many there are, counted no further than `most`."""

    def find_places(self, certificates: Collection[CertificateRecord]) -> Mapping[str, Place]:
        """The cluster in which each stands, by serial number; those in none are left out."""

    def find_replaced(self, certificates: Collection[CertificateRecord]) -> frozenset[str]:
        """The serial numbers of those for whose host there is a good certificate of that profile with a later end."""
