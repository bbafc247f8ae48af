"""Decision on several requests together, such as those of one submission: side by side, with one note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action, Actor
from ca_service.authority.issuance.decisions import MAX_COUNT, MAX_NOTE, Review
from ca_service.authority.issuance.records import RequestRecord
from ca_service.errors import Conflict, Finding, InvalidInput, NotAllowed, Rule
from ca_service.web.context import actor, installation, needs
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.pages.requests import destinations_of

REQUEST_NONE_CHOSEN: Final = Rule(
    "request.none-chosen",
    "No request was selected, or more than {limit}.",
    "Select one in the list of requests.",
)
_MAX_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """One property of the requests: a group of texts for each. Equal ones are shown once."""

    name: str
    values: tuple[tuple[str, ...], ...]

    @property
    def is_same(self) -> bool:
        """Whether it is the same for all."""
        return len(set(self.values)) == 1


@blueprint.get("/requests/decide")
@needs(Action.DECIDE)
def decide_requests() -> ResponseReturnValue:
    """Show the selected requests side by side."""
    return _page(_chosen())


@blueprint.post("/requests/approve")
@needs(Action.DECIDE, dangerous=True)
def approve_requests() -> ResponseReturnValue:
    """Approve the selected requests, and sign them."""
    return _decide(installation().requests.approve)


@blueprint.post("/requests/refuse")
@needs(Action.DECIDE)
def refuse_requests() -> ResponseReturnValue:
    """Refuse the selected requests with one note."""
    return _decide(installation().requests.refuse)


def _decide(decide: Callable[[Actor, int, str], RequestRecord]) -> ResponseReturnValue:
    """Decide on one after the other: one that another person decided on first does not stop the rest."""
    chosen, findings = _chosen(), list[Finding]()
    for each in chosen:
        try:
            decide(actor(), each.id, request.form.get("note", ""))
        except (InvalidInput, Conflict, NotAllowed) as error:
            findings += [each for each in error.findings if each not in findings]
    if findings:
        return _page(_chosen(), findings), 409
    return redirect(url_for("pages.requests", decided=len(chosen)), 303)


def _chosen() -> list[RequestRecord]:
    """Return the requests that were selected. Raises NotFound for one that the actor does not see."""
    numbers = [whole_number(text, _MAX_DIGITS) or 0 for text in dict.fromkeys(request.values.getlist("request"))]
    if not 1 <= len(numbers) <= MAX_COUNT:
        raise InvalidInput(REQUEST_NONE_CHOSEN.at("/request", limit=MAX_COUNT))
    return [installation().requests.get(actor(), number) for number in numbers]


def _page(records: Sequence[RequestRecord], findings: Sequence[Finding] = ()) -> str:
    open_ones = [each for each in records if each.is_undecided and not each.is_of(actor())]
    reviews = [installation().requests.review(actor(), each) for each in records]
    return render_template(
        "decide.html",
        records=records,
        reviews=reviews,
        facts=[fact for fact in _facts(records, reviews) if any(fact.values)],
        ready=open_ones,
        requesters=list(dict.fromkeys(each.submitted_by for each in records)),
        findings=findings,
        note=request.form.get("note", "")[:MAX_NOTE],
        max_note=MAX_NOTE,
        now=installation().clock(),
    )


def _facts(records: Sequence[RequestRecord], reviews: Sequence[Review]) -> list[Fact]:
    destinations = destinations_of(records, reviews)
    descriptions = [review.examination.description for review in reviews]
    return [
        Fact("purpose", tuple((each.purpose,) if each.purpose else () for each in destinations)),
        Fact("product", tuple((each.product_text,) if each.product else () for each in destinations)),
        Fact("names", tuple(each.names for each in records)),
        Fact("subject", tuple((each.subject,) for each in records)),
        Fact("key", tuple((each.key, each.signature) if each else () for each in descriptions)),
        Fact("usages", tuple((*each.key_usage, *each.extended_key_usage) if each else () for each in descriptions)),
        Fact("days", tuple((str(review.examination.days),) for review in reviews)),
        Fact("profile", tuple((each.options.profile,) for each in records)),
        Fact("requester", tuple((each.submitted_by,) for each in records)),
    ]
