"""Nodes: contacts, plans, runs, and steps for their command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from ca_service.authority.fleet.node_contact import Contact
from ca_service.authority.fleet.node_plan import Change, Plan
from ca_service.authority.fleet.node_run import Applied
from ca_service.documents.fields import Document, Fingerprint, Moment, Serial
from ca_service.documents.findings import FindingDocument, finding_documents
from ca_service.documents.probes import ProbeDocument
from ca_service.pki import encodings, names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.visible_text import visible
from ca_service.vos.served import PortReport
from ca_service.vos.steps import Step


class ContactDocument(Document):
    """The certificate that the API of a node presents."""

    host: str
    address: str
    port: int
    fingerprint: Fingerprint
    subject: str
    not_after: Moment
    unit: Literal["tomcat", "tomcat-ECDSA"] = Field(
        description="under which the command line of the node shows it: show cert own UNIT/UNIT.pem"
    )
    believed: Literal["pinned", "issued", ""] = Field(
        description="pinned: the given fingerprint; issued: from here, valid, for this host; empty: not believed"
    )

    @classmethod
    def of(cls, contact: Contact) -> Self:
        """Describe a contact."""
        return cls(
            host=contact.place.host,
            address=contact.place.address,
            port=contact.place.port,
            fingerprint=contact.fingerprint,
            subject=names.name_text(contact.certificate.subject),
            not_after=contact.certificate.not_valid_after_utc,
            unit=contact.unit,
            believed=contact.warrant.value,
        )


class NodeChangeDocument(Document):
    """One change of a plan."""

    kind: Literal["csr", "sign", "trust", "identity"]
    key: str = Field(description="with which the change is confirmed")
    text: str
    fingerprint: Fingerprint | None = Field(description="of the authority that is uploaded; null for other changes")
    is_confirmed: bool = Field(description="whether Cisco's documents describe it; otherwise it is inferred from them")

    @classmethod
    def of(cls, change: Change) -> Self:
        """Describe a change."""
        return cls(
            kind=change.kind.value,
            key=change.key,
            text=str(change.text),
            fingerprint=encodings.fingerprint(change.certificate) if change.certificate else None,
            is_confirmed=change.is_confirmed,
        )


class NodeStepDocument(Document):
    """A step for a person."""

    title: str
    text: str
    files: list[str] = Field(description="the files of the bundle to upload")
    purpose: str = Field(description="the purpose on the upload page; or empty")
    commands: list[str] = Field(description="lines for the command line of the node")
    terminal: list[str] = Field(description="commands for your own computer")
    notes: list[tuple[str, str]] = Field(
        description="label and text of what is good to know: waiting, minutes, the way back"
    )
    is_confirmed: bool = Field(description="whether Cisco's documents describe it; otherwise it is inferred from them")

    @classmethod
    def of(cls, step: Step) -> Self:
        """Describe a step."""
        return cls(
            title=str(step.title),
            text=str(step.text),
            files=list(step.files),
            purpose=step.purpose,
            commands=list(step.commands),
            terminal=list(step.terminal),
            notes=[(str(label), str(text)) for label, text in step.notes],
            is_confirmed=step.is_confirmed,
        )

    def step(self) -> Step:
        """Return the step that it describes, as far as it is printed."""
        return Step(
            self.title,
            self.text,
            files=tuple(self.files),
            purpose=self.purpose,
            commands=tuple(self.commands),
            terminal=tuple(self.terminal),
            details=tuple(self.notes),
            is_confirmed=self.is_confirmed,
        )


class NodeCSRDocument(Document):
    """The CSR that waits on a node."""

    fingerprint: Fingerprint
    subject: str
    names: list[str] = Field(description="the alternative names, such as DNS:cucm1.example.com")

    @classmethod
    def of(cls, request: CertificationRequest) -> Self:
        """Describe a CSR."""
        return cls(fingerprint=request.fingerprint, subject=visible(request.subject_text), names=list(request.names))


class NodePlanDocument(Document):
    """The plan for one purpose of a node."""

    contact: ContactDocument
    purpose: str
    stage: Literal["no CSR", "unsigned", "signed", "installed"]
    present: Fingerprint | None = Field(
        description="of the certificate that the node has for the purpose; null for none"
    )
    present_name: str = Field(description="its common name; empty for none")
    present_not_after: Moment | None = Field(description="its end; null for none")
    csr: NodeCSRDocument | None = Field(
        description="the CSR that waits on the node; null for none, or an unreadable one"
    )
    serial_number: Serial | None = Field(description="of our certificate: installed, or to be sent; null for none")
    steps: list[NodeStepDocument] = Field(description="what a person does before, as far as the product is known")
    changes: list[NodeChangeDocument]
    findings: list[FindingDocument]

    @classmethod
    def of(cls, contact: Contact, plan: Plan, steps: Sequence[Step] = ()) -> Self:
        """Describe a plan."""
        return cls(
            contact=ContactDocument.of(contact),
            purpose=plan.purpose.service,
            stage=plan.stage.value,
            present=encodings.fingerprint(plan.present) if plan.present else None,
            present_name=names.label(plan.present.subject) if plan.present else "",
            present_not_after=plan.present.not_valid_after_utc if plan.present else None,
            csr=NodeCSRDocument.of(plan.request) if plan.request else None,
            serial_number=plan.certificate.serial_number if plan.certificate else None,
            steps=[NodeStepDocument.of(step) for step in steps],
            changes=[NodeChangeDocument.of(change) for change in plan.changes],
            findings=finding_documents(plan.findings),
        )


class NodeAppliedDocument(Document):
    """The end of a run: the changes that were made, the plan that is left, the steps for a person, the probe."""

    made: list[NodeChangeDocument]
    plan: NodePlanDocument
    waiting: list[int] = Field(description="numbers of the requests that wait for a decision")
    steps: list[NodeStepDocument] = Field(description="what makes the node present the certificate; empty if it does")
    probe: ProbeDocument | None = Field(description="what the ports present; null before the certificate is installed")

    @classmethod
    def of(cls, contact: Contact, applied: Applied, steps: Sequence[Step], reports: Sequence[PortReport]) -> Self:
        """Describe a run."""
        return cls(
            made=[NodeChangeDocument.of(change) for change in applied.made],
            plan=NodePlanDocument.of(contact, applied.plan),
            waiting=[request.id for request in applied.waiting],
            steps=[NodeStepDocument.of(step) for step in steps],
            probe=ProbeDocument.of(reports, is_uploaded=True) if reports else None,
        )


class LabNodeDocument(Document):
    """An emulated node, and its ports on this machine."""

    host: str
    api: int = Field(description="port of the certificate management API, over TLS")
    served: int = Field(description="port that presents the certificates of the last restart")
    console: int = Field(description="port of the command line, without TLS: nc 127.0.0.1 PORT")


class LabNodesDocument(Document):
    """Emulated nodes: the first is the publisher of the others."""

    user: str
    nodes: list[LabNodeDocument]


class NodeLinesDocument(Document):
    """Steps for the command line of a node."""

    host: str
    steps: list[NodeStepDocument]

    @classmethod
    def of(cls, host: str, steps: Sequence[Step]) -> Self:
        """Describe the steps of a host."""
        return cls(host=host, steps=[NodeStepDocument.of(step) for step in steps])
