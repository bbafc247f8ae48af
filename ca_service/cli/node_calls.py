"""Contact, plan and run on a node: by the installation on this machine, or by the API of a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.probing import host_and_port
from ca_service.authority.installation import Installation
from ca_service.cli.api import API
from ca_service.cli.session import operator
from ca_service.documents.nodes import (
    ContactDocument,
    NodeAppliedDocument,
    NodeChangeDocument,
    NodeLinesDocument,
    NodePlanDocument,
)
from ca_service.documents.probes import works

Told = Callable[[NodeChangeDocument], None]


@dataclass(frozen=True, slots=True)
class NodeCall:
    """A node, the wanted certificate, and an administrator of its operating system.

    The fingerprint is empty if the certificate of the node is believed without.
    """

    host: str
    fingerprint: str
    credentials: Credentials
    order: Order

    def body(self) -> dict[str, object]:
        """Return it as the API takes it."""
        order = self.order
        return {
            "fingerprint": self.fingerprint,
            "user": self.credentials.user,
            "password": self.credentials.password,
            "purpose": order.purpose.service,
            "curve": order.curve,
            "product": order.product or None,
            "version": order.version,
            "validity_days": order.validity_days,
            "new_csr": order.new_csr,
        }


def contact_here(here: Installation, host: str, fingerprint: str) -> ContactDocument:
    """Return the certificate that a node presents."""
    return ContactDocument.of(here.node_driver.contact(operator(), host, fingerprint))


def contact_there(api: API, host: str, fingerprint: str) -> ContactDocument:
    """Return the certificate that a node presents to the server. Raises InvalidInput for what is no host."""
    host_and_port(host)  # here: with a slash in it, the server would see another path
    return api.post(ContactDocument, "nodes", host, "contact", body={"fingerprint": fingerprint})


def plan_here(here: Installation, call: NodeCall) -> NodePlanDocument:
    """Return what has to change on a node."""
    contact = here.node_driver.contact(operator(), call.host, call.fingerprint)
    found = here.node_driver.plan(operator(), contact, call.credentials, call.order)
    steps = here.node_commands.preparing_steps(operator(), found, call.order)
    return NodePlanDocument.of(contact, found, steps)


def plan_there(api: API, call: NodeCall) -> NodePlanDocument:
    """Return what has to change on a node that the server reaches."""
    return api.post(NodePlanDocument, "nodes", call.host, "plan", body=call.body())


def run_here(
    here: Installation, call: NodeCall, confirmed: Sequence[str], ports: Sequence[int], *, told: Told
) -> NodeAppliedDocument:
    """Make the confirmed changes, tell each as it begins, and return the end."""
    contact = here.node_driver.contact(operator(), call.host, call.fingerprint)
    run = here.node_driver.apply(operator(), contact, call.credentials, call.order, confirmed)
    for change in run:
        told(NodeChangeDocument.of(change))
    done = run.finish()
    reports = () if done.waiting else tuple(here.probes.probe_node(operator(), contact.place.host, ports))
    is_done = bool(done.waiting) or works(reports)
    steps = () if is_done else here.node_commands.running_steps(operator(), contact.place.host, call.order)
    return NodeAppliedDocument.of(contact, done, steps, reports)


def run_there(
    api: API, call: NodeCall, confirmed: Sequence[str], ports: Sequence[int], *, told: Told
) -> NodeAppliedDocument:
    """Have the server make the confirmed changes, tell each as it begins, and return the end."""
    body = {**call.body(), "confirmed": list(confirmed), "probe_ports": list(ports)}
    return api.live(NodeChangeDocument, NodeAppliedDocument, "nodes", call.host, "apply", body=body, told=told)


def lines_here(here: Installation, host: str, order: Order) -> NodeLinesDocument:
    """Return the steps for the command line of a host."""
    host, _ = host_and_port(host)
    return NodeLinesDocument.of(host, here.node_commands.lines(operator(), host, order))


def lines_there(api: API, host: str, order: Order) -> NodeLinesDocument:
    """Return the same from a server. Raises InvalidInput for what is no host."""
    host_and_port(host)
    query = {"purpose": order.purpose.service, "product": order.product, "version": order.version}
    if order.new_csr:
        query["new_csr"] = "true"
    return api.get(NodeLinesDocument, "nodes", host, "lines", query=query)
