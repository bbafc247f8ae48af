"""States of slots, derived from CSRs, certificates, marks and the time; they are not stored.

A slot is a purpose on a node. Its transitions:

    NO_REQUEST  --a CSR is placed-->  REQUESTED  --it is signed, through any interface-->  ISSUED
    REQUESTED  --it is submitted, and no rule approves it-->  WAITING  --an approver approves it-->  ISSUED
    WAITING  --it is refused or withdrawn-->  REQUESTED
    ISSUED  --"uploaded" is marked-->  UPLOADED  --"served" is marked-->  VERIFIED
    any of the last three  --`ends_soon`-->  EXPIRING  --expiry-->  EXPIRED
    any that has a certificate  --that, or an authority above it, is revoked or put on hold-->  REVOKED; releasing
        the hold leads back
    any  --another CSR is placed-->  REQUESTED or ISSUED; the previous certificate becomes history

A multi-server CSR is in the slot of the node that created it, and so is its certificate; it covers the slots of the
other nodes that it names as long as it is the newest and they have no newer CSR of their own.
They are COVERED once it is signed; before, and when it has expired or is revoked, they have the
same state. A CSR that is placed again in another slot has moved there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.records import ClusterRecord, Mark, NodeRecord, PlacedRequest
from ca_service.authority.issuance.records import RequestRecord
from ca_service.pki import csr
from ca_service.vos.products import get_product
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, Purpose
from ca_service.vos.runbook import upload_key, verify_key

Names = Mapping[str, Collection[str]]  # of multi-server CSRs, by their fingerprint


class State(StrEnum):
    """The state of a slot."""

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
    """The facts behind the state of slots, beside their CSRs: certificates by the fingerprint of their CSR, the serial
    numbers of those that are revoked or on hold, or below such an authority, marks by their step, the time."""

    certificates: Mapping[str, CertificateRecord]
    revoked: Collection[str]
    done: Mapping[str, Mark]
    now: datetime


@dataclass(frozen=True, slots=True)
class Past:
    """A certificate of a slot that was superseded by a newer CSR.

    `is_key_replaced`: the node has another key now and no longer accepts this certificate;
    `was_uploaded`: the node serves it until the new one is uploaded; `is_replaced`: the new one is uploaded.
    """

    request: PlacedRequest
    certificate: CertificateRecord
    is_key_replaced: bool
    was_uploaded: bool
    is_replaced: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One purpose on one node.

    `request` and `certificate` are the newest of its own; `submitted` is the submitted request for that CSR until it
    has a certificate; `covered_by` is the node whose multi-server CSR also covers this slot; `covers` are the nodes
    that this slot covers.
    """

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
    submitted: RequestRecord | None = field(default=None, hash=False)


def slots_of(cluster: ClusterRecord, requests: Sequence[PlacedRequest], known: Known) -> tuple[Slot, ...]:
    """Return all slots of a cluster, nodes in their order; `requests` newest first.

    Each node has a slot for tomcat-ECDSA, and one for each other purpose of a CSR, its own or a multi-server one.
    """
    placed = _last_places(requests)
    names = {each.request_fingerprint: _names(each) for each in placed if each.is_multi_server}
    found = [
        _slot(node, purpose, [each for each in placed if _is_for(each, node, purpose)], known)
        for node in cluster.nodes
        for purpose in _purposes(node, placed, names)
    ]
    return tuple(_with_covers(found, names))


def with_submitted(slot: Slot, newest: Mapping[str, RequestRecord]) -> Slot:
    """Return the slot with the submitted request for its CSR; `newest` by the fingerprint of the CSR."""
    if slot.state is not State.REQUESTED or slot.request is None:
        return slot
    found = newest.get(slot.request.request_fingerprint)
    return replace(slot, submitted=found, state=State.WAITING if found and found.is_open else slot.state)


def _last_places(requests: Sequence[PlacedRequest]) -> list[PlacedRequest]:
    """Return each CSR in its last place, newest first: one that was placed on a wrong node has moved."""
    last = dict[str, PlacedRequest]()
    for request in requests:
        last.setdefault(request.request_fingerprint, request)
    return list(last.values())


def _names(request: PlacedRequest) -> frozenset[str]:
    """Return the DNS names of a CSR, in lower case."""
    found = csr.verify_stored(request.csr_der).subject_alternative_name
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
    """Return one slot without coverage; `requests` are its own, newest first."""
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
    if certificate.ends_soon(known.now):
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
    """Return the certificates of earlier CSRs."""
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
    """Yield the slots with the nodes that they cover, or with the node that covers them."""
    covers = [_cover(slot, [multi for multi in slots if _is_named(slot, multi, names)]) for slot in slots]
    for slot, cover in zip(slots, covers, strict=True):
        if cover is None:
            covered = tuple(other.node for other, its in zip(slots, covers, strict=True) if its is slot)
            yield replace(slot, covers=covered)
        else:
            yield _covered(slot, cover)


def _is_named(slot: Slot, multi: Slot, names: Names) -> bool:
    """Return whether a multi-server CSR also covers this slot; a CSR of its own counts until the other is signed."""
    if multi.request is None or multi.node.id == slot.node.id or multi.purpose != slot.purpose:
        return False
    is_named = slot.node.fqdn in names.get(multi.request.request_fingerprint, ())
    return is_named and (multi.certificate is not None or slot.request is None)


def _cover(slot: Slot, multis: Sequence[Slot]) -> Slot | None:
    """Return the newest multi-server slot that covers this one, if it is newer than the slot's own CSR."""
    newest = max(multis, key=_placed, default=None)
    return newest if newest and _placed(newest) > _placed(slot) else None


def _placed(slot: Slot) -> int:
    """Return the number of the slot's CSR, which grows with time: 0 for none."""
    return slot.request.id if slot.request else 0


def _covered(slot: Slot, cover: Slot) -> Slot:
    """Return the slot as covered; its own certificate becomes history."""
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
    """The place where a certificate is in use; `covers` are the other nodes that it covers."""

    cluster_id: int
    node: NodeRecord
    purpose: Purpose
    covers: tuple[NodeRecord, ...] = ()


def current_places(slots: Iterable[Slot]) -> dict[str, Place]:
    """Return the places of the certificates that are in use in these slots, by serial number.

    An unsigned CSR replaces nothing: until then the node serves its previous certificate. A slot that is covered
    by another node has no certificate of its own any more.
    """
    found = {}
    for slot in slots:
        current = slot.certificate or (slot.past[0].certificate if slot.past else None)
        if current is not None and slot.state is not State.COVERED:
            found[current.serial_number] = Place(slot.node.cluster_id, slot.node, slot.purpose, slot.covers)
    return found
