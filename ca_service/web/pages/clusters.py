"""Clusters: list, creation, board, nodes."""

from __future__ import annotations

from typing import Any, Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.audit.wording import About
from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.fleet.matching import missing_csrs
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.errors import CAServiceError, Conflict, Finding, InvalidInput
from ca_service.pki.encodings import csr_pem
from ca_service.vos.products import products
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

SORTS: Final = ("name", "newest")
_ROWS: Final = 3
_MAX_ROWS: Final = 20
_FIELDS: Final = ("fqdn", "product", "version", "role")
_NO_NODE: Final = NodeInput("", "", "", "")
#: Usual clusters, as rows to fill in: product and role of each node.
PRESETS: Final = {
    "contact-centre": (("uccx", "publisher"), ("uccx", "subscriber"), ("socialminer", "single server")),
    "calls": (("cucm", "publisher"), ("cucm", "subscriber"), ("imp", "publisher"), ("imp", "subscriber")),
    "mailboxes": (("cuc", "publisher"), ("cuc", "subscriber")),
    "finesse": (("finesse", "primary"), ("finesse", "secondary"), ("cuic", "publisher"), ("cuic", "subscriber")),
}


@blueprint.get("/clusters")
@needs(Action.READ)
def clusters() -> ResponseReturnValue:
    """List the clusters; searched by cluster or node name."""
    sort = request.args.get("sort", SORTS[0])
    query = ClusterQuery(
        text=request.args.get("q", "")[:200],
        sort=sort if sort in SORTS else SORTS[0],
        cursor=request.args.get("cursor", "")[:1000],
    )
    page = installation().fleet.list_clusters(actor(), query)
    return render_template("clusters.html", page=page, query=query, sorts=SORTS, may_change=may_change())


@blueprint.route("/clusters/new", methods=["GET", "POST"])
@needs(Action.FLEET)
def new_cluster() -> ResponseReturnValue:
    """Create a cluster; `?preset=` chooses products and roles. The button for more rows keeps what the form has."""
    rows = sorted(_submitted_rows(), key=lambda row: not row.fqdn)  # the findings count the rows with a name
    if request.method == "GET" and (preset := PRESETS.get(request.args.get("preset", ""))):
        return _new_page([NodeInput("", product, "", role) for product, role in preset], len(preset))
    if request.method == "GET" or "more" in request.form:
        return _new_page(rows, _wanted_rows(len(rows)))
    try:
        nodes = [row for row in rows if row.fqdn]
        made = installation().fleet.create(actor(), request.form.get("name", ""), nodes)
    except (InvalidInput, Conflict) as error:
        return _new_page(rows, len(rows), error.findings), status_of(error)
    return to_board(made.id)


def _submitted_rows() -> list[NodeInput]:
    columns = [request.form.getlist(name)[:_MAX_ROWS] for name in _FIELDS]
    return [NodeInput(*(value.strip() for value in row)) for row in zip(*columns, strict=False)]


def _wanted_rows(count: int) -> int:
    return min(_MAX_ROWS, count + _ROWS)


def _new_page(rows: list[NodeInput], count: int, findings: tuple[Finding, ...] = ()) -> str:
    shown = [*rows, *[_NO_NODE] * (count - len(rows))]
    return render_template(
        "cluster_new.html",
        name=request.form.get("name", ""),
        rows=shown,
        may_have_more=len(shown) < _MAX_ROWS,
        findings=findings,
        **product_choices(),
    )


@blueprint.get("/clusters/<int:cluster_id>")
@needs(Action.READ)
def cluster(cluster_id: int) -> ResponseReturnValue:
    """Show the board: the status of each slot and the next steps."""
    missing = missing_csrs(installation().fleet, actor(), cluster_id) if request.args.get("signed") else ()
    return board_page(cluster_id, missing)


def board_page(cluster_id: int, findings: tuple[Finding, ...] = (), open_part: str = "") -> str:
    """Render the board, with the findings of one of its forms."""
    board = installation().handover.board_with_notes(actor(), cluster_id)
    about = board.cluster
    return render_template(
        "cluster.html",
        board=board,
        history=installation().audit_log.history(actor(), About.CLUSTER, about.name, about.created_at),
        findings=findings,
        open_part=open_part,
        no_node=_NO_NODE,
        request_pem=csr_pem,
        may_change=may_change(),
        may_revoke=actor().role in PERMISSIONS[Action.REVOKE],
        now=installation().clock(),
        **product_choices(),
    )


@blueprint.post("/clusters/<int:cluster_id>/name")
@needs(Action.FLEET)
def rename_cluster(cluster_id: int) -> ResponseReturnValue:
    """Rename the cluster."""
    try:
        installation().fleet.rename(actor(), cluster_id, request.form.get("name", ""))
    except (InvalidInput, Conflict) as error:
        return _refused(cluster_id, error, "edit")
    return to_board(cluster_id)


@blueprint.post("/clusters/<int:cluster_id>/remove")
@needs(Action.FLEET)
def remove_cluster(cluster_id: int) -> ResponseReturnValue:
    """Remove the cluster if the checkbox confirms it. Its certificates are kept."""
    if request.form.get("sure") != "true":
        return to_board(cluster_id)
    installation().fleet.remove(actor(), cluster_id)
    return redirect(url_for("pages.clusters"), 303)


@blueprint.post("/clusters/<int:cluster_id>/nodes")
@needs(Action.FLEET)
def add_node(cluster_id: int) -> ResponseReturnValue:
    """Add a node."""
    try:
        installation().fleet.add_node(actor(), cluster_id, _submitted_node())
    except (InvalidInput, Conflict) as error:
        return _refused(cluster_id, error, "edit")
    return to_board(cluster_id)


@blueprint.post("/clusters/<int:cluster_id>/nodes/<int:node_id>")
@needs(Action.FLEET)
def change_node(cluster_id: int, node_id: int) -> ResponseReturnValue:
    """Change name, product, version or role of a node, or remove it if that button was used."""
    try:
        if "remove" in request.form:
            installation().fleet.remove_node(actor(), cluster_id, node_id)
        else:
            installation().fleet.change_node(actor(), cluster_id, node_id, _submitted_node())
    except (InvalidInput, Conflict) as error:
        return _refused(cluster_id, error, "edit")
    return to_board(cluster_id)


def _submitted_node() -> NodeInput:
    return NodeInput(*(request.form.get(name, "").strip() for name in _FIELDS))


def _refused(cluster_id: int, error: CAServiceError, open_part: str) -> ResponseReturnValue:
    return board_page(cluster_id, error.findings, open_part), status_of(error)


def to_board(cluster_id: int) -> Response:
    """Redirect to the board, so that a reload submits nothing twice."""
    return redirect(url_for("pages.cluster", cluster_id=cluster_id), 303)


def may_change() -> bool:
    """Return whether the actor may change clusters."""
    return actor().role in PERMISSIONS[Action.FLEET]


def product_choices() -> dict[str, Any]:
    """Return the choices for the fields of a node."""
    roles = dict.fromkeys(role for product in products().values() for role in product.roles)
    return {"products": tuple(products().values()), "products_by_id": products(), "roles": tuple(roles)}
