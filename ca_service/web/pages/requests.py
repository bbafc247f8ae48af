"""Requests: the queue, the review, the decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from ca_service.authority.access.permissions import PERMISSIONS, Action, Actor
from ca_service.authority.issuance.decisions import MAX_COUNT, MAX_NOTE, Review
from ca_service.authority.issuance.records import RequestQuery, RequestRecord, State
from ca_service.errors import CAServiceError, Conflict, Finding, InvalidInput, Refused
from ca_service.pki.encodings import csr_pem
from ca_service.vos.destinations import NOWHERE, Destination
from ca_service.web.auth import signed_in_account
from ca_service.web.context import actor, installation, needs
from ca_service.web.delivery import deliver_submission
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

ALL: Final = "all"
STATES: Final = (*(state.value for state in State), ALL)
SORTS: Final = ("oldest", "newest")


@blueprint.get("/requests")
@needs(Action.READ)
def requests() -> ResponseReturnValue:
    """List the waiting requests for approvers, oldest first; for requesters their own, newest first."""
    decides = may_decide()
    state = _chosen("state", STATES, State.SUBMITTED.value if decides else ALL)
    query = RequestQuery(
        text=request.args.get("q", "")[:200],
        state=None if state == ALL else State(state),
        sort=_chosen("sort", SORTS, "oldest" if state == State.SUBMITTED else "newest"),
        cursor=request.args.get("cursor", "")[:1000],
    )
    page = installation().requests.list_requests(actor(), query)
    return render_template(
        "requests.html",
        page=page,
        submissions=_submissions(page.items),
        query=query,
        state=state,
        states=STATES,
        sorts=SORTS,
        decides=decides,
        waiting=installation().requests.count_waiting(actor()) if decides else 0,
        has_failed=decides and installation().requests.has_failed(actor()),
        max_count=MAX_COUNT,
        submitted=_submitted(),
        decided=whole_number(request.args.get("decided", ""), 3) or 0,
    )


@dataclass(frozen=True, slots=True)
class Submission:
    """Requests that one person submitted together. The actor may decide on those in `to_decide`."""

    items: tuple[RequestRecord, ...]
    to_decide: tuple[int, ...]

    @property
    def is_together(self) -> bool:
        """Whether several of the list came together, and one of them has a certificate."""
        return len(self.items) > 1 and any(each.serial_number for each in self.items)


def _submissions(records: Sequence[RequestRecord]) -> list[Submission]:
    """Return the requests of a list, in its order, by the moment and the person of their submission."""
    groups = groupby(records, key=lambda each: each.submission)
    return [_submission(tuple(items)) for _, items in groups]


def _submission(items: tuple[RequestRecord, ...]) -> Submission:
    mine = [each for each in items if may_decide() and each.is_undecided and not each.is_of(actor())]
    return Submission(items, tuple(each.id for each in mine))


def _chosen(name: str, known: tuple[str, ...], default: str) -> str:
    value = request.args.get(name, default)
    return value if value in known else default


def _submitted() -> int:
    """Return the number of requests just submitted, from the URL."""
    return whole_number(request.args.get("submitted", ""), 3) or 0


@blueprint.get("/requests/<int:request_id>", endpoint="request")
@needs(Action.READ)
def one_request(request_id: int) -> ResponseReturnValue:
    """Show a request: contents, differences to the current certificate, history."""
    return _page(installation().requests.get(actor(), request_id))


@blueprint.get("/requests/<int:request_id>/submission")
@needs(Action.READ)
def submission(request_id: int) -> ResponseReturnValue:
    """Show the requests that were submitted together with this one: their certificates, and what has none."""
    found = installation().requests.list_submission(actor(), request_id)
    signed = [each for each in found if each.serial_number]
    return render_template(
        "submission.html",
        records=found,
        signed=signed,
        others=[each for each in found if not each.serial_number],
        revoked=[each.host for each in signed if not _is_good(each)],
        serials=list(dict.fromkeys(each.serial_number for each in signed)),
    )


@blueprint.get("/requests/<int:request_id>/submission.zip")
@needs(Action.READ)
def download_submission(request_id: int) -> Response:
    """Download the bundles of all certificates of a submission in one ZIP."""
    return deliver_submission(installation().requests.list_submission(actor(), request_id))


@blueprint.post("/requests/<int:request_id>/approve")
@needs(Action.DECIDE, dangerous=True)
def approve(request_id: int) -> ResponseReturnValue:
    """Approve a request or try a failed one again, and sign it."""
    return _decide(request_id, installation().requests.approve)


@blueprint.post("/requests/<int:request_id>/refuse")
@needs(Action.DECIDE)
def refuse(request_id: int) -> ResponseReturnValue:
    """Refuse a request with a note."""
    return _decide(request_id, installation().requests.refuse)


@blueprint.post("/requests/<int:request_id>/withdraw")
@needs(Action.ISSUE)
def withdraw(request_id: int) -> ResponseReturnValue:
    """Withdraw a request."""
    return _decide(request_id, installation().requests.withdraw)


@blueprint.post("/requests/<int:request_id>/submit-again")
@needs(Action.ISSUE)
def submit_again(request_id: int) -> ResponseReturnValue:
    """Submit the CSR of a refused or withdrawn request again."""
    try:
        issued = installation().requests.submit_again(actor(), request_id)
    except (Refused, Conflict) as error:
        return _page(installation().requests.get(actor(), request_id), error), status_of(error)
    if issued.waiting:
        return to_waiting(issued.waiting)
    return redirect(url_for("pages.issued", serial=[each.serial_number for each in issued.certificates]), 303)


def _decide(request_id: int, decide: Callable[[Actor, int, str], RequestRecord]) -> ResponseReturnValue:
    try:
        found = decide(actor(), request_id, request.form.get("note", ""))
    except (InvalidInput, Conflict) as error:
        return _page(installation().requests.get(actor(), request_id), error), status_of(error)
    return to_request(found)


def to_request(found: RequestRecord, submitted: int | None = None) -> Response:
    """Redirect to the request, so that a reload submits nothing twice."""
    return redirect(url_for("pages.request", request_id=found.id, submitted=submitted), 303)


def to_waiting(waiting: tuple[RequestRecord, ...]) -> Response:
    """Redirect to the requests that were just submitted."""
    if len(waiting) == 1:
        return to_request(waiting[0], submitted=1)
    return redirect(url_for("pages.requests", state=ALL, submitted=len(waiting)), 303)


def _page(found: RequestRecord, error: CAServiceError | None = None) -> str:
    review = installation().requests.review(actor(), found)
    is_own = found.is_of(actor())
    findings: tuple[Finding, ...] = error.findings if error else ()
    return render_template(
        "request.html",
        record=found,
        review=review,
        destination=destinations_of([found], [review])[0],
        together=len(installation().requests.list_submission(actor(), found.id)),
        findings=findings,
        told=review.examination.findings if found.is_undecided else found.findings,
        note=request.form.get("note", "")[:MAX_NOTE] if error else "",
        csr=csr_pem(found.csr_der),
        is_own=is_own,
        decides=may_decide(),
        may_withdraw=found.is_undecided and _may_withdraw(is_own),
        following=installation().requests.find_next(actor(), found) if may_decide() else None,
        submitted=_submitted(),
        is_good=_is_good(found),
        max_note=MAX_NOTE,
        now=installation().clock(),
    )


def destinations_of(records: Sequence[RequestRecord], reviews: Sequence[Review]) -> list[Destination]:
    """Return what the steps of each certificate follow: its purpose, and the product and version of its host."""
    known = installation().host_products.find(actor(), {each.host for each in records})
    purposes = [review.examination.destination for review in reviews]
    return [
        purpose | known.get(record.host, NOWHERE) if purpose.purpose else NOWHERE
        for record, purpose in zip(records, purposes, strict=True)
    ]


def _is_good(found: RequestRecord) -> bool:
    """Return whether its certificate is neither revoked nor on hold."""
    revocation = installation().revocation.find(actor(), found.serial_number) if found.serial_number else None
    return revocation is None or revocation.is_good


def _may_withdraw(is_own: bool) -> bool:
    """Return whether the page offers to withdraw. Approvers of others' requests refuse with a note instead."""
    return is_own and actor().role in PERMISSIONS[Action.ISSUE]


@blueprint.app_template_global("waiting_requests")
def waiting_requests() -> int:
    """Return how many requests the menu shows as waiting: for approvers; 0 if it cannot be read."""
    account = signed_in_account()  # public pages, which have no actor, show the menu too
    if account is None or account.role not in PERMISSIONS[Action.DECIDE]:
        return 0
    try:
        return installation().requests.count_waiting(account.actor)
    except CAServiceError:  # the page itself says so
        return 0


def may_decide() -> bool:
    """Return whether the actor may decide on requests of others."""
    return actor().role in PERMISSIONS[Action.DECIDE]
