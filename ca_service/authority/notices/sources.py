"""Sources of expirations: leaves in use, authorities, CRLs, OCSP signers.

CRLs and OCSP signers renew themselves long before their expiry. One of them counts only if it does not: the key of
its authority is offline, or it is late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ca_service.authority.access.permissions import SERVICE
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.states import Place
from ca_service.authority.fleet.store import LeafEnd, LeafStore
from ca_service.authority.hierarchy.hierarchy import Hierarchy, certificate_of
from ca_service.authority.hierarchy.store import IssuerRecord
from ca_service.authority.notices.ports import Source
from ca_service.authority.notices.records import Expiring, Kind
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.records import CRLRecord, ResponderRecord
from ca_service.authority.status.crl_publisher import CRLPublisher
from ca_service.authority.status.responders import Responders, renew_at
from ca_service.pki import names
from ca_service.pki.profiles import VOS
from ca_service.vos.phrases import Phrase, phrase

_INTERMEDIATE_STEP: Final = (
    "No certificate outlives the authority that signed it. Create the next intermediate now: `ca-service ca rollover`. "
    "Nodes get it with their next certificate; clients trust it already."
)
_ROOT_STEP: Final = (
    "No certificate outlives the root. Plan another installation now, in another instance folder and with another "
    "name: every node and every client has to trust its root before it meets the first certificate from there."
)
_LIST_STEP: Final = (
    "It is renewed automatically if the key of its authority is here. If the key is offline, sign the next one with "
    "`ca-service crl sign-root --key FILE`, or elsewhere and import it: `ca-service crl import FILE`."
)
_SIGNER_STEP: Final = "It is renewed automatically. If it is not, run `ca-service doctor` to find out why."
_BATCH: Final = 500
_FIRST_BATCH: Final = 120  # a page of leaves, and as many that are left out of it
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
_LAST: Final = 2**31 - 1  # higher than any number: things that expire at `after` itself do not count

Revoked = Callable[[Sequence[str]], Collection[str]]


class Sources:
    """Several sources as one."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Yield all that expire in this time, the first to expire first."""
        return heapq.merge(*(source.between(after, until) for source in self._sources), key=lambda each: each.not_after)

    def firsts(self, after: datetime) -> dict[Kind, Expiring]:
        """Return the first of each kind to expire, at any time after `after`."""
        found = dict[Kind, Expiring]()
        for source in self._sources:
            for each in _first_of_each_kind(source, after):
                found[each.kind] = min(each, found.get(each.kind, each), key=lambda one: one.not_after)
        return found


def _first_of_each_kind(source: Source, after: datetime) -> Iterator[Expiring]:
    """Yield the first of each kind: reading stops there, because each item may take several queries."""
    missing = set(source.kinds)
    for each in source.between(after, _NEVER):
        if each.kind in missing:
            yield each
            missing.remove(each.kind)
        if not missing:
            return


