"""The operations of the API on requests: one row each."""

from __future__ import annotations

from typing import Final

from ca_service.documents.requests import RequestDocument, RequestsDocument
from ca_service.web.api import examples, inputs
from ca_service.web.api.answers import SUBMISSION_FORMS
from ca_service.web.api.operation import READ_PROBLEMS, Operation, curl


def _decision(verb: str, summary: str, description: str) -> Operation:
    """Return a decision, which always takes a note."""
    return Operation(
        id=f"{verb}Request",
        method="POST",
        path=f"/api/v1/requests/{{request_id}}/{verb}",
        summary=summary,
        description=description,
        curl=curl(
            f"-F note='{examples.DECIDED[f'{verb}Request']['note']}' \"{{base_url}}/api/v1/requests/REQUEST_ID/{verb}\""
        ),
        answers={200: "The request after the decision."},
        answer=RequestDocument,
        takes=inputs.DecisionInput,
        problems=(*READ_PROBLEMS, 404, 409, 413, 415, 504),
    )


REQUESTS: Final = (
    Operation(
        id="listRequests",
        method="GET",
        path="/api/v1/requests",
        summary="List requests",
        description=(
            "Lists one page of the submitted requests: all of them, or only their own for accounts that may read no "
            "more. `next` and Link hold the address of the next page."
        ),
        curl=curl('"{base_url}/api/v1/requests?state=submitted&sort=oldest"'),
        answers={200: "One page of the requests."},
        answer=RequestsDocument,
        query=inputs.RequestListFields,
    ),
    Operation(
        id="getRequest",
        method="GET",
        path="/api/v1/requests/{request_id}",
        summary="Get a request, or wait for its decision",
        description=(
            "Returns the request with this number. With `wait`, the answer comes after the decision or after this many "
            "seconds, or sooner if many clients wait. While the request is open, Retry-After says when to ask again."
        ),
        curl=curl('"{base_url}/api/v1/requests/REQUEST_ID?wait=30"'),
        answers={200: "The request."},
        answer=RequestDocument,
        query=inputs.RequestQueryFields,
        problems=(*READ_PROBLEMS, 404),
    ),
    Operation(
        id="getSubmission",
        method="GET",
        path="/api/v1/requests/{request_id}/submission",
        summary="Get the requests that were submitted together",
        description=(
            "Returns the requests that were submitted together with this one, itself included. ZIP holds the bundles "
            "of those that have a certificate, and is refused with 409 while none has one; JSON says what became of "
            "each."
        ),
        curl=curl('-OJ "{base_url}/api/v1/requests/REQUEST_ID/submission?format=zip"'),
        answers={200: "The requests of the submission, or the bundles of its certificates."},
        answer=RequestsDocument,
        query=inputs.SubmissionQuery,
        forms=SUBMISSION_FORMS,
        problems=(*READ_PROBLEMS, 404, 409),
    ),
    _decision(
        "approve",
        "Approve a request",
        "Approves the request, or tries a failed one again, and has it signed. Afterwards its state is `issued`, or "
        "`failed` with the reason. You cannot approve your own request.",
    ),
    _decision(
        "refuse",
        "Refuse a request",
        "Refuses the request. The note tells the requester why, and is required.",
    ),
    _decision(
        "withdraw",
        "Withdraw a request",
        "Withdraws a request of the account of the token; an administrator can withdraw any request.",
    ),
)
