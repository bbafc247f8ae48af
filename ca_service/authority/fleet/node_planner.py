"""The plan for a node, from its snapshot and the certificates that were issued here."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.authority.access.permissions import Actor
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.node_plan import Facts, Order, Plan, Stage, outstanding, plan_of
from ca_service.authority.fleet.node_slots import NodeSlots
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.store import Ledger
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.pki import encodings
from ca_service.pki.contents import serial_text
from ca_service.pki.profiles import VOS
from ca_service.vos.certificate_api import Snapshot
from ca_service.vos.destinations import Destination, Hint


class Planner:
    """Derives plans from snapshots."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        revocations: RevocationStore,
        issuance: Issuance,
        hierarchy: Hierarchy,
        trusted: TrustedAuthorities,
        slots: NodeSlots,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._revocations = revocations
        self._issuance = issuance
        self._hierarchy = hierarchy
        self._trusted = trusted
        self._slots = slots
        self._clock = clock

    def plan(self, actor: Actor, host: str, snapshot: Snapshot, order: Order) -> Plan:
        """Return what has to change on the node with this snapshot. Raises Conflict if our authorities are revoked."""
        identity = snapshot.identity(order.purpose)
        active = self._hierarchy.active()
        facts = Facts(
            host=host,
            purpose=order.purpose,
            curve=order.curve,
            snapshot=snapshot,
            authorities=active.chain,
            now=self._clock(),
            new_csr=order.new_csr,
            csr=outstanding(identity),
            ours=self.find_good(identity.certificate) if identity.certificate else None,
        )
        if facts.csr:
            facts = self._with_csr(actor, facts, order)
        plan = plan_of(facts)
        if plan.stage is Stage.NO_CSR:  # an order that cannot be signed would cost the node its CSR
            plan = replace(plan, findings=(*plan.findings, *self._issuance.check_options(actor, options_of(order))))
        if plan.stage is not Stage.INSTALLED:
            self._trusted.require([facts.signed.issuer_id if facts.signed else active.record.id])
        return plan

    def _with_csr(self, actor: Actor, facts: Facts, order: Order) -> Facts:
        """Add what would become of the CSR on the node, and the certificate that it already has here."""
        (found,) = self._issuance.check(actor, [facts.csr], options_of(order), [hint_of(order)])
        facts = replace(
            facts,
            csr_findings=found.findings,
            signed=found.existing,
            request=found.request,
            peers=self._slots.peers(actor, facts.host),
        )
        if found.existing is None:
            return facts
        return replace(facts, authorities=self._hierarchy.chain_of(found.existing.issuer_id))

    def find_good(self, certificate: x509.Certificate) -> CertificateRecord | None:
        """Return the record of a certificate from here that is valid and not revoked, as its authorities, or None."""
        record = self._ledger.find_certificate(serial_text(certificate.serial_number))
        if record is None or record.der != encodings.der(certificate):
            return None
        revocation = self._revocations.revocations_of([record.serial_number]).get(record.serial_number)
        is_good = (revocation is None or revocation.is_good) and self._trusted.is_good(record.issuer_id)
        return record if is_good and record.not_before <= self._clock() <= record.not_after else None

    def is_proof(self, certificate: x509.Certificate, host: str) -> bool:
        """Return whether who presents this certificate is the node: it is good, and for a node as a server."""
        record = self.find_good(certificate)
        return record is not None and record.profile == VOS.name and _is_server(certificate, host)


def options_of(order: Order) -> Options:
    """Return the options with which the CSR of an order is submitted."""
    return Options(validity_days=order.validity_days)


def hint_of(order: Order) -> Hint:
    """Return what an order says of its CSR."""
    return Hint(destination=Destination(order.purpose.service, order.product, order.version))


def _is_server(certificate: x509.Certificate, host: str) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    named = host in {name.lower() for name in found.get_values_for_type(x509.DNSName)}
    return named and ExtendedKeyUsageOID.SERVER_AUTH in usages
