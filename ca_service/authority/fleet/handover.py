"""The administrator's view of a cluster: board, runbook, bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.receipts import Receipts
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.board_notes import BoardNotes, slot_key
from ca_service.authority.fleet.clusters import CLUSTER_NO_CERTIFICATES, Fleet
from ca_service.authority.fleet.records import ClusterRecord, Mark, NodeRecord
from ca_service.authority.fleet.states import Slot, State
from ca_service.authority.hierarchy.hierarchy import Hierarchy
from ca_service.authority.issuance.issuance import Issuance
from ca_service.authority.revocation.trust import TrustedAuthorities
from ca_service.errors import Finding, NotFound
from ca_service.pki.chain import Chain, merged
from ca_service.vos.bundle import Bundle, Delivery, cluster_bundle
from ca_service.vos.products import Use, get_product, version
from ca_service.vos.runbook import Leaf, Node, Runbook, Step, cluster_runbook, files_of, upload_key, verify_key
from ca_service.vos.steps import passed_over

_OVER: Final = (State.EXPIRED, State.REVOKED)
_NEEDS_ANOTHER: Final = (*_OVER, State.NO_REQUEST, State.REQUESTED, State.WAITING, State.EXPIRING)
#: The states in which there is something to do on the node.
_ON_THE_NODE: Final = (State.ISSUED, State.UPLOADED, State.VERIFIED, State.EXPIRING, State.COVERED)


@dataclass(frozen=True, slots=True)
class Line:
    """One slot on the board: the number of its steps that are done, and the next one, if any is left.

    Its steps are those for its node and its purpose, and those that are done elsewhere.

    `available` is a valid certificate for a slot without a CSR, signed outside the cluster. Only a board with notes
    has it.
    """

    slot: Slot
    done: int
    total: int
    next_step: Step | None
    available: CertificateRecord | None = None

    @property
    def is_never_presented(self) -> bool:
        """Whether the version of the node never presents such a certificate, so that none is worth signing."""
        return _never_presents(self.slot)

    @property
    def has_api(self) -> bool:
        """Whether the version of the node is known to have the certificate management API."""
        release = node_of(self.slot.node).release
        return release is not None and "API" in release.interfaces

    @property
    def upload_step(self) -> str:
        """The key of the step that uploads the certificate of this slot; empty without one."""
        found = self.slot.certificate
        return upload_key(self.slot.purpose, found.serial_number) if found else ""

    @property
    def verify_step(self) -> str:
        """The key of the step that verifies the served certificate; empty without one."""
        found = self.slot.certificate
        return verify_key(self.slot.purpose, found.serial_number) if found else ""


@dataclass(frozen=True, slots=True)
class Board:
    """The overview of a cluster. `marks` has the steps that are done, by key.

    A step without a mark of its own that follows from a later one has the mark of that; the step that made a CSR which
    is here has a mark without a step: who added it, and when. `issuers` are the ids of the authorities that issued what
    the nodes use, or will issue what they need next.
    """

    cluster: ClusterRecord
    lines: tuple[Line, ...]
    runbook: Runbook
    marks: dict[str, Mark]
    issuers: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def has_certificates(self) -> bool:
        """Whether there is a certificate to download."""
        return any(line.slot.certificate for line in self.lines)

    @property
    def has_bundle(self) -> bool:
        """Whether the bundle of the certificates can be downloaded: their authorities are trusted."""
        return self.has_certificates and not any(each.is_error for each in self.findings)

    def is_for_several(self, certificate: CertificateRecord) -> bool:
        """Return whether a certificate names more than one node of the cluster."""
        names = {name.lower() for name in certificate.names}
        return sum(f"dns:{node.fqdn}" in names for node in self.cluster.nodes) > 1


class Handover:
    """Builds board, runbook and bundle of a cluster. It stores nothing except marks."""

    def __init__(
        self,
        fleet: Fleet,
        issuance: Issuance,
        hierarchy: Hierarchy,
        receipts: Receipts,
        trusted: TrustedAuthorities,
        *,
        notes: BoardNotes,
    ) -> None:
        self._fleet = fleet
        self._issuance = issuance
        self._hierarchy = hierarchy
        self._receipts = receipts
        self._trusted = trusted
        self._notes = notes

    def board(self, actor: Actor, cluster_id: int) -> Board:
        """Return the board of the cluster. Raises NotFound."""
        cluster, slots = self._read(actor, cluster_id)
        issuers = self._issuers(slots)
        runbook = self._runbook(cluster, slots, issuers)
        marks = {mark.step: mark for mark in self._fleet.list_marks(actor, cluster_id)}
        marks = dict(_added(runbook, slots)) | _marks_of(runbook, marks)
        products = {node.fqdn: node.product for node in cluster.nodes}
        lines = tuple(_line(slot, runbook, marks, products) for slot in slots)
        return Board(cluster, lines, runbook, marks, issuers)

    def board_with_notes(self, actor: Actor, cluster_id: int) -> Board:
        """Return the board with what is known from outside the cluster, to be shown. Raises NotFound."""
        board = self.board(actor, cluster_id)
        available = self._notes.available([line.slot for line in board.lines])
        lines = (replace(line, available=available.get(slot_key(line.slot))) for line in board.lines)
        findings = (*self._trusted.findings(board.issuers), *self._notes.findings(board.cluster))
        return replace(board, lines=tuple(lines), findings=findings)

    def mark(self, actor: Actor, cluster_id: int, step: str, *, done: bool) -> None:
        """Mark a step of the runbook as done, or undo that. Raises InvalidInput for an unknown step."""
        cluster, slots = self._read(actor, cluster_id)
        runbook = self._runbook(cluster, slots, self._issuers(slots))
        known = {each.key: str(each.title) for each in runbook.steps}
        self._fleet.mark(actor, cluster_id, step, done, known)

    def files(self, actor: Actor, cluster_id: int) -> dict[str, bytes]:
        """Return the files that the steps name, by their paths in the bundle.

        Raises NotFound, and Conflict if an authority above one of the certificates is revoked: nodes must not trust it.
        """
        slots = self._fleet.slots(actor, cluster_id)
        issuers = self._issuers(slots)
        self._trusted.require(issuers)
        return files_of(self._leaves(slots), self._chain(issuers))

    def bundle(self, actor: Actor, cluster_id: int) -> Bundle:
        """Return all current certificates, one folder per node, with the runbook.

        Raises NotFound if there are none, Conflict if an authority above them is revoked: nodes must not trust it.
        """
        cluster, slots = self._read(actor, cluster_id)
        issuers = self._issuers(slots)
        self._trusted.require(issuers)
        deliveries = [delivery for slot in slots if (delivery := self._delivery(slot)) is not None]
        if not deliveries:
            raise NotFound.because(CLUSTER_NO_CERTIFICATES)
        nodes, attached = [node_of(node) for node in cluster.nodes], self._receipts.attached(deliveries)
        return cluster_bundle(cluster.name, attached, nodes, self._chain(issuers))

    def _read(self, actor: Actor, cluster_id: int) -> tuple[ClusterRecord, tuple[Slot, ...]]:
        """Return the cluster and its slots, reading the cluster once. Raises NotFound."""
        cluster = self._fleet.get_cluster(actor, cluster_id)
        [slots] = self._fleet.list_slots(actor, [cluster])
        return cluster, slots

    def _delivery(self, slot: Slot) -> Delivery | None:
        if slot.certificate is None or slot.state in _OVER:
            return None
        node, covers = node_of(slot.node), tuple(map(node_of, slot.covers))
        delivery = self._issuance.delivery(slot.certificate)
        # The files are called after the node of the slot, as in the runbook: its name may differ from the names in it.
        return replace(delivery, host=node.fqdn, purpose=slot.purpose, node=node, covers=covers)

    def _runbook(self, cluster: ClusterRecord, slots: Sequence[Slot], issuers: Sequence[str]) -> Runbook:
        nodes = [node_of(node) for node in cluster.nodes]
        return cluster_runbook(cluster.name, nodes, self._leaves(slots), self._chain(issuers))

    def _issuers(self, slots: Sequence[Slot]) -> tuple[str, ...]:
        """Return the issuers of a board, the oldest first."""
        active = self._hierarchy.find_active()
        used = {slot.certificate.issuer_id for slot in slots if slot.certificate and slot.state not in _OVER}
        wanting = (slot for slot in slots if slot.state in _NEEDS_ANOTHER and not _never_presents(slot))
        if active and (not used or any(wanting)):
            used.add(active.record.id)
        if active and used == {active.record.id}:
            return (active.record.id,)  # nearly always
        return tuple(record.id for record in self._hierarchy.list_issuers() if record.id in used)

    def _chain(self, issuers: Sequence[str]) -> Chain:
        """Return all authorities that the nodes have to trust: the newest issuing one first, the root last."""
        return merged(map(self._hierarchy.chain_of, issuers))

    def _leaves(self, slots: Sequence[Slot]) -> list[Leaf]:
        return [_leaf(slot, self._delivery(slot)) for slot in slots if slot.covered_by is None]


def node_of(record: NodeRecord) -> Node:
    """Return the node with the facts about its product and version."""
    product = get_product(record.product)
    release = product.find_release(version(record.version))
    return Node(record.fqdn, product, record.version, record.role, release)


def _never_presents(slot: Slot) -> bool:
    release = node_of(slot.node).release
    return release is not None and release.use is Use.NEVER


def _leaf(slot: Slot, delivery: Delivery | None) -> Leaf:
    certificate = delivery.leaf if delivery else None
    covers = tuple(map(node_of, slot.covers))
    return Leaf(node_of(slot.node), slot.purpose, certificate, covers, is_due=slot.state is State.EXPIRING)


def _line(slot: Slot, runbook: Runbook, marks: Mapping[str, Mark], products: Mapping[str, str]) -> Line:
    if slot.state not in _ON_THE_NODE:
        return Line(slot, 0, 0, None)
    purposes = ("", slot.purpose.service, slot.purpose.trust)
    steps = [step for step in runbook.steps if step.is_on(slot.node.fqdn) and step.purpose in purposes]
    left = [step for step in steps if step.key not in marks]
    passed = passed_over(steps, marks)
    found = min(left, key=lambda step: step.key in passed, default=None)
    if any(step.key.startswith("upload/") for step in left):
        found = _trust_before(slot, runbook, marks, products) or found
    return Line(slot, len(steps) - len(left), len(steps), found)


def _trust_before(slot: Slot, runbook: Runbook, marks: Mapping[str, Mark], products: Mapping[str, str]) -> Step | None:
    """Return the upload of the authorities to the publisher of this node if it is left: the node refuses the leaf."""
    same = (step for step in runbook.steps if step.nodes and products.get(step.nodes[0]) == slot.node.product)
    trust = (step for step in same if step.key.startswith("trust/") and step.purpose == slot.purpose.trust)
    return next((step for step in trust if step.key not in marks and not step.is_optional), None)


def _added(runbook: Runbook, slots: Sequence[Slot]) -> Iterator[tuple[str, Mark]]:
    """Yield the steps that made a CSR which is here, and not signed yet."""
    for slot in slots:
        if slot.request and slot.state in (State.REQUESTED, State.WAITING):
            mark = Mark(slot.request.cluster_id, "", slot.request.placed_at, slot.request.placed_by)
            made = [
                step for step in runbook.steps if step.key.startswith("request/") and step.nodes == (slot.node.fqdn,)
            ]
            yield from ((step.key, mark) for step in made if step.purpose == slot.purpose.service)


def _marks_of(runbook: Runbook, marks: Mapping[str, Mark]) -> dict[str, Mark]:
    """Return what is done: marked steps, and those that follow from a marked one."""
    found = ((step, (step.key, *step.follows_from)) for step in runbook.steps)
    return {step.key: marks[keys[0]] for step, every in found if (keys := [key for key in every if key in marks])}
