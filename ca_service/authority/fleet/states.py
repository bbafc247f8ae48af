"""Knows where a slot stands: a fact of requests, certificates, marks and the time; nothing of it is stored.

A slot is a purpose on a node. Who moves it:

    NO_REQUEST  --a request is placed-->  REQUESTED  --it is signed, at any door-->  ISSUED
    REQUESTED  --it is submitted, and no rule approves it-->  WAITING  --somebody approves it-->  ISSUED
    WAITING  --it is refused or withdrawn-->  REQUESTED
    ISSUED  --"uploaded" is marked-->  UPLOADED  --"served" is marked-->  VERIFIED
    any of the last three  --less than EXPIRING_DAYS are left-->  EXPIRING  --the end-->  EXPIRED
    any that has a certificate  --that is revoked, or put on hold-->  REVOKED; a hold that is released leads back
    any  --another request is placed-->  REQUESTED or ISSUED; what was there before becomes history

A multi-server request stands in the slot of the node that made it, its certificate too; the slots of the other
nodes that it names are covered by it as long as it is the newest and they have no newer request of their own.
They are COVERED once it is signed; before, and when it has expired or is revoked, they stand
where it stands. A request that is placed once more somewhere else has moved there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterRecord, Mark, NodeRecord, PlacedRequest
from ca_service.authority.issuance.records import RequestRecord
from ca_service.pki import csr
from ca_service.vos.products import get_product
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, Purpose
from ca_service.vos.runbook import upload_key, verify_key

EXPIRING_DAYS: Final = 30
Names = Mapping[str, Collection[str]]  # of multi-server requests, by their fingerprint


class State(StrEnum):
    """Where a slot stands."""

    NO_REQUEST = "no CSR"
    REQUESTED = "requested"
    WAITING = "waiting"
    ISSUED = "issued"
    UPLOADED = "uploaded"
    VERIFIED = "verified"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    COVERED = "covered"


@dataclass(frozen=True, slots=True)
class Known:
    """What a slot is derived from, beside its requests: certificates by the fingerprint of their request, the serial
    numbers of those that are revoked or on hold, marks by their step, the time."""

    certificates: Mapping[str, CertificateRecord]
    revoked: Collection[str]
    done: Mapping[str, Mark]
    now: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """A certificate of a slot that a newer request has overtaken.

    `is_key_replaced` says that the node has another key now, so that it will not take this one any more;
    `was_uploaded`, that the node serves it until the new one is uploaded; `is_replaced`, that the new one is.
    """

    request: PlacedRequest
    certificate: CertificateRecord
    is_key_replaced: bool
    was_uploaded: bool
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One purpose on one node. `request` and `certificate` are the newest of its own; `application` is what was
    submitted of that request as long as it has no certificate, if anything was; `covered_by` is the node whose
    multi-server request is for this one too; `covers` are the nodes that this one covers."""

    node: NodeRecord
    purpose: Purpose
    state: State
    request: PlacedRequest | None = None
    certificate: CertificateRecord | None = None
    uploaded: Mark | None = None
    verified: Mark | None = None
    covered_by: NodeRecord | None = None
    covers: tuple[NodeRecord, ...] = ()
    past: tuple[Past, ...] = ()
    application: RequestRecord | None = field(default=None, hash=False)


def slots_of(cluster: ClusterRecord, requests: Sequence[PlacedRequest], known: Known) -> tuple[Slot, ...]:
    """All slots of a cluster, nodes in their order; `requests` newest first.

    Each node has a slot for tomcat-ECDSA; for another purpose once a request, its own or a multi-server one, is for it.
    """
    placed = _last_places(requests)
    names = {each.request_fingerprint: _names(each) for each in placed if each.is_multi_server}
    found = [
        _slot(node, purpose, [each for each in placed if _is_for(each, node, purpose)], known)
        for node in cluster.nodes
        for purpose in _purposes(node, placed, names)
    ]
    return tuple(_with_covers(found, names))


def with_application(slot: Slot, newest: Mapping[str, RequestRecord]) -> Slot:
    """The slot with what was submitted of its request; `newest` by the fingerprint of the request."""
    if slot.state is not State.REQUESTED or slot.request is None:
        return slot
    found = newest.get(slot.request.request_fingerprint)
    return replace(slot, application=found, state=State.WAITING if found and found.is_open else slot.state)


def _last_places(requests: Sequence[PlacedRequest]) -> list[PlacedRequest]:
    """Each request where it was placed last, newest first: one that was put on a wrong node has moved."""
    last = dict[str, PlacedRequest]()
    for request in requests:
        last.setdefault(request.request_fingerprint, request)
    return list(last.values())


def _names(request: PlacedRequest) -> frozenset[str]:
    """The DNS names of a request, in lower case."""
    found = csr.verify(request.csr_der).subject_alternative_name
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName)) if found else frozenset()


def _purposes(node: NodeRecord, requests: Sequence[PlacedRequest], names: Names) -> tuple[Purpose, ...]:
    known = get_product(node.product).purposes
    asked = {
        each.purpose
        for each in requests
        if each.node_id == node.id or node.fqdn in names.get(each.request_fingerprint, ())
    }
    return tuple(
        purpose for name, purpose in PURPOSES.items() if purpose == TOMCAT_ECDSA or (name in asked and purpose in known)
    )


