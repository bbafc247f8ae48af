"""CSRs for a cluster: add them together, match them to nodes, keep or sign them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.fleet.placement import SLOT_UNUSED, Choice, Placement, Proposal
from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError, Finding, InvalidInput, Refused, Rule
from ca_service.vos.destinations import purpose_in
from ca_service.vos.purposes import PURPOSES
from ca_service.web.context import actor, installation, needs
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.pages.clusters import to_board
from ca_service.web.pages.submission import Submitted, new_requests, submitted_options, submitted_requests
from ca_service.web.problems import status_of

CSR_NONE_SELECTED: Final = Rule(
    "csr.none-selected",
    "No CSR was added, or none is selected.",
    "Drop the .csr files of the nodes, or a ZIP of them, and select the ones to sign.",
)


@dataclass(frozen=True, slots=True)
class Review:
    """A CSR on the review and its place. `number` counts the CSRs kept in the form."""

    label: str
    proposal: Proposal
    text: str
    number: int
    node_id: int
    purpose: str
    is_multi_server: bool
    is_included: bool


@blueprint.post("/clusters/<int:cluster_id>/requests")
@needs(Action.FLEET)
def place_requests(cluster_id: int) -> ResponseReturnValue:
    """Match the CSRs to nodes, keep them, or sign them, depending on the button."""
    options, submitted = Options(), tuple[Submitted, ...]()
    try:
        options, submitted = submitted_options(), submitted_requests()
        if not submitted:
            raise InvalidInput(_nothing())
        wanted = request.form.get("do", "review")
        if wanted not in ("sign", "keep") or new_requests():  # new CSRs are reviewed first
            return _page(cluster_id, submitted, options)
        return _carry_out(cluster_id, wanted, _placements(submitted), options)
    except InvalidInput as error:
        return _page(cluster_id, submitted, options, error.findings), status_of(error)
    except Refused as error:
        return _page(cluster_id, submitted, options, _not_shown_anyway(error)), status_of(error)


def _carry_out(
    cluster_id: int, wanted: str, placements: tuple[Placement, ...], options: Options
) -> ResponseReturnValue:
    fleet = installation().fleet
    if wanted == "keep":
        fleet.place(actor(), cluster_id, placements, options)
        return to_board(cluster_id)
    issued = fleet.sign(actor(), cluster_id, placements, options)
    waiting = len(issued.waiting) or None
    signed = None if waiting else len(placements)
    return redirect(url_for("pages.cluster", cluster_id=cluster_id, signed=signed, waiting=waiting), 303)


def _placements(submitted: tuple[Submitted, ...]) -> tuple[Placement, ...]:
    """Return the selected CSRs with their places. Raises InvalidInput if none is selected."""
    marked = set(request.form.getlist("include"))
    found = tuple(
        Placement(each.data, _node_id(number), _purpose(number), _is_multi_server(number))
        for number, each in enumerate(submitted)
        if str(number) in marked
    )
    if not found:
        raise InvalidInput(_nothing())
    return found


def _node_id(number: int) -> int:
    return whole_number(request.form.get(f"node-{number}", ""), 15) or 0


def _purpose(number: int) -> str:
    return request.form.get(f"purpose-{number}", "")


def _is_multi_server(number: int) -> bool:
    return request.form.get(f"multi-{number}") == "true"


def _nothing() -> Finding:
    return CSR_NONE_SELECTED.at("/csr")


def _not_shown_anyway(error: CAServiceError) -> tuple[Finding, ...]:
    """Return the findings about places; the review shows all others itself."""
    return tuple(found for found in error.findings if found.rule.startswith(("node.", "slot.", "purpose.")))


def _page(
    cluster_id: int, submitted: tuple[Submitted, ...], options: Options, findings: tuple[Finding, ...] = ()
) -> str:
    return render_template(
        "placing.html",
        cluster=installation().fleet.get_cluster(actor(), cluster_id),
        reviews=_reviews(cluster_id, submitted, options),
        options=options,
        findings=findings,
        purposes=tuple(PURPOSES),
        default_days=installation().issuance.default_days,
        may_sign=actor().role in PERMISSIONS[Action.ISSUE],
    )


def _reviews(cluster_id: int, submitted: tuple[Submitted, ...], options: Options) -> tuple[Review, ...]:
    if not submitted:
        return ()
    choices = [_choice(number, each.label) for number, each in enumerate(submitted)]
    requests = [each.data for each in submitted]
    proposals = installation().fleet.propose(actor(), cluster_id, requests, options, choices)
    reviews, carried = list[Review](), 0
    for each, proposal in zip(submitted, proposals, strict=True):
        reviews.append(_review(each, proposal, carried))
        carried += bool(reviews[-1].text)
    return tuple(reviews)


def _review(submitted: Submitted, proposal: Proposal, number: int) -> Review:
    """Return a CSR with its proposed place, or with the place selected in the form."""
    verified = proposal.examination.request
    was_seen = f"node-{number}" in request.form and bool(verified)
    proposed = proposal.node.id if proposal.node else 0
    return Review(
        label=submitted.label,
        proposal=proposal,
        text=submitted.pem if verified else "",
        number=number,
        node_id=_node_id(number) if was_seen else proposed,
        purpose=_purpose(number) if was_seen else proposal.purpose.service,
        is_multi_server=_is_multi_server(number) if was_seen else proposal.is_multi_server,
        is_included=str(number) in request.form.getlist("include") if was_seen else not _is_unused(proposal),
    )


def _is_unused(proposal: Proposal) -> bool:
    """Return whether the node will not use the certificate: such a CSR is left out unless it is selected."""
    return any(found.declared == SLOT_UNUSED for found in proposal.findings)


def _choice(number: int, label: str) -> Choice:
    """Return the place selected in the form, or for a new CSR the purpose in its file name.

    CSRs kept in the form come first, in the order of their numbers.
    """
    if f"node-{number}" in request.form:
        return Choice(_node_id(number), _purpose(number))
    found = purpose_in(label)
    return Choice(purpose=found.service if found else "")
