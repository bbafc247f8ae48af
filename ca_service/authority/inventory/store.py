"""Knows what the inventory needs from the storage, and the frozen values that it gets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.filters import Filter, Status

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
