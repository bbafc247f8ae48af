"""Renewal: a new CSR for a node, the same key again for a plain server.

A node deletes its CSR when the signed certificate is uploaded, so it accepts no other certificate with the same key.
A plain server keeps its key; its stored CSR is issued again, through the same steps as any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ca_service.authority.access.permissions import SERVICE, Action, Actor, require
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.clusters import Fleet
from ca_service.authority.fleet.handover import node_of
from ca_service.authority.fleet.states import Place
from ca_service.authority.fleet.store import LeafStore
from ca_service.authority.issuance.examination import Options, Policy
from ca_service.authority.issuance.issuance import Issuance, Issued
from ca_service.authority.ports import Clock
from ca_service.errors import Conflict, Refused, Rule
from ca_service.pki.profiles import VOS, get_leaf_profile
from ca_service.vos.destinations import Destination
from ca_service.vos.general_steps import request_step
from ca_service.vos.runbook_uploads import requests
from ca_service.vos.steps import Leaf, Step

RENEWAL_NODE: Final = Rule(
    "renewal.node",
    "{host} is a Cisco node: it deletes its CSR when the certificate is uploaded, and then accepts no other one "
    "with the same key.",
    "Generate a new CSR on {host}, purpose {purpose}, and have it signed. Only if this certificate was never "
    "uploaded, its CSR can be signed again.",
    options="never_uploaded=true, --never-uploaded",
)
RENEWAL_FOLLOWED: Final = Rule(
    "renewal.followed",
    "{host} has a newer certificate already: {serial}.",
    "Use that one, or choose to issue another one.",
    options="new=true, --new",
)

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RenewalPlan:
    """The way to renew a certificate.

    `keeps_key` says that it can be renewed with the same key; otherwise `step` creates the new CSR, at `place` if that
    is known. `successor` is the serial number of the certificate that supersedes it.
    """

    is_due: bool
    keeps_key: bool
    successor: str | None
    place: Place | None
    step: Step | None


@dataclass(frozen=True, slots=True)
class RenewalOptions:
    """Options of a renewal: `new` renews a superseded certificate; `never_uploaded` says that the node still has the
    CSR; days, None for as many as before."""

    new: bool = False
    never_uploaded: bool = False
    validity_days: int | None = None


class Renewal:
    """Renews certificates."""

    def __init__(self, *, issuance: Issuance, leaves: LeafStore, fleet: Fleet, policy: Policy, clock: Clock) -> None:
        self._issuance = issuance
        self._leaves = leaves
        self._fleet = fleet
        self._policy = policy
        self._clock = clock

    def plan(self, actor: Actor, serial_number: str) -> RenewalPlan:
        """Return how to renew this certificate. Raises NotFound."""
        record = self._issuance.get_certificate(actor, serial_number)
        keeps_key = record.profile != VOS.name
        place = None if keeps_key else self._place(record)
        return RenewalPlan(
            is_due=record.ends_soon(self._clock()),
            keeps_key=keeps_key,
            successor=self._leaves.find_successor(record.serial_number, self._clock()),
            place=place,
            step=None if keeps_key else _request_step(record, place),
        )

    def renew(self, actor: Actor, serial_number: str, chosen: RenewalOptions, idempotency_key: str = "") -> Issued:
        """Issue the stored CSR again: same key, names and profile, new validity.

        Raises NotFound; Refused for a node's certificate, unless it was never uploaded, and as issuing does; Conflict
        for a superseded certificate, unless a new one is requested.
        """
        require(actor, Action.ISSUE)
        record = self._issuance.get_seen(actor, serial_number)
        if record.profile == VOS.name and not chosen.never_uploaded:
            raise _needs_new_request(record, self._place(record))
        if not chosen.new and not self._issuance.was_answered(actor, idempotency_key):
            self._require_last(record)
        options = Options(
            profile=record.profile,
            validity_days=chosen.validity_days if chosen.validity_days is not None else self._days(record),
            new=True,
            add_host_name=True,  # where the request names none, the certificate had it added as well
            destination=Destination(record.purpose),
        )
        return self._issuance.issue(actor, [record.csr_der], options, idempotency_key)

    def _require_last(self, record: CertificateRecord) -> None:
        successor = self._leaves.find_successor(record.serial_number, self._clock())
        if successor:
            raise Conflict.because(RENEWAL_FOLLOWED, host=record.host, serial=successor)

    def _days(self, record: CertificateRecord) -> int:
        """Return the previous lifetime, as far as the policy allows it now; both ends of a validity are included."""
        limit = min(self._policy.max_days, get_leaf_profile(record.profile).max_days)
        return max(1, min((record.not_after - record.not_before + timedelta(seconds=1)) // _DAY, limit))

    def _place(self, record: CertificateRecord) -> Place | None:
        places = self._fleet.list_places(SERVICE, self._leaves.list_cluster_ids(record.serial_number))
        return next((found[record.serial_number] for found in places.values() if record.serial_number in found), None)


def _request_step(record: CertificateRecord, place: Place | None) -> Step:
    if place is None:
        return request_step(record.host, record.purpose)
    leaf = Leaf(node_of(place.node), place.purpose, covers=tuple(map(node_of, place.covers)))
    [step] = requests([leaf]).steps
    return step


def _needs_new_request(record: CertificateRecord, place: Place | None) -> Refused:
    return Refused.because(
        RENEWAL_NODE,
        host=place.node.fqdn if place else record.host,
        purpose=place.purpose.service if place else record.purpose,
    )
