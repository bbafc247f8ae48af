"""Certificates on nodes: first contact, plan, and the page that grows while its changes are made.

The password of the node is asked for on the two pages that use it. It is in no page, address, session, log or table:
what is carried from page to page is what a person has confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from flask import Response, render_template, request, stream_template, stream_with_context
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.node_contact import Contact, Credentials, Warrant
from ca_service.authority.fleet.node_driver import HTTPS
from ca_service.authority.fleet.node_plan import Change, Order
from ca_service.authority.fleet.node_run import Run
from ca_service.authority.fleet.probing import Reports
from ca_service.authority.fleet.records import ClusterRecord, NodeRecord
from ca_service.authority.fleet.store import cluster_unknown
from ca_service.documents.probes import summary_of, works
from ca_service.errors import CAServiceError, Finding, InvalidInput, Rule
from ca_service.pki import names
from ca_service.vos.certificate_api import CURVES
from ca_service.vos.phrases import Phrase
from ca_service.vos.products import get_product
from ca_service.vos.purposes import TOMCAT_ECDSA, get_purpose
from ca_service.vos.served import PortReport
from ca_service.vos.steps import Step
from ca_service.web.context import actor, installation, needs
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.pages.submission import read_days
from ca_service.web.problems import findings_of, status_of
from ca_service.web.views import fingerprint_groups

NODE_PORTS: Final = Rule(
    "node.ports",
    "\u201c{text}\u201d is not a list of ports.",
    "Write numbers from 1 to 65535 with blanks between them, such as 443 8443.",
)
NODE_PORT_NUMBER: Final = Rule(
    "node.port-number",
    "\u201c{text}\u201d is not a port.",
    "Enter a number from 1 to 65535, such as 443.",
)

_MAX_ENTRIES: Final = 20
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Form:
    """The form, which is the same on each page. `compared`: a person has compared the fingerprint."""

    cluster: ClusterRecord
    node: NodeRecord
    port: str
    purpose: str
    curve: str
    days: str
    new_csr: bool
    probe_ports: str
    fingerprint: str
    compared: bool
    user: str

    @classmethod
    def read(cls, cluster_id: int, node_id: int) -> Form:
        """Read the form of this request. Raises NotFound for a node that is not in the cluster."""
        cluster = installation().fleet.get_cluster(actor(), cluster_id)
        node = next((each for each in cluster.nodes if each.id == node_id), None)
        if node is None:
            raise cluster_unknown()
        return cls(
            cluster=cluster,
            node=node,
            port=_text("port", str(HTTPS)),
            purpose=_text("purpose", TOMCAT_ECDSA.service),
            curve=_text("curve", next(iter(CURVES))),
            days=_text("days"),
            new_csr=request.form.get("new_csr") == "true",
            probe_ports=_text("probe_ports"),
            fingerprint=_text("fingerprint"),
            compared=request.form.get("compared") == "true",
            user=_text("user"),
        )

    @property
    def place(self) -> str:
        """The node with the port of its API. Raises InvalidInput for what is no port."""
        if not _is_port(whole_number(self.port, 5)):
            raise InvalidInput(NODE_PORT_NUMBER.at("/port", text=self.port))
        return f"{self.node.fqdn}:{self.port}"

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports to probe; none for all of the product. Raises InvalidInput."""
        found = [whole_number(word, 5) for word in self.probe_ports.replace(",", " ").split()]
        if len(found) > _MAX_ENTRIES or not all(map(_is_port, found)):
            raise InvalidInput(NODE_PORTS.at("/probe_ports", text=self.probe_ports))
        return tuple(each for each in found if each)

    @property
    def order(self) -> Order:
        """The wanted certificate. Raises InvalidInput."""
        days = read_days(self.days)
        curve = self.curve if self.curve in CURVES else next(iter(CURVES))
        return Order(get_purpose(self.purpose), curve, self.node.product, self.node.version, days, self.new_csr)

    @property
    def credentials(self) -> Credentials:
        """The administrator of the node. Raises InvalidInput without a password."""
        return Credentials(self.user, request.form.get("password", "")[:1000])

    def require_good(self) -> None:
        """Raise InvalidInput for a value that cannot be used: before a connection."""
        _ = self.order, self.ports

    def contact(self) -> Contact:
        """Contact the node again: its certificate has to be the one that was compared, or one from here."""
        return installation().node_driver.contact(actor(), self.place, self.fingerprint if self.compared else "")


