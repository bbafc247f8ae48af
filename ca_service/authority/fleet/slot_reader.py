"""The slots of clusters with their states, read in the same few statements however many clusters there are."""

from __future__ import annotations

from collections.abc import Sequence

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterRecord, PlacedRequest
from ca_service.authority.fleet.states import Known, Slot, slots_of, with_submitted
from ca_service.authority.fleet.store import FleetStore
from ca_service.authority.issuance.store import Ledger, RequestStore
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.pki.profiles import VOS


class SlotReader:
    """Derives the slots of clusters from CSRs, certificates, revocations and marks."""

    def __init__(
        self,
        store: FleetStore,
        ledger: Ledger,
        clock: Clock,
        *,
        revocations: RevocationStore,
        requests: RequestStore,
        trusted: TrustedAuthorities,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._revocations = revocations
        self._requests = requests
        self._trusted = trusted

    def read(self, clusters: Sequence[ClusterRecord]) -> tuple[tuple[Slot, ...], ...]:
        """Return the slots of each cluster, in the order of the clusters."""
        requests = self._store.list_requests(*(cluster.id for cluster in clusters))
        purposes = {each.request_fingerprint: each.purpose for each in reversed(requests)}
        fingerprints = purposes.keys()
        issued = self._ledger.list_by_requests(fingerprints)
        # Of two certificates for one CSR, that for the purpose of the slot comes last and counts; then the newest.
        ranked = sorted(reversed(issued), key=lambda each: each.purpose == purposes[each.request_fingerprint])
        newest = {each.request_fingerprint: each for each in ranked if each.profile == VOS.name}
        found = self._requests.list_for_requests(fingerprints - newest.keys())
        submitted = {each.request_fingerprint: each for each in reversed(found)}
        slots = self._derived(clusters, requests, newest)
        return tuple(tuple(with_submitted(slot, submitted) for slot in each) for each in slots)

    def _derived(
        self,
        clusters: Sequence[ClusterRecord],
        requests: Sequence[PlacedRequest],
        newest: dict[str, CertificateRecord],
    ) -> list[tuple[Slot, ...]]:
        revocations = self._revocations.revocations_of([record.serial_number for record in newest.values()])
        revoked = {serial for serial, revocation in revocations.items() if not revocation.is_good}
        bad = self._trusted.bad_among(record.issuer_id for record in newest.values())
        revoked |= {record.serial_number for record in newest.values() if record.issuer_id in bad}
        marks = self._store.list_marks(*(cluster.id for cluster in clusters))
        now = self._clock()
        return [
            slots_of(
                cluster,
                [each for each in requests if each.cluster_id == cluster.id],
                Known(newest, revoked, {mark.step: mark for mark in marks if mark.cluster_id == cluster.id}, now),
            )
            for cluster in clusters
        ]
