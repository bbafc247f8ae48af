"""Probes: a page that grows while the ports of nodes are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Response, render_template, request, stream_template, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.probing import MAX_PORTS, Reports
from ca_service.documents.probes import experience_of, not_restarted, summary_of, works
from ca_service.errors import Finding, InvalidInput
from ca_service.vos.phrases import Phrase
from ca_service.vos.served import PortReport
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

_MAX_TEXT = 20_000


@dataclass(slots=True)
class Run:
    """A probe while it runs: the template takes the reports one by one, and the rest after the last one."""

    waiting: Reports
    done: list[PortReport] = field(default_factory=list)

    def reports(self) -> Iterator[PortReport]:
        """Yield each report as soon as it is there."""
        for report in self.waiting:
            self.done.append(report)
            yield report

    @property
    def works(self) -> bool:
        """Whether all that was seen is as it should be."""
        return works(self.done)

    @property
    def summary(self) -> Phrase:
        """The sentence about all ports."""
        return summary_of(self.done)

    @property
    def not_restarted(self) -> str:
        """The hosts that were probably not restarted."""
        return ", ".join(not_restarted(self.done))

    @property
    def experience(self) -> str:
        """The experience of agents with these certificates; empty if it is not known."""
        return experience_of(self.done)


@blueprint.get("/probe")
@needs(Action.READ)
def probe() -> ResponseReturnValue:
    """Show the form, with the hosts of the URL filled in."""
    return _form(" ".join(request.args.getlist("host"))[:_MAX_TEXT])


@blueprint.post("/probe")
@needs(Action.READ)
def run_probe() -> ResponseReturnValue:
    """Look at the hosts of the form; each port is shown as soon as it is done."""
    text = request.form.get("hosts", "")[:_MAX_TEXT]
    try:
        reports = installation().probes.probe(actor(), text.replace(",", " ").split())
    except InvalidInput as error:
        return _form(text, error.findings), status_of(error)
    return growing(Run(reports), text, back=url_for("pages.probe"))


@blueprint.post("/clusters/<int:cluster_id>/probe")
@needs(Action.FLEET)
def probe_cluster(cluster_id: int) -> ResponseReturnValue:
    """Look at the nodes of a cluster; afterwards its slots are where they belong."""
    board = url_for("pages.cluster", cluster_id=cluster_id)
    try:
        reports = installation().probes.probe_cluster(actor(), cluster_id)
    except InvalidInput as error:
        return _form("", error.findings), status_of(error)
    return growing(Run(reports), "", back=board)


def _form(text: str, findings: tuple[Finding, ...] = ()) -> str:
    return render_template("probe.html", text=text, findings=findings, run=None, back="", limit=MAX_PORTS)


def growing(run: Run, text: str, back: str) -> Response:
    """Return the page that grows with the reports; `back` is where its button leads."""
    page = stream_template("probe.html", text=text, findings=(), run=run, back=back, limit=MAX_PORTS)
    response = Response(stream_with_context(page), content_type="text/html; charset=utf-8")
    response.call_on_close(run.waiting.close)  # the client may have gone, and the template keeps the probe in a cycle
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the rows until the last one
    return response