@dataclass
class NodeRun:
    """A run while the page grows: the template takes changes and ports one by one, and the rest afterwards.

    Without a `run`, the ports alone are looked at, as after a restart.
    """

    run: Run | None
    form: Form
    findings: tuple[Finding, ...] = ()
    reports: Reports | None = None
    done: list[PortReport] = field(default_factory=list)

    def changes(self) -> Iterator[Change]:
        """Yield each change before it is made. An error ends them, and becomes a finding."""
        try:
            yield from self.run or ()
        except CAServiceError as error:
            self.findings = findings_of(error)

    def probed(self) -> Iterator[PortReport]:
        """Yield each port of a node that has its certificate."""
        if not self.is_probed:
            return
        try:
            if self.reports is None:
                self.reports = installation().probes.probe_node(actor(), self.form.node.fqdn, self.form.ports)
            for report in self.reports:
                self.done.append(report)
                yield report
        except CAServiceError as error:
            self.findings = findings_of(error)

    @property
    def is_probed(self) -> bool:
        """Whether the ports are probed: after a run whose node has its certificate, or without a run."""
        return self.run is None or (self.run.ended is not None and not self.run.ended.waiting)

    @cached_property
    def is_uploaded(self) -> bool:
        """Whether the slot of the node has its certificate as uploaded, so that a restart may be what is left."""
        slots = installation().fleet.slots(actor(), self.form.cluster.id)
        return any(
            each.uploaded or each.verified
            for each in slots
            if each.node.id == self.form.node.id and each.purpose.service == self.form.purpose
        )

    @property
    def works(self) -> bool:
        """Whether the ports present the certificate."""
        return works(self.done)

    @property
    def summary(self) -> Phrase:
        """The sentence about all ports."""
        return summary_of(self.done, is_uploaded=self.is_uploaded)

    def steps(self) -> tuple[Step, ...]:
        """Return what is left to do on the node."""
        if not self.is_probed or self.works or not self.is_uploaded:
            return ()
        return installation().node_commands.running_steps(actor(), self.form.node.fqdn, self.form.order)

    def close(self) -> None:
        """Stop: the client has gone."""
        if self.run is not None:
            self.run.close()
        if self.reports is not None:
            self.reports.close()


@blueprint.get("/clusters/<int:cluster_id>/nodes/<int:node_id>/certificate")
@needs(Action.FLEET, dangerous=True)
def node_certificate(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Show the form for a certificate on a node; nothing is connected to."""
    return _page("start", Form.read(cluster_id, node_id))


@blueprint.post("/clusters/<int:cluster_id>/nodes/<int:node_id>/certificate/contact")
@needs(Action.FLEET)
def contact_node(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Show which certificate the node presents; no credentials are sent."""
    form = Form.read(cluster_id, node_id)
    try:
        form.require_good()
        found = installation().node_driver.contact(actor(), form.place)
    except CAServiceError as error:
        return _page("start", form, findings=findings_of(error)), status_of(error)
    return _page("contact", form, contact=found)


@blueprint.post("/clusters/<int:cluster_id>/nodes/<int:node_id>/certificate/plan")
@needs(Action.FLEET, dangerous=True)
def plan_node(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Read the node, and show what has to change."""
    form, found = Form.read(cluster_id, node_id), None
    try:
        found = form.contact()
        plan = installation().node_driver.plan(actor(), found, form.credentials, form.order)
        commands = installation().node_commands
        steps = commands.preparing_steps(actor(), plan, form.order)
    except CAServiceError as error:
        return _again(form, found, error)
    return _page("plan", form, contact=found, plan=plan, steps=steps)


@blueprint.post("/clusters/<int:cluster_id>/nodes/<int:node_id>/certificate/apply")
@needs(Action.FLEET, dangerous=True)
def apply_node(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Make the confirmed changes; each is shown as it begins."""
    form, found = Form.read(cluster_id, node_id), None
    confirmed = request.form.getlist("confirmed")[:_MAX_ENTRIES]
    try:
        form.require_good()
        found = form.contact()
        changes = installation().node_driver.apply(actor(), found, form.credentials, form.order, confirmed)
    except CAServiceError as error:
        return _again(form, found, error)
    return _growing(NodeRun(changes, form))


def _growing(run: NodeRun) -> Response:
    page = stream_template("node.html", stage="run", form=run.form, findings=(), run=run)
    response = Response(stream_with_context(page), content_type="text/html; charset=utf-8")
    response.call_on_close(run.close)  # the client may have gone, and the template keeps the run in a cycle
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the rows until the last one
    return response


@blueprint.post("/clusters/<int:cluster_id>/nodes/<int:node_id>/certificate/probe")
@needs(Action.FLEET)
def probe_node(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Look at the ports of the node, as after a restart; its slots move."""
    form = Form.read(cluster_id, node_id)
    try:
        reports = installation().probes.probe_node(actor(), form.node.fqdn, form.ports)
    except CAServiceError as error:
        return _page("start", form, findings=findings_of(error)), status_of(error)
    return _growing(NodeRun(None, form, reports=reports))


def _again(form: Form, found: Contact | None, error: CAServiceError) -> ResponseReturnValue:
    """Show the page that can put an error right: the one with the password, or the first."""
    findings = findings_of(error)
    if found is None:
        return _page("start", form, findings=findings), status_of(error)
    return _page("contact", form, findings=findings, contact=found), status_of(error)


def _page(stage: str, form: Form, *, findings: tuple[Finding, ...] = (), **more: object) -> str:
    return render_template(
        "node.html",
        stage=stage,
        form=form,
        findings=findings,
        product=get_product(form.node.product),
        curves=tuple(CURVES),
        is_ours=Warrant.ISSUED,
        fingerprint_groups=fingerprint_groups,
        name_text=names.name_text,
        name_label=names.label,
        **more,
    )


def _is_port(number: int | None) -> bool:
    return number is not None and 0 < number < 65536


def _text(name: str, default: str = "") -> str:
    """Return a field of the form, which the link of a board may fill in. Passwords are read from the form alone."""
    return request.form.get(name, request.args.get(name, default)).strip()[:_MAX_TEXT]
