"""The driver: puts a certificate on a node through the certificate management API of the node.

A run is a loop: read the snapshot of the node, derive the plan (node_plan.py has the stages), make its first change,
read again. So each change is judged by what the node has afterwards, and nothing has to be remembered between runs.

What a crash leaves behind, by the line after which it happens, and what the next run does:

    after an event was recorded      an event without its change; the next run makes the change, with another event
    after the CSR was ordered        a CSR on the node; the next run has it signed, and orders none
    after the CSR was submitted      a request that waits, or a certificate; submitting it again returns the same
    after an authority was sent      it is in the trust store; the next run sends only what is missing
    after the certificate was sent   the node has it; the next run finds it installed, and changes nothing

A call whose answer is lost is a crash of the same kind. The order of a change is event, call, snapshot: a change
without an event is not possible. A run makes only changes of the plan that a person has confirmed, and each once: a
node on which something else has changed meanwhile, or that does not do what it answers, ends the run. The slots of the
node in its clusters follow: the CSR is placed before it is signed, and the uploads are marked once the snapshot shows
the certificate, by this run or the next one.

A password is held for one run. It is sent to one peer alone: the one whose certificate was pinned, by a person or
because it was issued here to a node as a server, is valid, and names the host. The first 401 ends the run, because
nodes lock accounts; node_sign_ins.py has the wait that follows, run_leases.py the lease that keeps other runs away.
Both hold for all processes of the installation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require, require_unbounded
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.fleet.connections import Connections
from ca_service.authority.fleet.node_commands import find_node
from ca_service.authority.fleet.node_contact import (
    Contact,
    Credentials,
    NodeClient,
    NodeSession,
    Place,
    Unanswered,
    Unprivileged,
    Warrant,
)
from ca_service.authority.fleet.node_plan import Change, Kind, Order, Plan, Stage, with_options
from ca_service.authority.fleet.node_planner import Planner, hint_of, options_of
from ca_service.authority.fleet.node_run import Applied, OpenNode, Run, TimeLimit
from ca_service.authority.fleet.node_sign_ins import NodeSignIns
from ca_service.authority.fleet.node_slots import NodeSlots
from ca_service.authority.fleet.placement import require_purpose
from ca_service.authority.fleet.probing import host_and_port
from ca_service.authority.fleet.run_leases import STORING_SECONDS
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.issuance.store import HostProductStore
from ca_service.authority.ports import Clock
from ca_service.deadline import limited
from ca_service.errors import Conflict, Refused, Rule, Unreachable, only_errors
from ca_service.pki import encodings, names

NODE_NO_ADDRESS: Final = Rule(
    "node.no-address",
    "DNS gives no address for {host}.",
    "Check the spelling, and the DNS server of the machine that runs this service.",
)
NODE_NO_API: Final = Rule(
    "node.no-api",
    "{product} {version} on {host} has no certificate management API.",
    "Follow the runbook, or paste the lines of `ca-service node lines {host}` into its command line.",
)
NODE_FINGERPRINT: Final = Rule(
    "node.fingerprint",
    "{host} presents a certificate with another fingerprint: {found}.",
    "Nothing was sent. Compare it with the one that the node shows. If it was replaced, give the new one.",
)
NODE_NOT_PINNED: Final = Rule(
    "node.not-pinned",
    "{host} presents a certificate that cannot be verified here: {found}.",
    "Nothing was sent. Compare it with the one that the node shows, and confirm it.",
    options="--fingerprint, fingerprint",
)
NODE_CHANGED: Final = Rule(
    "node.changed",
    "{host} has changed since the plan was confirmed. Next would be: {change}",
    "The run ended before that. Look at the plan again, and apply it.",
)
NODE_NOT_TAKEN: Final = Rule(
    "node.not-taken",
    "{host} accepted a call, and its snapshot does not show it. The call: {change}",
    "Nothing was sent after that. Look at the node: Certificate Management. A trust store keeps one certificate of a "
    "name.",
)

HTTPS: Final = 443


class NodeDriver:
    """Plans and makes changes on nodes."""

    def __init__(
        self,
        *,
        client: NodeClient,
        connections: Connections,
        slots: NodeSlots,
        planner: Planner,
        products: HostProductStore,
        issuance: Issuance,
        events: EventStore,
        sign_ins: NodeSignIns,
        clock: Clock,
        stopwatch: Callable[[], float],
    ) -> None:
        self._client = client
        self._connections = connections
        self._slots = slots
        self._planner = planner
        self._products = products
        self._issuance = issuance
        self._events = events
        self._sign_ins = sign_ins
        self._clock = clock
        self._stopwatch = stopwatch

    def contact(self, actor: Actor, text: str, fingerprint: str = "") -> Contact:
        """Look which certificate HOST[:PORT] presents, and whether it is believed. No credentials are sent.

        Raises InvalidInput for what is no host, or none that may be connected to; Refused if the fingerprint is another
        one, or the product of the host has no such API; Busy; Unreachable.
        """
        _require(actor)
        host, port = host_and_port(text)
        self._connections.require_api_port(actor, host, port or HTTPS)
        self._require_api(host, Order())
        with self._connections.turn(actor):
            address = self._connections.address(actor, host)
            if not address:
                raise Unreachable.because(NODE_NO_ADDRESS, host=host)
            place = Place(host, address, port or HTTPS)
            certificate = self._client.present(place)
        found = encodings.fingerprint(certificate)
        if fingerprint and folded_fingerprint(fingerprint) != found:
            raise Refused.because(NODE_FINGERPRINT, host=host, found=found)
        if fingerprint:
            return Contact(place, certificate, Warrant.PINNED)
        with limited(STORING_SECONDS):
            is_proof = self._planner.is_proof(certificate, host)
        return Contact(place, certificate, Warrant.ISSUED if is_proof else Warrant.NONE)

    def plan(self, actor: Actor, contact: Contact, credentials: Credentials, order: Order) -> Plan:
        """Return what has to change on the node; nothing is changed on it. Its slots show the certificate that it has.

        Raises as NodeSession does, Busy, and TooManyAttempts after a password that the node refused.
        """
        _require(actor)
        self._require_api(contact.place.host, order)
        with self._open(actor, contact, credentials) as node:
            plan = self._plan(actor, contact, node, order)
            if plan.stage is Stage.NO_CSR:
                # Nothing depends on it. A refusal is an answer, and ends the wait; no answer does not.
                with suppress(Unanswered), node.call() as session, suppress(Refused, Unprivileged):
                    plan = with_options(plan, session.read_options())
            # The slots follow now: if nothing is left to change, there is no run that would move them.
            node.lease.extend()
            with limited(STORING_SECONDS):
                self._slots.take_back(actor, plan.host, plan.purpose, plan.present)
            if plan.stage is Stage.INSTALLED:
                self._follow(actor, node, plan)
        return plan

    def apply(
        self, actor: Actor, contact: Contact, credentials: Credentials, order: Order, confirmed: Collection[str]
    ) -> Run:
        """Read the node, and return the run that makes the changes of a plan, confirmed by their keys.

        It ends early, without an error, if the CSR waits for a decision. Raises Refused if a finding is an error,
        Conflict if the node has changed or does not show a change, Busy, and as `plan` does: for the first change
        immediately, for others during the run.
        """
        require(actor, Action.ISSUE)
        _require(actor)
        self._require_api(contact.place.host, order)
        changes = self._changes(actor, contact, credentials, order, confirmed)
        next(changes)  # up to the first change now: an answer that has begun could not say what is refused
        return Run(changes)

    def _changes(
        self, actor: Actor, contact: Contact, credentials: Credentials, order: Order, confirmed: Collection[str]
    ) -> Generator[tuple[Change, ...], None, Applied]:
        """Yield nothing once the next change is judged, and then the change, before it is made."""
        made = list[Change]()
        limit = TimeLimit(contact.place.host, self._stopwatch)
        with self._open(actor, contact, credentials) as node:
            while True:
                limit.require()
                # 1. Read the node, and derive the plan. The slots of the node follow.
                plan = self._plan(actor, contact, node, order if not made else replace(order, new_csr=False))
                if errors := only_errors(plan.findings):
                    raise Refused(*errors)
                if plan.changes:
                    _require_expected(plan, plan.changes[0], made, confirmed)
                self._follow(actor, node, plan)
                yield ()

                # 2. Only what was confirmed, and each change once.
                if not plan.changes:
                    return Applied(plan, tuple(made))
                change = plan.changes[0]
                yield (change,)
                limit.require()  # a client may take the changes slowly
                made.append(change)

                # 3. Make it: here, or on the node.
                if change.kind is Kind.SIGN:
                    waiting = self._sign(actor, node, plan, order)
                    if waiting:
                        return Applied(plan, tuple(made[:-1]), waiting)
                else:
                    with node.call() as session:  # ends the run where another one has begun: nothing was sent then
                        with limited(STORING_SECONDS):
                            self._events.add_event(self._event(actor, plan, change, credentials.user))
                        self._change(session, plan, change)

    @contextmanager
    def _open(self, actor: Actor, contact: Contact, credentials: Credentials) -> Iterator[OpenNode]:
        """Have the only run on the node in this block."""
        if contact.warrant is Warrant.NONE:
            raise Refused.because(NODE_NOT_PINNED, host=contact.place.host, found=contact.fingerprint)
        session = self._client.open(contact.place, contact.fingerprint, credentials)
        with (
            self._connections.run_turn(actor, contact.place.host, contact.identities) as lease,
            self._sign_ins.attempt(actor, contact, credentials.user) as sign_in,
        ):
            yield OpenNode(session, lease, sign_in)

    def _plan(self, actor: Actor, contact: Contact, node: OpenNode, order: Order) -> Plan:
        """Read the node, add what is known here, and return the plan."""
        with node.call() as session:
            snapshot = session.read()
        with limited(STORING_SECONDS):
            return self._planner.plan(actor, contact.place.host, snapshot, order)

    def _sign(self, actor: Actor, node: OpenNode, plan: Plan, order: Order) -> tuple[RequestRecord, ...]:
        """Submit the CSR on the same path as every other one; return the requests that wait for a decision."""
        node.lease.extend()
        with limited(STORING_SECONDS):
            return self._issuance.issue(actor, [plan.csr], options_of(order), hints=[hint_of(order)]).waiting

    def _follow(self, actor: Actor, node: OpenNode, plan: Plan) -> None:
        """Let the slots of the node show its CSR, and that it has the certificate. Idempotent."""
        node.lease.extend()
        with limited(STORING_SECONDS):
            if plan.stage in (Stage.UNSIGNED, Stage.SIGNED):
                self._slots.place(actor, plan.host, plan.purpose, plan.csr)
            elif plan.stage is Stage.INSTALLED and plan.certificate is not None:
                self._slots.mark_uploaded(actor, plan.host, plan.purpose, plan.certificate.serial_number)

    def _change(self, session: NodeSession, plan: Plan, change: Change) -> None:
        if change.kind is Kind.CSR:
            session.generate_csr(plan.purpose, plan.common_name, plan.curve)
        elif change.kind is Kind.TRUST and change.certificate is not None:
            session.upload_trust(plan.purpose, change.certificate)
        elif plan.certificate is not None:
            session.upload_identity(plan.purpose, x509.load_der_x509_certificate(plan.certificate.der))

    def _event(self, actor: Actor, plan: Plan, change: Change, user: str) -> AuditEvent:
        """Return the event of a call that changes the node; it is recorded before the call."""
        said = {"purpose": plan.purpose.service, "user": user}
        if change.kind is Kind.CSR:
            kind = Event.NODE_CSR_ORDERED
        elif change.certificate is not None:
            kind = Event.NODE_TRUST_SENT
            name, fingerprint = names.label(change.certificate.subject), encodings.fingerprint(change.certificate)
            said |= {"store": plan.purpose.trust, "name": name, "fingerprint": fingerprint}
        else:
            kind = Event.NODE_IDENTITY_SENT
            said["serial"] = plan.certificate.serial_number if plan.certificate else ""
        return AuditEvent.by(actor, self._clock(), kind, plan.host, **said)

    def _require_api(self, host: str, order: Order) -> None:
        """Raise Refused for a node whose product is known to have no such API, or not this purpose."""
        with limited(STORING_SECONDS):
            node = find_node(self._products, host, order)
        if node and node.release and "API" not in node.release.interfaces:
            raise Refused.because(NODE_NO_API, host=host, product=node.product.name, version=node.version)
        if node:
            require_purpose(node.product, order.purpose)


def _require(actor: Actor) -> None:
    require(actor, Action.FLEET)
    require_unbounded(actor)


def _require_expected(plan: Plan, change: Change, made: Collection[Change], confirmed: Collection[str]) -> None:
    """Raise Conflict for a change that was made already, or that was not confirmed."""
    if change.key in {each.key for each in made}:
        raise Conflict.because(NODE_NOT_TAKEN, host=plan.host, change=change.text)
    # The CSR that this run has ordered could not be named when the plan was confirmed; the plan compares its names.
    is_ordered = bool(change.csr) and Kind.CSR in {each.kind for each in made} and change.kind.value in confirmed
    if change.key not in confirmed and not is_ordered:
        raise Conflict.because(NODE_CHANGED, host=plan.host, change=change.text)


def folded_fingerprint(text: str) -> str:
    """Return a fingerprint as it is compared: lower-case digits, without what tools put between them."""
    return text.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
