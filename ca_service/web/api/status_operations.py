"""The operations of the API about the state of the service. They change nothing."""

from __future__ import annotations

from typing import Final

from ca_service.documents.audit import NewestSealDocument
from ca_service.documents.authorities import HierarchyDocument
from ca_service.documents.operations import HealthDocument, JobsDocument, MessagesDocument, UpcomingListDocument
from ca_service.documents.revocations import NewestCRLsDocument
from ca_service.web.api import inputs
from ca_service.web.api.operation import Operation, curl

STATUS: Final = (
    Operation(
        id="getNewestSeal",
        method="GET",
        path="/api/v1/seals/newest",
        summary="Get the newest seal of the audit log",
        description=(
            "Returns number and hash of the newest seal, for administrators and auditors. Store them elsewhere: "
            "`ca-service audit verify --expect-head NUMBER:HASH` proves later that no events were removed from the end."
        ),
        curl=curl('"{base_url}/api/v1/seals/newest"'),
        answers={200: "The newest seal; `head` is null if nothing is sealed yet."},
        answer=NewestSealDocument,
    ),
    Operation(
        id="getHealth",
        method="GET",
        path="/api/v1/health",
        summary="Run the health checks",
        description=(
            "Runs the checks of `ca-service doctor`, for the role administrator. They download what certificates point "
            "to, which takes seconds; findings can name paths of the machine. The status is 200 even if a check fails: "
            "look at `is_well`. A process runs them once at a time: another call gets 503. For load balancers and "
            "monitoring there are `/readyz` and `/metrics`."
        ),
        curl=curl('"{base_url}/api/v1/health"'),
        answers={200: "The result of each check."},
        answer=HealthDocument,
    ),
    Operation(
        id="listJobs",
        method="GET",
        path="/api/v1/jobs",
        summary="List the background jobs",
        description="Lists the background jobs with the last result of each, for the role administrator.",
        curl=curl('"{base_url}/api/v1/jobs"'),
        answers={200: "The jobs."},
        answer=JobsDocument,
    ),
    Operation(
        id="listNotices",
        method="GET",
        path="/api/v1/notices",
        summary="List upcoming notices",
        description=(
            "Lists what expires in the next 90 days and the date of its next notice, earliest expiry first, for the "
            "role administrator."
        ),
        curl=curl('"{base_url}/api/v1/notices?q=uccx"'),
        answers={200: "The upcoming notices."},
        answer=UpcomingListDocument,
        query=inputs.UpcomingListFields,
    ),
    Operation(
        id="listMessages",
        method="GET",
        path="/api/v1/messages",
        summary="List sent and failed messages",
        description="Lists the newest messages to each recipient, for the role administrator.",
        curl=curl('"{base_url}/api/v1/messages?state=dead"'),
        answers={200: "The messages."},
        answer=MessagesDocument,
        query=inputs.MessageListFields,
    ),
    Operation(
        id="listAuthorities",
        method="GET",
        path="/api/v1/authorities",
        summary="List the authorities",
        description=(
            "Lists root and intermediates, oldest first, also those that no longer issue or wait for a certificate, "
            "and whether one of them can sign. `has_key` is for administrators with the scope `status`, and null for "
            "others. The chain to trust is at `/api/v1/authority`."
        ),
        curl=curl('"{base_url}/api/v1/authorities"'),
        answers={200: "The authorities."},
        answer=HierarchyDocument,
    ),
    Operation(
        id="listCRLs",
        method="GET",
        path="/api/v1/crls",
        summary="List the newest CRLs",
        description=(
            "Lists the newest CRL of each authority: number, times, entries. `has_key` is for administrators with the "
            "scope `status`, and null for others. Nothing is published. The files are at "
            "`/ca/ISSUER.crl`, without a token."
        ),
        curl=curl('"{base_url}/api/v1/crls"'),
        answers={200: "The newest CRL of each authority."},
        answer=NewestCRLsDocument,
    ),
)
