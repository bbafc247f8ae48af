"""Placement of CSRs: which node a CSR belongs to, what it changes there, and which placements are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from ca_service.authority.fleet.records import ClusterRecord, NodeRecord
from ca_service.authority.fleet.states import Slot
from ca_service.authority.issuance.examination import Examination
from ca_service.errors import CAServiceError, Finding, Refused, Rule, Severity
from ca_service.pki import csr, names
from ca_service.pki.csr import CertificationRequest
from ca_service.vos.comparison import Difference, compare
from ca_service.vos.destinations import host_name, is_multi_server
from ca_service.vos.knowledge import NOT_CONFIRMED
from ca_service.vos.products import Product, Use, get_product, version
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, Purpose, get_purpose

SLOT_UNUSED: Final = Rule(
    "slot.unused",
    "{uses}",
    "Sign it only if you want it anyway: the node will not show that it has the certificate.",
    Severity.WARNING,
)

NODE_UNMATCHED: Final = Rule(
    "node.unmatched",
    "The node of this CSR is not known.",
    "Choose the node. If it is missing, add it to the cluster first.",
)
SLOT_TWICE: Final = Rule(
    "slot.twice",
    "Two CSRs have the same node and purpose.",
    "Keep the newest one: a node discards its earlier CSR. Or choose another node or purpose for one of them.",
)
SLOT_STRANGERS: Final = Rule(
    "slot.strangers",
    "A multi-server CSR of UCCX may contain only the UCCX nodes, never SocialMiner (Cisco 118855).",
    "Create a new CSR on UCCX without the other servers, and one on each of those.",
    Severity.WARNING,
)
SLOT_OTHER_NODE: Final = Rule(
    "slot.other-node",
    "This CSR is from {named}, by its names. The chosen node is {chosen}.",
    "Choose {named}: a node accepts a certificate only for its own CSR.",
    Severity.WARNING,
)
SLOT_SAME: Final = Rule(
    "slot.same",
    "The slot already has this CSR.",
    "",
    Severity.NOTE,
)
SLOT_PURPOSE: Final = Rule(
    "slot.purpose",
    "{product} has no certificate {purpose}.",
    "Use one of: {known}.",
)
SLOT_KEY_REPLACED: Final = Rule(
    "slot.key-replaced",
    "The certificate {serial} was signed for the previous key and is not marked as uploaded: the node no longer "
    "accepts it.",
    "Upload the certificate for this CSR instead.",
    Severity.WARNING,
)


@dataclass(frozen=True, slots=True)
class Placement:
    """A CSR as it was uploaded, and the slot that was chosen for it."""

    data: bytes
    node_id: int
    purpose: str
    is_multi_server: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen slot for a CSR: 0 for no node yet, "" for no purpose."""

    node_id: int = 0
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The place of a CSR as far as its contents show; a person decides.

    `difference` is the change from the CSR that the slot has now (the chosen slot, if there is a choice), or None.
    """

    examination: Examination
    node: NodeRecord | None
    why: str
    purpose: Purpose
    is_multi_server: bool
    difference: Difference | None = None
    findings: tuple[Finding, ...] = ()


def propose(
    examination: Examination, cluster: ClusterRecord, slots: Sequence[Slot], choice: Choice = Choice()
) -> Proposal:
    """Return the place of one CSR among these slots."""
    purpose = PURPOSES.get(choice.purpose or examination.destination.purpose, TOMCAT_ECDSA)
    request = examination.request
    if request is None:
        return Proposal(examination, None, "no node of this cluster", purpose, is_multi_server=False)
    common_name = names.common_name(request.subject) or ""
    named = [node for node in cluster.nodes if node.fqdn in _hosts(request)]
    node, why = _node(common_name, named, cluster)
    is_multi = is_multi_server(common_name) or len(named) > 1
    chosen = next((each for each in cluster.nodes if each.id == choice.node_id), node)
    now = next((each for each in slots if chosen and each.node.id == chosen.id and each.purpose == purpose), None)
    before = csr.verify_stored(now.request.csr_der) if now and now.request else None
    difference = compare(before, request) if before else None
    findings = (
        *_unused(chosen),
        *_other_node(node, chosen),
        *_strangers(named, is_multi=is_multi),
        *_against(now, request, difference),
    )
    return Proposal(examination, node, why, purpose, is_multi, difference, findings)


def _hosts(request: CertificationRequest) -> set[str]:
    found = request.subject_alternative_name
    return {name.lower() for name in found.get_values_for_type(x509.DNSName)} if found else set()


def _node(common_name: str, named: Sequence[NodeRecord], cluster: ClusterRecord) -> tuple[NodeRecord | None, str]:
    """Return the node, and how it was found. The common name is that of the node that created the CSR."""
    own = host_name(common_name).lower()
    for node in cluster.nodes:
        if node.fqdn == own:
            return node, "by the common name"
    if len(named) == 1:
        return named[0], "by the names"
    return None, "no node of this cluster"


def _unused(node: NodeRecord | None) -> Iterator[Finding]:
    """Yield the warning that the node will not use the certificate."""
    release = get_product(node.product).find_release(version(node.version)) if node else None
    if release and release.use is Use.NEVER:
        uses = release.uses.text if release.uses.is_confirmed else f"{release.uses.text} {NOT_CONFIRMED}"
        yield SLOT_UNUSED.at(uses=uses)


def _other_node(node: NodeRecord | None, chosen: NodeRecord | None) -> Iterator[Finding]:
    """Yield a warning if a person has chosen a node that did not create the CSR."""
    if node and chosen and node.id != chosen.id:
        yield SLOT_OTHER_NODE.at("/node", named=node.fqdn, chosen=chosen.fqdn)


def _strangers(named: Sequence[NodeRecord], *, is_multi: bool) -> Iterator[Finding]:
    """Yield a warning by Cisco 118855: a multi-server CSR of UCCX contains the two UCCX nodes, never SocialMiner."""
    products = {node.product for node in named}
    if is_multi and "uccx" in products and products != {"uccx"}:
        yield SLOT_STRANGERS.at("/subject_alternative_name")


def _against(slot: Slot | None, request: CertificationRequest, difference: Difference | None) -> Iterator[Finding]:
    if slot is None or slot.request is None or difference is None:
        return
    if slot.request.request_fingerprint == request.fingerprint:
        yield SLOT_SAME.at()
    elif difference.is_key_new and slot.certificate and not slot.uploaded:
        yield SLOT_KEY_REPLACED.at("/public_key", serial=slot.certificate.serial_number)


def faults(placements: Sequence[Placement], cluster: ClusterRecord) -> Iterator[Finding]:
    """Yield the errors in the chosen places."""
    known = {node.id: node for node in cluster.nodes}
    chosen = Counter((each.node_id, each.purpose) for each in placements)
    for number, each in enumerate(placements):
        pointer = f"/csr/{number}"
        if each.node_id not in known:
            yield _unmatched(pointer)
        elif chosen[each.node_id, each.purpose] > 1:
            yield _twice(pointer)
        try:
            purpose = get_purpose(each.purpose)
        except CAServiceError as error:
            yield from (found.under(pointer) for found in error.findings)
        else:
            if each.node_id in known:
                yield from _foreign(pointer, known[each.node_id], purpose)


def _foreign(pointer: str, node: NodeRecord, purpose: Purpose) -> Iterator[Finding]:
    """Yield an error for a purpose that this product has in no version."""
    try:
        require_purpose(get_product(node.product), purpose)
    except Refused as error:
        yield from (found.under(pointer) for found in error.findings)


def require_purpose(product: Product, purpose: Purpose) -> None:
    """Raise Refused for a purpose that a product has in no version."""
    if purpose not in product.purposes:
        known = ", ".join(each.service for each in product.purposes)
        raise Refused(SLOT_PURPOSE.at("/purpose", product=product.name, purpose=purpose.service, known=known))


def _unmatched(pointer: str) -> Finding:
    return NODE_UNMATCHED.at(f"{pointer}/node")


def _twice(pointer: str) -> Finding:
    return SLOT_TWICE.at(f"{pointer}/node")
