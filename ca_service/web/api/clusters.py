"""Clusters: create them, place CSRs, see the board, fetch bundle and runbook, mark steps, look at the ports."""

from __future__ import annotations

from typing import Final

from flask import Response

from ca_service.authority.access.permissions import Action
from ca_service.authority.fleet.clusters import NodeInput
from ca_service.authority.fleet.matching import match, missing_csrs
from ca_service.authority.fleet.records import ClusterQuery
from ca_service.documents.fleet import (
    ClusterDocument,
    ClustersDocument,
    PlacementsDocument,
    RemovedClusterDocument,
)
from ca_service.documents.runbooks import RunbookDocument
from ca_service.vos.bundle import BundleFile
from ca_service.vos.runbook import as_text
from ca_service.web.api import answers
from ca_service.web.api.answers import JSON_ONLY, LIVE_FORMS, RUNBOOK_FORMS, ZIP_ONLY, wanted_form
from ca_service.web.api.checks import reported
from ca_service.web.api.fleet_inputs import ClusterInput, ClusterListFields, MarkInput, PlaceQuery, RunbookQuery
from ca_service.web.api.inputs import NoQuery, OptionFields, ProbeQuery
from ca_service.web.api.intake import parse_object, read_body, read_submission, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, base_url, needs
from ca_service.web.delivery import attachment
from ca_service.web.forms import whole_number

_MAX_DIGITS: Final = 9  # a key that every database can hold


@needs(Action.READ)
def list_clusters() -> Response:
    """List one page of the clusters."""
    query = read_query(ClusterListFields)
    wanted_form(JSON_ONLY)
    wanted = ClusterQuery(text=query.q, sort=query.sort, cursor=query.cursor, limit=query.limit)
    page = api_services().fleet.list_clusters(actor(), wanted)
    following = answers.next_page("clusters", query.model_dump(), page.next_cursor)
    return answers.as_json(ClustersDocument.of(page, following, base_url()), following)


@needs(Action.FLEET)
def create_cluster() -> Response:
    """Create a cluster with its nodes."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    require_plain_body()
    asked = validated(ClusterInput, parse_object(read_body()), from_text=False)
    nodes = [NodeInput(each.fqdn, each.product, each.version, each.role) for each in asked.nodes]
    made = api_services().fleet.create(actor(), asked.name, nodes)
    response = _board(made.id)
    response.status_code = 201
    response.headers["Location"] = answers.address(f"clusters/{made.id}")
    return response


@needs(Action.READ)
def get_cluster(cluster_id: str) -> Response:
    """Show the board of a cluster."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    return _board(_number(cluster_id))


@needs(Action.FLEET)
def remove_cluster(cluster_id: str) -> Response:
    """Remove a cluster; its certificates stay."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    found = api_services().fleet.get_cluster(actor(), _number(cluster_id))
    api_services().fleet.remove(actor(), found.id)
    return answers.as_json(RemovedClusterDocument(removed=found.name))


@needs(Action.FLEET)
def place_csrs(cluster_id: str) -> Response:
    """Place the CSRs in the body into their slots, and have them signed if asked for."""
    query, fleet = read_query(PlaceQuery), api_services().fleet
    options = {name: getattr(query, name) for name in OptionFields.model_fields}
    submission = read_submission(OptionFields(**options))
    wanted_form(JSON_ONLY)
    cluster = fleet.get_cluster(actor(), _number(cluster_id))
    found = match(
        fleet,
        actor(),
        cluster.id,
        submission.requests,
        submission.options,
        names=submission.names,
        node=query.node or "",
    )
    placements, issued = [each.placement for each in found], None
    if query.sign and not query.preview:
        issued = fleet.sign(actor(), cluster.id, placements, submission.options)
    elif not query.preview:
        fleet.place(actor(), cluster.id, placements, submission.options)
    return answers.as_json(
        PlacementsDocument.of(
            cluster,
            found,
            submission.names,
            issued=issued,
            is_preview=bool(query.preview),
            missing=() if query.preview else missing_csrs(fleet, actor(), cluster.id),
        )
    )


@needs(Action.READ)
def get_bundle(cluster_id: str) -> Response:
    """Return all current certificates of the cluster and the runbook in one ZIP."""
    read_query(NoQuery)
    wanted_form(ZIP_ONLY)
    bundle = api_services().handover.bundle(actor(), _number(cluster_id))
    return attachment(BundleFile(bundle.name, bundle.to_zip()), "zip")


@needs(Action.FLEET)
def mark_step(cluster_id: str) -> Response:
    """Mark a step of the runbook as done, or undo that; answer with the board."""
    read_query(NoQuery)
    wanted_form(JSON_ONLY)
    require_plain_body()
    asked = validated(MarkInput, parse_object(read_body()), from_text=False)
    api_services().handover.mark(actor(), _number(cluster_id), asked.step, done=asked.done)
    return _board(_number(cluster_id))


@needs(Action.READ)
def get_runbook(cluster_id: str) -> Response:
    """Return the steps for the nodes of the cluster, as JSON or as text."""
    form = wanted_form(RUNBOOK_FORMS, read_query(RunbookQuery).format)
    board = api_services().handover.board(actor(), _number(cluster_id))
    if form == "json":
        return answers.varying(answers.as_json(RunbookDocument.of(board.runbook, board.marks)))
    return answers.varying(Response(as_text(board.runbook), content_type=RUNBOOK_FORMS["text"]))


@needs(Action.FLEET)
def probe_cluster(cluster_id: str) -> Response:
    """Look at the ports of the cluster's nodes; its slots move by what is presented."""
    form = wanted_form(LIVE_FORMS, read_query(ProbeQuery).format)
    return reported(api_services().probes.probe_cluster(actor(), _number(cluster_id)), form)


def _board(cluster_id: int) -> Response:
    board = api_services().handover.board_with_notes(actor(), cluster_id)
    return answers.as_json(ClusterDocument.of_board(board, base_url()))


def _number(text: str) -> int:
    """Return the number in an address; 0, which no cluster has, if it is not a number."""
    return whole_number(text, _MAX_DIGITS) or 0
