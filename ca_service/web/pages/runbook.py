"""The runbook of a cluster: its steps with their marks, and the bundle that goes with it."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.vos.bundle import BundleFile
from ca_service.vos.knowledge import titles
from ca_service.web.context import actor, installation, needs
from ca_service.web.delivery import attachment
from ca_service.web.pages import blueprint
from ca_service.web.pages.clusters import may_change


@blueprint.get("/clusters/<int:cluster_id>/runbook")
@needs(Action.READ)
def runbook(cluster_id: int) -> ResponseReturnValue:
    """The steps for exactly these nodes; `?node=` shows those of one node alone."""
    board = installation().handover.board(actor(), cluster_id)
    names = [node.fqdn for node in board.cluster.nodes]
    node = request.args.get("node", "")
    return render_template(
        "runbook.html",
        board=board,
        names=names,
        node=node if node in names else "",
        titles=titles,
        may_change=may_change(),
    )


@blueprint.post("/clusters/<int:cluster_id>/steps")
@needs(Action.FLEET)
def mark_step(cluster_id: int) -> ResponseReturnValue:
    """Mark a step as done, or take that back; then back to where the click was made."""
    step, done = request.form.get("step", ""), request.form.get("done") == "true"
    installation().handover.mark(actor(), cluster_id, step, done=done)
    if request.form.get("back") == "board":
        return redirect(url_for("pages.cluster", cluster_id=cluster_id), 303)
    anchor = request.form.get("anchor", "")
    node = request.form.get("node") or None
    return redirect(url_for("pages.runbook", cluster_id=cluster_id, node=node, _anchor=anchor[:40] or None), 303)


@blueprint.get("/clusters/<int:cluster_id>/bundle.zip")
@needs(Action.READ)
def cluster_bundle(cluster_id: int) -> Response:
    """All current certificates of the cluster in one ZIP, with the runbook."""
    bundle = installation().handover.bundle(actor(), cluster_id)
    return attachment(BundleFile(bundle.name, bundle.to_zip()), "zip")
