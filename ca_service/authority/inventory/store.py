"""Filters and pages of the inventory, and its port to storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, Protocol

from ca_service.authority.access.grants import Grant
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.revocation.records import State

Key = Literal["profile", "cluster", "issuer", "host", "serial", "by"]


class Status(StrEnum):
    """The status of a certificate at a moment. Revoked or held ones keep their status after expiry."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    HELD = "held"


START: Final = 2  # characters


def is_short(word: str) -> bool:
    """Return whether no index finds these characters inside names. They are searched at the beginning of the host."""
    return len(word) <= START


@dataclass(frozen=True, slots=True)
class Condition:
    """A match of one field: it equals one of `values` (in lower case), or contains one with `is_part`.

    A part of a serial number, and a short part of a host, is its beginning.
    """

    key: Key
    values: tuple[str, ...]
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter; all its members have to match. `words`, in lower case, are in a name, or begin the serial number.

    Short words begin the host, if there is no longer word beside them. The expiry is from `ends_from` on, and before
    `ends_before`. `statuses` are the wanted ones as of `at`; None means all. With a `grant`, only certificates that it
    may see: pages and cursors do not reveal any others.
    """

    at: datetime
    words: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    ends_from: datetime | None = None
    ends_before: datetime | None = None
    statuses: frozenset[Status] | None = None
    grant: Grant | None = None

    @property
    def starts(self) -> tuple[str, ...]:
        """The words that begin the host."""
        return self.words if all(map(is_short, self.words)) else ()

    def ending(self, begin: datetime | None, before: datetime | None) -> Filter:
        """Return the same filter with its expiry also limited to this span; None leaves it open."""
        begins = [each for each in (self.ends_from, begin) if each is not None]
        befores = [each for each in (self.ends_before, before) if each is not None]
        return replace(self, ends_from=max(begins, default=None), ends_before=min(befores, default=None))


def status_of(revoked: State | None, not_after: datetime, at: datetime) -> Status:
    """Return the status at this moment of a certificate with this revocation state, or None for no revocation."""
    if revoked is None or revoked is State.RELEASED:
        return Status.EXPIRED if not_after < at else Status.ACTIVE
    return Status.HELD if revoked is State.HELD else Status.REVOKED


def matches(values: Sequence[str], found: str, *, is_part: bool) -> bool:
    """Return whether one of the values equals the found text, or is a part of it, in any case."""
    return any(value in found.lower() if is_part else value == found.lower() for value in values)


Sort = Literal["newest", "oldest", "expires", "expires-desc", "host", "host-desc"]


@dataclass(frozen=True, slots=True)
class CertificateQuery:
    """A search for certificates: `text` in the language of inventory/language.py."""

    text: str = ""
    sort: Sort = "newest"
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A certificate in a list, with its status at the time of the list."""

    certificate: CertificateRecord
    status: Status


@dataclass(frozen=True, slots=True)
class Page:
    """A page of certificates, and the cursor of the next page, empty on the last."""

    items: tuple[Listed, ...]
    next_cursor: str

    @property
    def certificates(self) -> tuple[CertificateRecord, ...]:
        """The certificates without their statuses."""
        return tuple(item.certificate for item in self.items)


@dataclass(frozen=True, slots=True)
class Place:
    """The cluster in which a CSR was placed."""

    cluster_id: int
    cluster_name: str


class InventoryStore(Protocol):
    """Read access to what was issued."""

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """Return one page of 1 to MAX_PAGE certificates. Raises InvalidInput for a foreign cursor."""

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """Return how many certificates expire from each of the bounds until the next, without revoked and held ones.

        The statuses of the filter are ignored here.
        """

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """Return the number of matches, counted up to `most`."""

    def find_places(self, certificates: Collection[CertificateRecord]) -> Mapping[str, Place]:
        """Return the cluster of each certificate, by serial number; those without a cluster are omitted."""

    def find_replaced(self, certificates: Collection[CertificateRecord], at: datetime) -> frozenset[str]:
        """Return the serial numbers of those that are superseded: a newer good one has their host, profile and purpose.

        The purpose counts as the slot has it: tomcat-ECDSA does not replace CallManager-ECDSA on the same node.
        """