class Leaves:
    """The leaves in use: not superseded, not replaced in their slot, not revoked.

    `revoked` returns those of some serial numbers that are revoked.
    """

    kinds = frozenset({Kind.LEAF})

    def __init__(self, store: LeafStore, fleet: Fleet, clock: Clock, revoked: Revoked = lambda _: ()) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._revoked = revoked

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Implement the port; reads in batches, for any number of leaves."""
        place, clusters, size = (after, _LAST), dict[int, dict[str, Place]](), _FIRST_BATCH
        while ends := self._store.list_ends(place, until, self._clock(), size):
            revoked = self._revoked([end.serial_number for end in ends])
            unread = {number for end in ends for number in end.cluster_ids} - clusters.keys()
            clusters |= self._fleet.list_places(SERVICE, unread) if unread else {}
            for end in ends:
                if end.serial_number not in revoked and (found := self._expiring(end, clusters)):
                    yield found
            place, size = (ends[-1].not_after, ends[-1].number), min(2 * size, _BATCH)

    def _expiring(self, end: LeafEnd, clusters: dict[int, dict[str, Place]]) -> Expiring | None:
        """Return the expiration of a leaf, or None if it was replaced in every slot in which it was."""
        places = [clusters.get(number, {}) for number in end.cluster_ids]  # one may be gone by now
        place = next((found[end.serial_number] for found in places if end.serial_number in found), None)
        if end.cluster_ids and place is None:
            return None
        path = _runbook_path(place) if place else f"/certificates/{end.serial_number}"
        step = next_step(end, place)
        return Expiring(Kind.LEAF, end.serial_number, end.host, end.not_before, end.not_after, path, step)


def _runbook_path(place: Place) -> str:
    return f"/clusters/{place.cluster_id}/runbook?node={place.node.fqdn}"


def next_step(end: LeafEnd, place: Place | None) -> Phrase:
    """Return what to do about a leaf that expires."""
    if end.profile != VOS.name:
        return phrase("Renew it: the key stays, and the validity starts anew.")
    return phrase(
        "Generate a new CSR on {node}, purpose {purpose} (a node deletes its CSR after use), and add it here.",
        node=place.node.fqdn if place else end.host,
        purpose=place.purpose.service if place else end.purpose,
    )


class Authorities:
    """The issuing authority, and those above it."""

    kinds = frozenset({Kind.ROOT, Kind.INTERMEDIATE})

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Implement the port."""
        active = self._hierarchy.find_active()
        found = map(_authority, self._hierarchy.path_of(active.record.id) if active else ())
        return iter(
            sorted((each for each in found if after < each.not_after <= until), key=lambda each: each.not_after)
        )


def _authority(record: IssuerRecord) -> Expiring:
    certificate = certificate_of(record)
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    is_root = record.role == "root"
    kind, step = (Kind.ROOT, _ROOT_STEP) if is_root else (Kind.INTERMEDIATE, _INTERMEDIATE_STEP)
    return Expiring(kind, record.id, names.label(certificate.subject), start, end, "/authority", phrase(step))


class Published:
    """The newest CRL of each authority, and its OCSP signer, unless they renew themselves and are in time."""

    kinds = frozenset({Kind.REVOCATION_LIST, Kind.OCSP_SIGNER})

    def __init__(self, publishing: CRLPublisher, responders: Responders, clock: Clock) -> None:
        self._publishing = publishing
        self._responders = responders
        self._clock = clock

    def between(self, after: datetime, until: datetime) -> Iterator[Expiring]:
        """Implement the port; there are only a few."""
        found = [*self._lists(), *self._signers()]
        yield from sorted((each for each in found if after < each.not_after <= until), key=lambda each: each.not_after)

    def _lists(self) -> Iterator[Expiring]:
        for issuer, newest in self._publishing.list_newest(SERVICE):
            if newest and (issuer.key_id is None or self._is_late(newest.renew_at, newest.next_update)):
                yield _of_list(issuer, newest)

    def _signers(self) -> Iterator[Expiring]:
        for record in self._responders.list_current():
            if self._is_late(renew_at(record), record.not_after):
                yield _of_signer(record)

    def _is_late(self, due: datetime, end: datetime) -> bool:
        """Return whether half of the time between its renewal and its end is over: jobs run more often than that."""
        return self._clock() >= due + (end - due) / 2


def _of_list(issuer: IssuerRecord, newest: CRLRecord) -> Expiring:
    whose, path = names.label(certificate_of(issuer).subject), f"/ca/{issuer.id}.crl"
    name = f"list of {whose} ({issuer.role})"
    return Expiring(
        Kind.REVOCATION_LIST, issuer.id, name, newest.this_update, newest.next_update, path, phrase(_LIST_STEP)
    )


def _of_signer(record: ResponderRecord) -> Expiring:
    name = f"OCSP signer of {record.issuer_id}"
    return Expiring(
        Kind.OCSP_SIGNER, record.serial_number, name, record.not_before, record.not_after, "/ca/", phrase(_SIGNER_STEP)
    )
