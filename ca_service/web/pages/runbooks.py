"""The runbook of a cluster as a guide: one open step, marks, the files of the steps, the bundle."""

from __future__ import annotations

import hashlib

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ca_service.authority.access.permissions import Action
from ca_service.errors import Conflict, Finding, NotFound
from ca_service.vos.bundle import BundleFile
from ca_service.vos.knowledge import titles
from ca_service.web.context import actor, installation, needs
from ca_service.web.delivery import attachment, step_file
from ca_service.web.guide import guide_of
from ca_service.web.pages import blueprint
from ca_service.web.pages.certificates import FILE_UNKNOWN
from ca_service.web.pages.clusters import may_change, product_choices
from ca_service.web.views import FileLink, FileView


@blueprint.get("/clusters/<int:cluster_id>/runbook")
@needs(Action.READ)
def runbook(cluster_id: int) -> ResponseReturnValue:
    """Show one step with its files, the others in a line; `?step=` opens a step, `?node=` limits them to a node."""
    board = installation().handover.board(actor(), cluster_id)
    asked = request.args.get("node", "")
    node = asked if asked in {each.fqdn for each in board.cluster.nodes} else ""
    guide = guide_of(board, node, request.args.get("step", ""))
    files, findings = _files(cluster_id)
    named = {path: files[path] for path in (guide.open.step.files if guide.open else ()) if path in files}
    return render_template(
        "runbook.html",
        board=board,
        guide=guide,
        node=node,
        links={path: _link(cluster_id, path) for path in named},
        texts=[FileView(path, "", data.decode(), hashlib.sha256(data).hexdigest()) for path, data in named.items()],
        findings=findings,
        titles=titles,
        may_change=may_change(),
        products_by_id=product_choices()["products_by_id"],
    )


def _files(cluster_id: int) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """Return the files of the steps; none, and the reason, if nodes must not trust the authority."""
    try:
        return installation().handover.files(actor(), cluster_id), ()
    except Conflict as error:
        return {}, error.findings


def _link(cluster_id: int, path: str) -> FileLink:
    return FileLink(
        path.rpartition("/")[2], f"file-{path}", url_for("pages.cluster_file", cluster_id=cluster_id, path=path)
    )


@blueprint.post("/clusters/<int:cluster_id>/steps")
@needs(Action.FLEET)
def mark_step(cluster_id: int) -> ResponseReturnValue:
    """Mark a step as done and go to the next one, or undo that and go to the step; or return to the board."""
    step, done = request.form.get("step", ""), request.form.get("done") == "true"
    handover = installation().handover
    handover.mark(actor(), cluster_id, step, done=done)
    if request.form.get("back") == "board":
        return redirect(url_for("pages.cluster", cluster_id=cluster_id), 303)
    node = request.form.get("node", "")
    following = guide_of(handover.board(actor(), cluster_id), node, step).following if done else None
    shown = following.step.key if following else None if done else step
    place = url_for("pages.runbook", cluster_id=cluster_id, node=node or None, step=shown, _anchor="open")
    return redirect(place, 303)


@blueprint.get("/clusters/<int:cluster_id>/files/<path:path>")
@needs(Action.READ)
def cluster_file(cluster_id: int, path: str) -> Response:
    """Download a file that a step names, by its path in the bundle.

    Raises Conflict if a node would trust a revoked authority with it.
    """
    found = installation().handover.files(actor(), cluster_id).get(path)
    if found is None:
        raise NotFound.because(FILE_UNKNOWN, name=path[:100])
    return step_file(BundleFile(path.rpartition("/")[2], found))


@blueprint.get("/clusters/<int:cluster_id>/bundle.zip")
@needs(Action.READ)
def cluster_bundle(cluster_id: int) -> Response:
    """Download all current certificates of the cluster and the runbook in one ZIP."""
    bundle = installation().handover.bundle(actor(), cluster_id)
    return attachment(BundleFile(bundle.name, bundle.to_zip()), "zip")
