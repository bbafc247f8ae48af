"""Knows where a slot stands: a fact of requests, certificates, marks and the time; nothing of it is stored.

A slot is a purpose on a node. Who moves it:

    NO_REQUEST  --a request is placed-->  REQUESTED  --it is signed, at any door-->  ISSUED
    REQUESTED  --it is submitted, and no rule approves it-->  WAITING  --somebody approves it-->  ISSUED
    WAITING  --it is refused or withdrawn-->  REQUESTED
    ISSUED  --"uploaded" is marked-->  UPLOADED  --"served" is marked-->  VERIFIED
    any of the last three  --less than EXPIRING_DAYS are left-->  EXPIRING  --the end-->  EXPIRED
    any  --another request is placed-->  REQUESTED or ISSUED; what was there before becomes history

A multi-server certificate stands in the slot of the node that made its request; the slots of the other
nodes that it names are COVERED by it as long as it is the newest and they have no newer request of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ca_service.authority.applications.records import Application
from ca_service.authority.fleet.records import ClusterRecord, Mark, NodeRecord, PlacedRequest
from ca_service.authority.records import CertificateRecord
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, Purpose
from ca_service.vos.runbook import upload_key, verify_key

EXPIRING_DAYS: Final = 30


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
    COVERED = "covered"


@dataclass(frozen=True, slots=True)
class Past:
    """A certificate of a slot that a newer request has overtaken.

    `is_key_replaced` says that the node has another key now, so that it will not take this one any more;
    `was_uploaded`, that the node serves it until the new one is uploaded.
    """

    request: PlacedRequest
    certificate: CertificateRecord
    is_key_replaced: bool
    was_uploaded: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """One purpose on one node. `request` and `certificate` are the newest, `application` what was submitted of that
    request as long as it has no certificate, if anything was; `covered_by` is the node whose
    multi-server certificate holds for this one; `covers` are the nodes for which this one holds."""

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
    application: Application | None = field(default=None, hash=False)


def slots_of(
    cluster: ClusterRecord,
    requests: Sequence[PlacedRequest],
    certificates: Mapping[str, CertificateRecord],
    marks: Sequence[Mark],
    now: datetime,
) -> tuple[Slot, ...]:
    """All slots of a cluster, nodes in their order: `requests` newest first, `certificates` by request fingerprint.

    Each node has a slot for tomcat-ECDSA; for another purpose, once there is a request for it.
    """
    done = {mark.step: mark for mark in marks}
    found = [
        _slot(node, purpose, [each for each in requests if _is_for(each, node, purpose)], certificates, done, now)
        for node in cluster.nodes
        for purpose in _purposes(node, requests)
    ]
    return tuple(_with_cover(slot, found) for slot in found)


def with_application(slot: Slot, newest: Mapping[str, Application]) -> Slot:
    """The slot with what was submitted of its request; `newest` by the fingerprint of the request."""
    if slot.state is not State.REQUESTED or slot.request is None:
        return slot
    found = newest.get(slot.request.request_fingerprint)
    return replace(slot, application=found, state=State.WAITING if found and found.is_open else slot.state)


def _purposes(node: NodeRecord, requests: Sequence[PlacedRequest]) -> tuple[Purpose, ...]:
    asked = {each.purpose for each in requests if each.node_id == node.id}
    return tuple(purpose for name, purpose in PURPOSES.items() if purpose == TOMCAT_ECDSA or name in asked)


def _is_for(request: PlacedRequest, node: NodeRecord, purpose: Purpose) -> bool:
    return request.node_id == node.id and request.purpose == purpose.service


def _slot(
    node: NodeRecord,
    purpose: Purpose,
    requests: Sequence[PlacedRequest],
    certificates: Mapping[str, CertificateRecord],
    done: Mapping[str, Mark],
    now: datetime,
) -> Slot:
    """One slot by itself; `requests` are its own, newest first."""
    if not requests:
        return Slot(node, purpose, State.NO_REQUEST)
    newest, *older = requests
    certificate = certificates.get(newest.request_fingerprint)
    uploaded = done.get(upload_key(purpose, certificate.serial_number)) if certificate else None
    verified = done.get(verify_key(purpose, certificate.serial_number)) if certificate else None
    return Slot(
        node=node,
        purpose=purpose,
        state=_state(certificate, uploaded, verified, now),
        request=newest,
        certificate=certificate,
        uploaded=uploaded,
        verified=verified,
        past=tuple(_past(purpose, newest, older, certificates, done)),
    )


def _state(certificate: CertificateRecord | None, uploaded: Mark | None, verified: Mark | None, now: datetime) -> State:
    if certificate is None:
        return State.REQUESTED
    if certificate.not_after < now:
        return State.EXPIRED
    if certificate.not_after - now < timedelta(days=EXPIRING_DAYS):
        return State.EXPIRING
    if verified:
        return State.VERIFIED
    return State.UPLOADED if uploaded else State.ISSUED


def _past(
    purpose: Purpose,
    newest: PlacedRequest,
    older: Sequence[PlacedRequest],
    certificates: Mapping[str, CertificateRecord],
    done: Mapping[str, Mark],
) -> Iterator[Past]:
    """The certificates of earlier requests, each once."""
    seen = {newest.request_fingerprint}
    for request in older:
        certificate = certificates.get(request.request_fingerprint)
        if certificate is None or request.request_fingerprint in seen:
            continue
        seen.add(request.request_fingerprint)
        yield Past(
            request,
            certificate,
            is_key_replaced=request.key_fingerprint != newest.key_fingerprint,
            was_uploaded=upload_key(purpose, certificate.serial_number) in done,
        )


def _with_cover(slot: Slot, slots: Sequence[Slot]) -> Slot:
    """The slot with those that it covers, or covered by another one."""
    covers = tuple(each.node for each in slots if _covers(slot, each))
    by = [each for each in slots if _covers(each, slot)]
    if by and _is_newest(max(by, key=_placed), slot):
        newest = max(by, key=_placed).node
        return replace(slot, state=State.COVERED, covered_by=newest, certificate=None, uploaded=None, verified=None)
    return replace(slot, covers=covers)


def _covers(multi: Slot, other: Slot) -> bool:
    """Whether a multi-server certificate in one slot names the node of the other."""
    if multi.request is None or not multi.request.is_multi_server or multi.certificate is None:
        return False
    is_other = multi.node.id != other.node.id and multi.purpose == other.purpose
    return is_other and f"dns:{other.node.fqdn}" in {name.lower() for name in multi.certificate.names}


def _placed(slot: Slot) -> int:
    """When the request came, as its number tells: 0 for none."""
    return slot.request.id if slot.request else 0


def _is_newest(multi: Slot, other: Slot) -> bool:
    """Whether the multi-server request came after what the other slot has of its own."""
    return _placed(multi) > _placed(other)
