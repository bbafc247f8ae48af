"""New certificates: add CSRs, review them, sign. Nothing is stored before signing.

`POST /` is the address of the form: both the overview and this page have it.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.issuance.examination import Options
from ca_service.authority.issuance.issuance import Issued
from ca_service.errors import CAServiceError, Finding, InvalidInput, Refused
from ca_service.pki.profiles import LEAF_PROFILES, VOS
from ca_service.vos.destinations import NOWHERE
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES
from ca_service.vos.samples import sample_csrs
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.requests import to_waiting
from ca_service.web.pages.review import MOST_CARDS, Review, table_of
from ca_service.web.pages.submission import (
    Submitted,
    hints_of,
    included_requests,
    new_requests,
    submitted_options,
    submitted_requests,
    was_reviewed,
)
from ca_service.web.problems import status_of


@blueprint.get("/sign")
@needs(Action.CHECK)
def new() -> ResponseReturnValue:
    """Show the empty form."""
    return _page(Options())


@blueprint.post("/")
@needs(Action.CHECK)
def check() -> ResponseReturnValue:
    """Show the form again, with the contents of the CSRs."""
    options = Options()
    try:
        options, submitted = submitted_options(), submitted_requests()
        return _page(options, _reviews(submitted, options))
    except InvalidInput as error:
        return _page(options, findings=error.findings), status_of(error)


@blueprint.post("/sign/samples")
@needs(Action.CHECK)
def samples() -> ResponseReturnValue:
    """Review sample CSRs, made now. Only the form keeps them."""
    submitted = tuple(Submitted(name, data) for name, data in sample_csrs())
    return _page(Options(), _reviews(submitted, Options()))


@blueprint.post("/sign")
@needs(Action.ISSUE)
def sign() -> ResponseReturnValue:
    """Sign the selected CSRs, all or none, and show the result or the requests that wait for approval."""
    options, submitted = Options(), tuple[Submitted, ...]()
    try:
        options, submitted = submitted_options(), submitted_requests()
        if new_requests():
            return _page(options, _reviews(submitted, options))  # new CSRs are reviewed first
        chosen = included_requests(submitted)
        hints = dict(zip(submitted, hints_of(submitted, options.profile), strict=True))
        issued = installation().issuance.issue(
            actor(), [each.data for each in chosen], options, hints=[hints[each] for each in chosen]
        )
    except Refused as error:  # the reviews show its findings
        return _page(options, _reviews(submitted, options)), status_of(error)
    except CAServiceError as error:
        # Invalid input before the CSRs were read leaves nothing to review.
        reviews = () if isinstance(error, InvalidInput) and not submitted else _reviews(submitted, options)
        return _page(options, reviews, error.findings), status_of(error)
    if issued.waiting:
        return to_waiting(issued.waiting)
    return redirect(url_for("pages.issued", **_result(issued, options)), 303)


def _result(issued: Issued, options: Options) -> dict[str, Any]:
    """Return the URL parameters of the result: serial numbers and options."""
    given = {"validity_days": options.validity_days, "new": options.new, "add_host_name": options.add_host_name}
    parameters = {name: "true" if value is True else value for name, value in given.items() if value}
    return {"serial": [record.serial_number for record in issued.certificates], **parameters}


def _reviews(submitted: tuple[Submitted, ...], options: Options) -> tuple[Review, ...]:
    if not submitted:
        return ()
    hints = hints_of(submitted, options.profile)
    examinations = installation().issuance.check(actor(), [each.data for each in submitted], options, hints)
    known = installation().host_products.find(actor(), {each.host for each in examinations})
    reviews, carried = list[Review](), 0
    for number, (each, examination) in enumerate(zip(submitted, examinations, strict=True)):
        text = each.pem if examination.request else ""
        chosen = hints[number].destination
        if not was_reviewed(number):
            chosen = examination.destination | known.get(examination.host, NOWHERE)
        reviews.append(Review(each.label, examination, text, carried, chosen))
        carried += bool(text)
    return tuple(reviews)


def _page(options: Options, reviews: tuple[Review, ...] = (), findings: tuple[Finding, ...] = ()) -> str:
    return render_template(
        "new.html",
        options=options,
        reviews=reviews,
        table=table_of(reviews) if len(reviews) > MOST_CARDS else None,
        findings=findings,
        profiles=LEAF_PROFILES.values(),
        purposes=tuple(PURPOSES),
        products=tuple(products().values()),
        is_vos=options.profile == VOS.name,
        default_days=installation().issuance.default_days,
        ready=sum(not review.examination.is_refused for review in reviews),
        waits=any(review.examination.needs_decision for review in reviews),
        was_sent=request.method == "POST",
        may_sign=actor().role in PERMISSIONS[Action.ISSUE],
        wants_host_name=any(_has(review, "san.missing") for review in reviews),
        offers_server=bool(reviews) and all(_has(review, "profile.server") for review in reviews),
    )


def _has(review: Review, rule: str) -> bool:
    return any(found.rule == rule for found in review.examination.findings)
