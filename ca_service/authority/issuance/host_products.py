"""Product and version of the hosts of certificates: asked once, remembered for the host, used for the steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ca_service.authority.access.permissions import Action, Actor, require, require_unbounded
from ca_service.authority.issuance.store import HostProductStore
from ca_service.authority.ports import Clock
from ca_service.vos.bundle import Delivery
from ca_service.vos.destinations import NOWHERE, Destination, checked


class HostProducts:
    """Product and version by host. A node of a cluster has those of the cluster, whatever is remembered here."""

    def __init__(self, store: HostProductStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def find(self, actor: Actor, hosts: Collection[str]) -> Mapping[str, Destination]:
        """Return product and version of these hosts, as far as they are known."""
        require(actor, Action.CHECK)
        return self._store.find_products(hosts)

    def assign(self, actor: Actor, host: str, product: str, version: str) -> None:
        """Remember product and version of a host. Raises InvalidInput if they do not exist."""
        require(actor, Action.FLEET)
        require_unbounded(actor)
        found = checked(Destination("", product, version))
        if found.product:
            self.remember({host: found}, actor.name, self._clock())

    def remember(self, given: Mapping[str, Destination], by: str, at: datetime) -> None:
        """Remember the products that were given with an order."""
        self._store.remember_products({host: replace(each, purpose="") for host, each in given.items()}, by, at)

    def with_nodes(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Return the deliveries, each with its node where the product of its host is known and has this purpose."""
        products = self._store.find_products({each.host for each in deliveries if each.purpose})
        return [_with_node(each, products.get(each.host, NOWHERE)) for each in deliveries]


def _with_node(delivery: Delivery, found: Destination) -> Delivery:
    node = found.node(delivery.host)
    return replace(delivery, node=node) if node and delivery.purpose in node.product.purposes else delivery
