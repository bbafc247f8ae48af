"""Clusters: nodes, the board with its slots, and the places of CSRs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.fleet.handover import Board, Line
from ca_service.authority.fleet.matching import Match
from ca_service.authority.fleet.records import ClusterPage, ClusterRecord, NodeRecord
from ca_service.authority.fleet.states import Past
from ca_service.authority.issuance.issuance import Issued
from ca_service.documents.fields import API_PATH, Document, Moment, Serial
from ca_service.documents.findings import FindingDocument, finding_documents
from ca_service.documents.runbooks import StepDocument
from ca_service.errors import Finding

SlotState = Literal[
    "no CSR", "requested", "waiting", "issued", "uploaded", "verified", "expiring", "expired", "revoked", "covered"
]


class NodeDocument(Document):
    """A server of a cluster."""

    id: int
    fqdn: str
    product: str = Field(description="the id of the product, as in the list of products")
    version: str
    role: str

    @classmethod
    def of(cls, node: NodeRecord) -> Self:
        """Describe a node."""
        return cls(id=node.id, fqdn=node.fqdn, product=node.product, version=node.version, role=node.role)


class ClusterLinks(Document):
    """The addresses of a cluster, for scripts and for people."""

    self: str
    page: str
    bundle: str
    runbook: str

    @classmethod
    def of(cls, base_url: str, cluster_id: int) -> Self:
        """Return the addresses below that of the service."""
        api = f"{base_url}{API_PATH}clusters/{cluster_id}"
        page = f"{base_url}/clusters/{cluster_id}"
        return cls.model_validate({"self": api, "page": page, "bundle": f"{api}/bundle", "runbook": f"{api}/runbook"})


class ClusterSummaryDocument(Document):
    """A cluster in a list, without its board."""

    id: int
    name: str
    created_at: Moment
    created_by: str
    nodes: list[NodeDocument]
    links: ClusterLinks | None = Field(description="null on the command line, which has no address")

    @classmethod
    def of(cls, cluster: ClusterRecord, base_url: str = "") -> Self:
        """Describe a cluster; `base_url` is the address of the service, empty on the command line."""
        return cls(
            id=cluster.id,
            name=cluster.name,
            created_at=cluster.created_at,
            created_by=cluster.created_by,
            nodes=[NodeDocument.of(node) for node in cluster.nodes],
            links=ClusterLinks.of(base_url, cluster.id) if base_url else None,
        )


class ClustersDocument(Document):
    """One page of the clusters."""

    clusters: list[ClusterSummaryDocument]
    next: str | None = Field(description="the address of the next page, or the cursor for --cursor; null on the last")

    @classmethod
    def of(cls, page: ClusterPage, following: str | None, base_url: str = "") -> Self:
        """Describe a page."""
        return cls(clusters=[ClusterSummaryDocument.of(each, base_url) for each in page.items], next=following)


class PastDocument(Document):
    """A certificate of a slot that was superseded by a newer CSR."""

    serial_number: Serial
    key_replaced: bool = Field(description="whether the node has another key now and no longer accepts it")
    uploaded: bool = Field(description="whether it was marked as uploaded")
    replaced: bool = Field(description="whether the newer one is marked as uploaded")

    @classmethod
    def of(cls, past: Past) -> Self:
        """Describe a superseded certificate."""
        return cls(
            serial_number=past.certificate.serial_number,
            key_replaced=past.is_key_replaced,
            uploaded=past.was_uploaded,
            replaced=past.is_replaced,
        )


class SlotDocument(Document):
    """One purpose on one node."""

    node: str = Field(description="the full name of the node")
    purpose: str
    state: SlotState
    serial_number: Serial | None = Field(description="the certificate of its newest CSR; null without one")
    not_after: Moment | None
    request_id: int | None = Field(description="the request that waits for a decision, or had one; null for none")
    covered_by: str | None = Field(description="the node whose multi-server certificate also covers this slot")
    covers: list[str] = Field(description="the nodes that its multi-server certificate also covers")
    steps_done: int
    steps: int
    next_step: StepDocument | None = Field(description="the first step that is left; null for none")
    upload_step: str = Field(description="the key of the step that uploads the certificate; empty without one")
    verify_step: str = Field(description="the key of the step that verifies the served certificate; or empty")
    available: Serial | None = Field(
        description="a valid certificate for a slot without a CSR, signed outside the cluster; null for none"
    )
    past: list[PastDocument]

    @classmethod
    def of(cls, line: Line) -> Self:
        """Describe one line of a board."""
        slot = line.slot
        return cls(
            node=slot.node.fqdn,
            purpose=slot.purpose.service,
            state=slot.state.value,
            serial_number=slot.certificate.serial_number if slot.certificate else None,
            not_after=slot.certificate.not_after if slot.certificate else None,
            request_id=slot.submitted.id if slot.submitted else None,
            covered_by=slot.covered_by.fqdn if slot.covered_by else None,
            covers=[node.fqdn for node in slot.covers],
            steps_done=line.done,
            steps=line.total,
            next_step=StepDocument.of(line.next_step) if line.next_step else None,
            upload_step=line.upload_step,
            verify_step=line.verify_step,
            available=line.available.serial_number if line.available else None,
            past=[PastDocument.of(each) for each in slot.past],
        )


class ClusterDocument(ClusterSummaryDocument):
    """A cluster with its board: the state of each slot and the next step."""

    slots: list[SlotDocument]
    warnings: list[StepDocument] = Field(description="nodes on which the certificate has no effect, or an unknown one")
    findings: list[FindingDocument] = Field(description="remarks about its nodes, such as one that is in two clusters")

    @classmethod
    def of_board(cls, board: Board, base_url: str = "") -> Self:
        """Describe a board; `base_url` is the address of the service, empty on the command line."""
        summary = ClusterSummaryDocument.of(board.cluster, base_url)
        return cls(
            **dict(summary),
            slots=[SlotDocument.of(line) for line in board.lines],
            warnings=[StepDocument.of(step) for step in board.runbook.warnings],
            findings=finding_documents(board.findings),
        )


class RemovedClusterDocument(Document):
    """A cluster that was removed. Its certificates stay."""

    removed: str = Field(description="the name of the cluster")


class PlacedDocument(Document):
    """A CSR and its slot."""

    number: int = Field(description="the number of the CSR, counted from 0")
    file: str = Field(description="the name of its file; empty if it has none")
    node: str | None = Field(description="the full name of the node; null if none matches")
    purpose: str
    matched: str = Field(
        description="how the node was found: as given, by the common name, by the names; or that none was"
    )
    multi_server: bool
    new_key: bool | None = Field(description="whether the key differs from that of the CSR before; null without one")

    @classmethod
    def of(cls, number: int, found: Match, file: str, nodes: Mapping[int, str]) -> Self:
        """Describe the CSR with this number; `nodes` are the names of nodes by their numbers."""
        placement, proposal = found.placement, found.proposal
        return cls(
            number=number,
            file=file,
            node=nodes.get(placement.node_id),
            purpose=placement.purpose,
            matched=proposal.why,
            multi_server=placement.is_multi_server,
            new_key=proposal.difference.is_key_new if proposal.difference else None,
        )


class PlacementsDocument(Document):
    """CSRs in the slots of a cluster, and what became of them."""

    outcome: Literal["preview", "placed", "signed", "waiting"] = Field(
        description="preview: nothing was stored; placed: they are in their slots; signed: they have certificates; "
        "waiting: an approver has to decide"
    )
    csrs: list[PlacedDocument]
    serial_numbers: list[Serial] = Field(description="the certificates, one for each CSR in their order")
    request_ids: list[int] = Field(description="the requests that wait for a decision")
    findings: list[FindingDocument]

    @classmethod
    def of(
        cls,
        cluster: ClusterRecord,
        matches: Sequence[Match],
        files: Sequence[str],
        *,
        issued: Issued | None = None,
        is_preview: bool = False,
        missing: Sequence[Finding] = (),
    ) -> Self:
        """Describe the places of CSRs. `files` are the names of their files; `issued` is the answer to signing them.

        `missing` is what is to be said about the nodes without a CSR.
        """
        nodes = {node.id: node.fqdn for node in cluster.nodes}
        unsigned = "preview" if is_preview else "placed"
        return cls(
            outcome=("waiting" if issued.waiting else "signed") if issued else unsigned,
            csrs=[PlacedDocument.of(number, each, files[number], nodes) for number, each in enumerate(matches)],
            serial_numbers=[each.serial_number for each in issued.certificates] if issued else [],
            request_ids=[each.id for each in issued.waiting] if issued else [],
            findings=finding_documents((*placement_findings(matches), *missing)),
        )


def placement_findings(matches: Sequence[Match]) -> list[Finding]:
    """Return what was found about the CSRs and their slots, each pointing at its CSR."""
    return [
        finding.under(f"/csr/{number}")
        for number, each in enumerate(matches)
        for finding in (*each.proposal.examination.findings, *each.proposal.findings)
    ]
