"""The inventory in memory, beside the ledger, authorities and clusters that it is about."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.hierarchy.store import IssuerStore
from ca_service.authority.inventory.store import (
    Condition,
    Filter,
    Listed,
    Page,
    Place,
    Sort,
    Status,
    is_short,
    matches,
    status_of,
)
from tests.support.fakes import InMemoryLedger
from tests.support.leaf_ends import InMemoryLeafStore
from tests.support.paging import paged

_ORDER: dict[str, Callable[[tuple[int, CertificateRecord]], tuple[object, ...]]] = {
    "newest": lambda row: (-row[0],),
    "oldest": lambda row: (row[0],),
    "expires": lambda row: (row[1].not_after, row[0]),
    "host": lambda row: (row[1].host, row[0]),
}


class InMemoryInventoryStore:
    """The inventory port without a database."""

    def __init__(self, ledger: InMemoryLedger, issuers: IssuerStore, fleet: FleetStore) -> None:
        self._ledger = ledger
        self._issuers = issuers
        self._fleet = fleet

    def list_certificates(self, wanted: Filter, sort: Sort, cursor: str, limit: int) -> Page:
        """See the port."""
        name, _, is_descending = sort.partition("-")
        found = sorted(enumerate(self._ledger.certificates), key=_ORDER[name], reverse=bool(is_descending))
        listed = [Listed(each, self._status(each, wanted.at)) for _, each in found if self._has(each, wanted)]
        listed = [each for each in listed if wanted.statuses is None or each.status in wanted.statuses]
        return Page(*paged(listed, sort, cursor, limit))

    def count_ends(self, wanted: Filter, bounds: Sequence[datetime]) -> tuple[int, ...]:
        """See the port."""
        good = filter(self._ledger.is_good, self._ledger.certificates)
        counts = Counter(bisect_right(bounds, each.not_after) for each in good if self._has(each, wanted))
        return tuple(counts[number] for number in range(1, len(bounds)))

    def count_up_to(self, wanted: Filter, most: int) -> int:
        """See the port."""
        found = (each for each in self._ledger.certificates if self._has(each, wanted))
        kept = [each for each in found if wanted.statuses is None or self._status(each, wanted.at) in wanted.statuses]
        return min(most, len(kept))

    def find_places(self, certificates: Collection[CertificateRecord]) -> Mapping[str, Place]:
        """See the port."""
        places = self._places()
        found = ((each.serial_number, places.get(each.request_fingerprint)) for each in certificates)
        return {serial: place for serial, place in found if place is not None}

    def find_replaced(self, certificates: Collection[CertificateRecord], at: datetime) -> frozenset[str]:
        """See the port."""
        leaves = InMemoryLeafStore(self._ledger, self._fleet)
        serials = (each.serial_number for each in certificates)
        return frozenset(each for each in serials if leaves.find_successor(each, at))

    def _status(self, certificate: CertificateRecord, at: datetime) -> Status:
        revoked = self._ledger.revocations.get((certificate.issuer_id, certificate.serial_number))
        return status_of(revoked.state if revoked else None, certificate.not_after, at)

    def _has(self, certificate: CertificateRecord, wanted: Filter) -> bool:
        leaf, grant = certificate, wanted.grant
        return (
            (grant is None or grant.sees(leaf.profile, leaf.names, leaf.host))
            and all(leaf.host.lower().startswith(word) for word in wanted.starts)
            and all(_has_word(certificate, word) for word in wanted.words if word not in wanted.starts)
            and all(self._meets(certificate, each) for each in wanted.conditions)
            and (wanted.ends_from is None or certificate.not_after >= wanted.ends_from)
            and (wanted.ends_before is None or certificate.not_after < wanted.ends_before)
        )

    def _meets(self, certificate: CertificateRecord, wanted: Condition) -> bool:
        if wanted.key == "serial" and wanted.is_part:
            return certificate.serial_number.startswith(wanted.values)
        if wanted.key == "host" and wanted.is_part:
            return any(_has_host(certificate.host.lower(), value) for value in wanted.values)
        return any(matches(wanted.values, each, is_part=wanted.is_part) for each in self._values(certificate, wanted))

    def _values(self, certificate: CertificateRecord, wanted: Condition) -> tuple[str, ...]:
        match wanted.key:
            case "cluster":
                place = self._places().get(certificate.request_fingerprint)
                return (place.cluster_name,) if place else ()
            case "issuer":
                names = {each.id: each.name for each in self._issuers.list_issuers()}
                return (certificate.issuer_id, names.get(certificate.issuer_id, ""))
            case "serial":
                return (certificate.serial_number,)
            case "by":
                return (certificate.issued_by,)
            case key:
                return (str(getattr(certificate, key)),)

    def _places(self) -> dict[str, Place]:
        clusters = self._fleet.list_clusters(ClusterQuery(limit=200)).items
        placed = [(each, cluster) for cluster in clusters for each in self._fleet.list_requests(cluster.id)]
        return {each.request_fingerprint: Place(c.id, c.name) for each, c in sorted(placed, key=lambda row: row[0].id)}


def _has_host(host: str, part: str) -> bool:
    return host.startswith(part) if is_short(part) else part in host


def _has_word(record: CertificateRecord, word: str) -> bool:
    names = " ".join((record.host, record.subject, *(name.partition(":")[2] for name in record.names))).lower()
    serial = word.replace(":", "")
    return word in names or (bool(serial) and record.serial_number.startswith(serial))
