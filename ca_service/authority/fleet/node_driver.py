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
node on which something else has changed meanwhile, or that does not do what it answers, ends the run.

A password is held for one run. It is sent to one peer alone: the one whose certificate was pinned, by a person or
because it was issued here, is valid, and names the host. The first 401 ends the run, because nodes lock accounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509

from ca_service.authority.access.permissions import Action, Actor, require, require_unbounded
from ca_service.authority.audit.events import AuditEvent, Event
from ca_service.authority.audit.store import EventStore
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.node_commands import find_node
from ca_service.authority.fleet.node_contact import Contact, Credentials, NodeClient, NodeSession, Place, Warrant
from ca_service.authority.fleet.node_plan import Change, Facts, Kind, Order, Plan, Stage, outstanding, plan_of
from ca_service.authority.fleet.probing import Prober, host_and_port
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.issuance.records import RequestRecord
from ca_service.authority.issuance.store import HostProductStore, Ledger
from ca_service.authority.ports import Clock
from ca_service.authority.revocation.store import RevocationStore
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.errors import Conflict, NotReady, Refused, Rule, Unreachable, only_errors
from ca_service.pki import encodings, names
from ca_service.vos.certificate_api import Snapshot
from ca_service.vos.destinations import Destination, Hint

NODE_NO_ADDRESS: Final = Rule(
    "node.no-address",
    "The host name {host} is not known here.",
    "Check the name, and the name service of this machine.",
)
NODE_NO_API: Final = Rule(
    "node.no-api",
    "{product} {version} on {host} has no certificate management API.",
    "Paste the lines of `ca-service node lines {host}` into its command line.",
)
NODE_FINGERPRINT: Final = Rule(
    "node.fingerprint",
    "{host} presents a certificate with another fingerprint: {found}.",
    "Nothing was sent. Compare it with the one that the node shows. If it was replaced, give the new one.",
)
NODE_NOT_PINNED: Final = Rule(
    "node.not-pinned",
    "{host} presents a certificate that is not known here: {found}.",
    "Nothing was sent. Compare it with the one that the node shows, and give it: --fingerprint.",
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


@dataclass(frozen=True, slots=True)
class Applied:
    """The end of a run: the last plan, the changes that were made, and the requests that wait for a decision."""

    plan: Plan
    made: tuple[Change, ...]
    waiting: tuple[RequestRecord, ...] = ()


class NodeDriver:
    """Plans and makes changes on nodes."""

    def __init__(
        self,
        *,
        client: NodeClient,
        prober: Prober,
        ledger: Ledger,
        products: HostProductStore,
        revocations: RevocationStore,
        issuance: Issuance,
        hierarchy: Hierarchy,
        trusted: TrustedAuthorities,
        events: EventStore,
        clock: Clock,
    ) -> None:
        self._client = client
        self._prober = prober
        self._ledger = ledger
        self._products = products
        self._revocations = revocations
        self._issuance = issuance
        self._hierarchy = hierarchy
        self._trusted = trusted
        self._events = events
        self._clock = clock

    def contact(self, actor: Actor, text: str, fingerprint: str = "") -> Contact:
        """Look which certificate HOST[:PORT] presents, and whether it is believed. No credentials are sent.

        Raises InvalidInput for what is no host, Refused if the fingerprint is another one or the product of the host
        has no such API, Unreachable.
        """
        _require(actor)
        host, port = host_and_port(text)
        self._require_api(host, Order())
        addresses = self._prober.resolve(host)
        if not addresses:
            raise Unreachable.because(NODE_NO_ADDRESS, host=host)
        place = Place(host, addresses[0], port or HTTPS)
        certificate = self._client.present(place)
        found = encodings.fingerprint(certificate)
        if fingerprint and folded_fingerprint(fingerprint) != found:
            raise Refused.because(NODE_FINGERPRINT, host=host, found=found)
        if fingerprint:
            return Contact(place, certificate, Warrant.PINNED)
        is_ours = self._find_good(certificate) is not None and host in _dns_names(certificate)
        return Contact(place, certificate, Warrant.ISSUED if is_ours else Warrant.NONE)

    def plan(self, actor: Actor, contact: Contact, credentials: Credentials, order: Order) -> Plan:
        """Return what has to change on the node; nothing is changed. Raises as NodeSession does, and NotReady."""
        _require(actor)
        self._require_api(contact.place.host, order)
        return self._plan(actor, contact, self._open(contact, credentials).read(), order)

    def apply(
        self,
        actor: Actor,
        contact: Contact,
        credentials: Credentials,
        order: Order,
        confirmed: Plan,
        tell: Callable[[Change], None] = lambda _: None,
    ) -> Applied:
        """Make the changes of a confirmed plan, one after the other; `tell` hears of each before it is made.

        Ends early, without an error, if the CSR waits for a decision. Raises Refused if a finding is an error,
        Conflict if the node has changed or does not show what was done, and as NodeSession does.
        """
        require(actor, Action.ISSUE)
        _require(actor)
        session, made = self._open(contact, credentials), list[Change]()
        allowed = {change.key for change in confirmed.changes}
        while True:
            # 1. Read the node, and derive the plan.
            plan = self._plan(actor, contact, session.read(), order if not made else replace(order, new_csr=False))
            if errors := only_errors(plan.findings):
                raise Refused(*errors)
            if not plan.changes:
                return Applied(plan, tuple(made))
            change = plan.changes[0]

            # 2. Only what was confirmed, and each change once.
            if change.key in {each.key for each in made}:
                raise Conflict.because(NODE_NOT_TAKEN, host=plan.host, change=change.text)
            if change.key not in allowed:
                raise Conflict.because(NODE_CHANGED, host=plan.host, change=change.text)
            tell(change)
            made.append(change)

            # 3. Make it: here, or on the node.
            if change.kind is Kind.SIGN:
                waiting = self._sign(actor, plan, order)
                if waiting:
                    return Applied(plan, tuple(made[:-1]), waiting)
            else:
                self._events.add_event(self._event(actor, plan, change, credentials.user))
                self._change(session, plan, change)

    def _open(self, contact: Contact, credentials: Credentials) -> NodeSession:
        if contact.warrant is Warrant.NONE:
            raise Refused.because(NODE_NOT_PINNED, host=contact.place.host, found=contact.fingerprint)
        return self._client.open(contact.place, contact.fingerprint, credentials)

    def _plan(self, actor: Actor, contact: Contact, snapshot: Snapshot, order: Order) -> Plan:
        """Add to the snapshot what is known here, and return the plan."""
        identity = snapshot.identity(order.purpose)
        active = self._hierarchy.active()
        facts = Facts(
            host=contact.place.host,
            purpose=order.purpose,
            curve=order.curve,
            snapshot=snapshot,
            authorities=active.chain,
            now=self._clock(),
            new_csr=order.new_csr,
            csr=outstanding(identity),
            ours=self._find_good(identity.certificate) if identity.certificate else None,
        )
        if facts.csr:
            facts = self._with_csr(actor, facts, order)
        plan = plan_of(facts)
        if plan.stage is not Stage.INSTALLED:
            self._trusted.require([facts.signed.issuer_id if facts.signed else active.record.id])
        return plan

    def _with_csr(self, actor: Actor, facts: Facts, order: Order) -> Facts:
        """Add what would become of the CSR on the node, and the certificate that it already has here."""
        (found,) = self._issuance.check(actor, [facts.csr], _options(order), [_hint(order)])
        facts = replace(facts, csr_findings=found.findings, signed=found.existing)
        if found.existing is None:
            return facts
        return replace(facts, authorities=self._hierarchy.chain_of(found.existing.issuer_id))

    def _sign(self, actor: Actor, plan: Plan, order: Order) -> tuple[RequestRecord, ...]:
        """Submit the CSR on the same path as every other one; return the requests that wait for a decision."""
        return self._issuance.issue(actor, [plan.csr], _options(order), hints=[_hint(order)]).waiting

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

    def _find_good(self, certificate: x509.Certificate) -> CertificateRecord | None:
        """Return the record of a certificate from here that is valid and not revoked, or None."""
        record = self._ledger.find_certificate(encodings.serial_text(certificate.serial_number))
        if record is None or record.der != encodings.der(certificate):
            return None
        revocation = self._revocations.revocations_of([record.serial_number]).get(record.serial_number)
        is_good = revocation is None or revocation.is_good
        return record if is_good and record.not_before <= self._clock() <= record.not_after else None

    def _require_api(self, host: str, order: Order) -> None:
        """Raise NotReady for a node whose product is known to have no such API."""
        node = find_node(self._products, host, order)
        if node and node.release and "API" not in node.release.interfaces:
            raise NotReady.because(NODE_NO_API, host=host, product=node.product.name, version=node.version)


def _require(actor: Actor) -> None:
    require(actor, Action.FLEET)
    require_unbounded(actor)


def folded_fingerprint(text: str) -> str:
    """Return a fingerprint as it is compared: lower-case digits, without what tools put between them."""
    return text.strip().lower().removeprefix("sha256:").replace(":", "").replace(" ", "")


def _dns_names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _options(order: Order) -> Options:
    return Options(validity_days=order.validity_days)


def _hint(order: Order) -> Hint:
    return Hint(destination=Destination(order.purpose.service, order.product, order.version))