def _is_for(request: PlacedRequest, node: NodeRecord, purpose: Purpose) -> bool:
    return request.node_id == node.id and request.purpose == purpose.service


def _slot(node: NodeRecord, purpose: Purpose, requests: Sequence[PlacedRequest], known: Known) -> Slot:
    """One slot by itself; `requests` are its own, newest first."""
    if not requests:
        return Slot(node, purpose, State.NO_REQUEST)
    newest, *older = requests
    certificate = known.certificates.get(newest.request_fingerprint)
    uploaded = known.done.get(upload_key(purpose, certificate.serial_number)) if certificate else None
    verified = known.done.get(verify_key(purpose, certificate.serial_number)) if certificate else None
    return Slot(
        node=node,
        purpose=purpose,
        state=_state(certificate, uploaded, verified, known),
        request=newest,
        certificate=certificate,
        uploaded=uploaded,
        verified=verified,
        past=tuple(_past(purpose, newest, older, known, is_replaced=uploaded is not None)),
    )


def _state(certificate: CertificateRecord | None, uploaded: Mark | None, verified: Mark | None, known: Known) -> State:
    if certificate is None:
        return State.REQUESTED
    if certificate.not_after < known.now:
        return State.EXPIRED
    if certificate.serial_number in known.revoked:
        return State.REVOKED
    if certificate.not_after - known.now < timedelta(days=EXPIRING_DAYS):
        return State.EXPIRING
    if verified:
        return State.VERIFIED
    return State.UPLOADED if uploaded else State.ISSUED


def _past(
    purpose: Purpose,
    newest: PlacedRequest,
    older: Sequence[PlacedRequest],
    known: Known,
    *,
    is_replaced: bool,
) -> Iterator[Past]:
    """The certificates of earlier requests."""
    for request in older:
        certificate = known.certificates.get(request.request_fingerprint)
        if certificate is not None:
            yield Past(
                request,
                certificate,
                is_key_replaced=request.key_fingerprint != newest.key_fingerprint,
                was_uploaded=upload_key(purpose, certificate.serial_number) in known.done,
                is_replaced=is_replaced,
            )


def _with_covers(slots: Sequence[Slot], names: Names) -> Iterator[Slot]:
    """The slots with those that they cover, or covered by another one."""
    covers = [_cover(slot, [multi for multi in slots if _is_named(slot, multi, names)]) for slot in slots]
    for slot, cover in zip(slots, covers, strict=True):
        if cover is None:
            covered = tuple(other.node for other, its in zip(slots, covers, strict=True) if its is slot)
            yield replace(slot, covers=covered)
        else:
            yield _covered(slot, cover)


def _is_named(slot: Slot, multi: Slot, names: Names) -> bool:
    """Whether a multi-server request is for this slot too; one of its own counts until the other is signed."""
    if multi.request is None or multi.node.id == slot.node.id or multi.purpose != slot.purpose:
        return False
    is_named = slot.node.fqdn in names.get(multi.request.request_fingerprint, ())
    return is_named and (multi.certificate is not None or slot.request is None)


def _cover(slot: Slot, multis: Sequence[Slot]) -> Slot | None:
    """The newest multi-server slot for this one, if that came after what it has of its own."""
    newest = max(multis, key=_placed, default=None)
    return newest if newest and _placed(newest) > _placed(slot) else None


def _placed(slot: Slot) -> int:
    """When the request came, as its number tells: 0 for none."""
    return slot.request.id if slot.request else 0


def _covered(slot: Slot, cover: Slot) -> Slot:
    """The slot without what it had of its own, which is history now."""
    past, is_replaced = slot.past, cover.uploaded is not None
    if slot.request and slot.certificate:
        own = Past(
            slot.request,
            slot.certificate,
            is_key_replaced=False,
            was_uploaded=slot.uploaded is not None,
            is_replaced=is_replaced,
        )
        past = (own, *past)
    return replace(
        slot,
        state=cover.state if cover.state in (State.REQUESTED, State.EXPIRED, State.REVOKED) else State.COVERED,
        covered_by=cover.node,
        certificate=None,
        uploaded=None,
        verified=None,
        past=tuple(replace(each, is_replaced=is_replaced) for each in past),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a certificate is in use; `covers` are the other nodes for which it holds."""

    cluster_id: int
    node: NodeRecord
    purpose: Purpose
    covers: tuple[NodeRecord, ...] = ()


def current_places(slots: Iterable[Slot]) -> dict[str, Place]:
    """By serial number, the places of the certificates that are in use in these slots.

    A request that is not signed yet replaces nothing: until then the node serves what it had. A slot that is covered
    by another node has no certificate of its own any more.
    """
    found = {}
    for slot in slots:
        current = slot.certificate or (slot.past[0].certificate if slot.past else None)
        if current is not None and slot.state is not State.COVERED:
            found[current.serial_number] = Place(slot.node.cluster_id, slot.node, slot.purpose, slot.covers)
    return found
