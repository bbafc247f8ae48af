"""Lines for the command line of a node: for nodes without the API, and the restarts of all."""

from __future__ import annotations

from typing import Final

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require, require_unbounded
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.node_plan import Order, Plan
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.issuance.store import HostProductStore
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.records import Selection
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.deadline import limited
from ca_service.vos import node_lines
from ca_service.vos.destinations import NOWHERE, Destination
from ca_service.vos.steps import Node, Step

_STORING_SECONDS: Final = 10.0


class NodeCommands:
    """Returns the steps for the command line of a node."""

    def __init__(
        self,
        *,
        revocations: RevocationStore,
        products: HostProductStore,
        hierarchy: Hierarchy,
        trusted: TrustedAuthorities,
        clock: Clock,
    ) -> None:
        self._revocations = revocations
        self._products = products
        self._hierarchy = hierarchy
        self._trusted = trusted
        self._clock = clock

    def preparing_steps(self, actor: Actor, plan: Plan, order: Order) -> tuple[Step, ...]:
        """Return the steps before the changes of a plan, such as switching single sign-on off; none without changes."""
        _require(actor)
        if not plan.changes:
            return ()
        return node_lines.preparing_steps(find_node(self._products, plan.host, order), order.purpose)

    def running_steps(self, actor: Actor, host: str, order: Order) -> tuple[Step, ...]:
        """Return the steps after which a host presents its certificate: no API restarts services."""
        _require(actor)
        with limited(_STORING_SECONDS):  # after a run, which takes longer than requests may wait
            return node_lines.running_steps(host, find_node(self._products, host, order), order.purpose)

    def lines(self, actor: Actor, host: str, order: Order) -> tuple[Step, ...]:
        """Return the steps for the command line of a host: those for a CSR, or with a certificate all others.

        The certificate is the newest one of this host for the purpose, if it is not revoked and does not end soon, and
        unless a new CSR is wanted.
        Raises InvalidInput for what is no product or version, Conflict for those for a CSR if the authority that would
        sign it is revoked.
        """
        _require(actor)
        node = find_node(self._products, host, order)  # a wrong product is refused, also if no step depends on it yet
        record = None if order.new_csr else self._find_usable(host, order)
        if record is None:
            if active := self._hierarchy.find_active():
                self._trusted.require([active.record.id])  # a CSR replaces the one before, and nothing would sign it
            given = (("--product", order.product), ("--version-of", order.version))
            options = [word for option, value in given if value for word in (option, value)]
            return node_lines.request_steps(host, order.purpose, node, options)
        leaf, chain = x509.load_der_x509_certificate(record.der), self._hierarchy.chain_of(record.issuer_id)
        uploads = node_lines.upload_steps(host, order.purpose, leaf, chain)
        before = node_lines.preparing_steps(node, order.purpose)
        return (*before, *uploads, *node_lines.running_steps(host, node, order.purpose))

    def _find_usable(self, host: str, order: Order) -> CertificateRecord | None:
        """Return the newest certificate; None if it or its authority is revoked or on hold, if it ends soon, or if
        there is none.

        An older one does not help, even if it is good: its CSR on the node was replaced.
        """
        issued = [
            each
            for each in self._revocations.list_selected(Selection(host=host))
            if each.certificate.host == host and each.certificate.purpose == order.purpose.service
        ]
        if not issued or not issued[-1].is_good or issued[-1].certificate.ends_soon(self._clock()):
            return None
        return issued[-1].certificate if self._trusted.is_good(issued[-1].certificate.issuer_id) else None


def find_node(products: HostProductStore, host: str, order: Order) -> Node | None:
    """Return the host as a node of the product that is given, or else known; None for none."""
    given = Destination("", order.product, order.version)
    return (given | products.find_products([host]).get(host, NOWHERE)).node(host)


def _require(actor: Actor) -> None:
    require(actor, Action.FLEET)
    require_unbounded(actor)
