"""Knows what the API can do: one row for each operation, for the OpenAPI document and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from ca_service.web.api import application_models, models, revocation_models
from ca_service.web.api.event_models import EventQueryFields, EventsDocument
from ca_service.web.api.negotiation import AUTHORITY_FORMS, JSON_ONLY, LIST_FORMS, certificate_forms

_READ_PROBLEMS: Final = (400, 401, 403, 406, 500)
_INTAKE_PROBLEMS: Final = (*_READ_PROBLEMS, 413, 415)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a script can do.

    `curl` is a line for a shell in which $TOKEN is set; {base_url} stands for where this service is
    reached. `answers` tells what each status of a success means, `forms` the content types by their
    name, `takes` the JSON of its body, `answer` that of its answer, `waiting` that of a 202; one that is repeatable
    knows the Idempotency-Key. `problems` are the statuses of its refusals.
    """

    id: str
    method: str
    path: str
    summary: str
    description: str
    curl: str
    answers: Mapping[int, str]
    answer: type[BaseModel] | None
    query: type[BaseModel] = models.NoQuery
    forms: Mapping[str, str] = field(default_factory=lambda: MappingProxyType(JSON_ONLY))
    takes: type[BaseModel] | None = None
    waiting: type[BaseModel] | None = None
    is_repeatable: bool = False
    is_public: bool = False
    problems: tuple[int, ...] = _READ_PROBLEMS


def _curl(rest: str) -> str:
    return f'curl -fsS -H "Authorization: Bearer $TOKEN" {rest}'


def _decision(verb: str, summary: str, description: str, note: str) -> Operation:
    """One of the decisions, which all take a note."""
    return Operation(
        id=f"{verb}Application",
        method="POST",
        path=f"/api/v1/applications/{{application_id}}/{verb}",
        summary=summary,
        description=description,
        curl=_curl(f"-F note='{note}' \"{{base_url}}/api/v1/applications/APPLICATION_ID/{verb}\""),
        answers={200: "The application as it stands now."},
        answer=application_models.ApplicationDocument,
        takes=application_models.DecisionDocument,
        problems=(*_INTAKE_PROBLEMS, 404, 409),
    )


OPERATIONS: Final = (
    Operation(
        id="issueCertificates",
        method="POST",
        path="/api/v1/certificates",
        summary="Issue certificates",
        description=(
            "Issues one certificate for each request that is sent, all or none. A request that was signed before "
            "gets the same certificate again while that is valid, unless `new` is true. Where no rule approves one of "
            "the requests, nothing is issued: all of them wait for a person, but those that have their certificate, "
            "and the answer is 202 in JSON, whatever form was asked. Sent again, they are the same applications. "
            "Options can be given in the "
            "query, in the form or in the JSON; the same option with two values is refused."
        ),
        curl=_curl('--data-binary @tomcat-ECDSA.csr -OJ "{base_url}/api/v1/certificates?format=zip"'),
        answers={
            200: "All of them had been issued before.",
            201: "Certificates were issued.",
            202: "A person has to decide first; look at the application in Location.",
        },
        answer=models.CertificatesDocument,
        waiting=application_models.ApplicationsDocument,
        query=models.IssueQuery,
        forms=certificate_forms(1),
        takes=models.RequestDocument,
        is_repeatable=True,
        problems=(*_INTAKE_PROBLEMS, 409, 422, 503),
    ),
    Operation(
        id="listApplications",
        method="GET",
        path="/api/v1/applications",
        summary="List applications",
        description=(
            "One page of the requests that were submitted: all, or their own for those who may not read more. The "
            "address of the next page stands in `next` and in Link."
        ),
        curl=_curl('"{base_url}/api/v1/applications?state=submitted&sort=oldest"'),
        answers={200: "One page of the applications."},
        answer=application_models.ApplicationsDocument,
        query=application_models.ApplicationListFields,
    ),
    Operation(
        id="getApplication",
        method="GET",
        path="/api/v1/applications/{application_id}",
        summary="Get an application, or wait for its decision",
        description=(
            "The application of this number. With `wait`, the answer comes as soon as somebody has decided, or after "
            "so many seconds; sooner where many wait. As long as something is to be done, Retry-After says when to "
            "ask again."
        ),
        curl=_curl('"{base_url}/api/v1/applications/APPLICATION_ID?wait=30"'),
        answers={200: "The application."},
        answer=application_models.ApplicationDocument,
        query=application_models.ApplicationQueryFields,
        problems=(*_READ_PROBLEMS, 404),
    ),
    _decision(
        "approve",
        "Approve an application",
        "Approves it, or tries again what has failed, and has it signed. It is `issued` then; `failed` with the reason "
        "where it could not be signed. Nobody approves what they have submitted themselves.",
        "as agreed",
    ),
    _decision(
        "refuse",
        "Refuse an application",
        "Refuses it. The note is for who has submitted it, and has to be there.",
        "The parent domain is wrong.",
    ),
    _decision(
        "withdraw",
        "Withdraw an application",
        "Takes back what the account of the token has submitted; an administrator may do so with any.",
        "not needed",
    ),
    Operation(
        id="checkRequests",
        method="POST",
        path="/api/v1/checks",
        summary="Check requests",
        description="Tells what would happen to each request, with every finding. Nothing is issued or stored.",
        curl=_curl('-F csr=@uccx1.csr -F csr=@uccx2.csr "{base_url}/api/v1/checks"'),
        answers={200: "One check for each request, whether it would be accepted or not."},
        answer=models.ChecksDocument,
        query=models.OptionFields,
        takes=models.RequestDocument,
        problems=_INTAKE_PROBLEMS,
    ),
    Operation(
        id="checkFit",
        method="POST",
        path="/api/v1/fit",
        summary="Check whether a node would take a certificate",
        description=(
            "Tells, question by question, whether a Cisco node would take a certificate of any authority, and whether "
            "it would work after. Nothing is stored, and no node is asked. An answer that the node would refuse it "
            "has status 200 as well: look at `works`."
        ),
        curl=_curl(
            "-F csr=@tomcat-ECDSA.csr -F certificate=@signed.pem -F chain=@intermediate.pem -F chain=@root.pem "
            '"{base_url}/api/v1/fit"'
        ),
        answers={200: "Every question with its answer."},
        answer=models.FitResultDocument,
        takes=models.FitDocument,
        problems=(*_INTAKE_PROBLEMS, 422),
    ),
    Operation(
        id="listCertificates",
        method="GET",
        path="/api/v1/certificates",
        summary="List certificates",
        description=(
            "One page of the certificates that `q` means. The address of the next page stands in `next` and in Link. "
            "As CSV it is all of them in one file, in which a value that a spreadsheet would calculate begins with an "
            "apostrophe."
        ),
        curl=_curl('--get "{base_url}/api/v1/certificates" --data-urlencode "q=expires<30d status:active"'),
        answers={200: "One page of the certificates, or all of them as CSV."},
        answer=models.CertificatesDocument,
        query=models.ListQueryFields,
        forms=LIST_FORMS,
    ),
    Operation(
        id="getCertificate",
        method="GET",
        path="/api/v1/certificates/{serial_number}",
        summary="Get a certificate",
        description="The certificate of this serial number, which may be written with colons and without zeros ahead.",
        curl=_curl('-OJ "{base_url}/api/v1/certificates/SERIAL_NUMBER?format=pem"'),
        answers={200: "The certificate."},
        answer=models.CertificatesDocument,
        query=models.CertificateQueryFields,
        forms=certificate_forms(1),
        problems=(*_READ_PROBLEMS, 404),
    ),
    Operation(
        id="revokeCertificates",
        method="POST",
        path="/api/v1/revocations",
        summary="Revoke certificates",
        description=(
            "Revokes what is selected by serial number, by key or by host, or puts it on hold (certificateHold): all "
            "of it, or nothing. Any other reason is final. What is so already stays, so it can be repeated. With "
            "`preview` nothing is done; the answer tells what would be."
        ),
        curl=_curl(
            """--json '{{"serial_numbers": ["SERIAL_NUMBER"], "reason": "certificateHold"}}' """
            '"{base_url}/api/v1/revocations"'
        ),
        answers={200: "What was done to each certificate, or would be."},
        answer=revocation_models.RevocationResultDocument,
        takes=revocation_models.RevocationDocument,
        problems=(*_INTAKE_PROBLEMS, 404, 409),
    ),
    Operation(
        id="releaseCertificates",
        method="POST",
        path="/api/v1/revocations/release",
        summary="Release a hold",
        description="Ends the hold of what is selected: it is good again. What is revoked for good stays so.",
        curl=_curl(
            """--json '{{"serial_numbers": ["SERIAL_NUMBER"]}}' "{base_url}/api/v1/revocations/release" """.strip()
        ),
        answers={200: "What was done to each certificate, or would be."},
        answer=revocation_models.RevocationResultDocument,
        takes=revocation_models.ReleaseDocument,
        problems=(*_INTAKE_PROBLEMS, 404, 409),
    ),
    Operation(
        id="renewCertificate",
        method="POST",
        path="/api/v1/certificates/{serial_number}/renew",
        summary="Renew a certificate",
        description=(
            "Issues the stored request of a plain server anew: same key, names and profile, fresh validity. A Cisco "
            "node deletes its CSR when the certificate is uploaded, so that its certificates are refused here: make a "
            "new CSR."
        ),
        curl=_curl('-X POST -OJ "{base_url}/api/v1/certificates/SERIAL_NUMBER/renew?format=zip"'),
        answers={
            200: "The same Idempotency-Key was sent before.",
            201: "The certificate was renewed.",
            202: "A person has to decide first; look at the application in Location.",
        },
        waiting=application_models.ApplicationsDocument,
        answer=models.CertificatesDocument,
        query=models.RenewQuery,
        forms=certificate_forms(1),
        is_repeatable=True,
        problems=(*_READ_PROBLEMS, 404, 409, 422, 503),
    ),
    Operation(
        id="getAuthority",
        method="GET",
        path="/api/v1/authority",
        summary="Get the authority",
        description="The authority that issues now and those above it: the issuing one first, the root last.",
        curl=_curl('-o ca-chain.pem "{base_url}/api/v1/authority?format=pem"'),
        answers={200: "The authority."},
        answer=models.AuthorityDocument,
        query=models.AuthorityQueryFields,
        forms=AUTHORITY_FORMS,
        problems=(*_READ_PROBLEMS, 503),
    ),
    Operation(
        id="getToken",
        method="GET",
        path="/api/v1/token",
        summary="See what a token may",
        description="Account, role, scopes, limits and end of the token that is sent. Every token may ask.",
        curl=_curl('"{base_url}/api/v1/token"'),
        answers={200: "The token."},
        answer=models.TokenDocument,
        problems=(*_READ_PROBLEMS, 404),
    ),
    Operation(
        id="listEvents",
        method="GET",
        path="/api/v1/events",
        summary="Read the record",
        description=(
            "One page of what has happened, for the roles administrator and auditor. The address of the next page "
            "stands in `next` and in Link. To check that nothing was changed: `ca-service audit verify`."
        ),
        curl=_curl('"{base_url}/api/v1/events?event=certificates&since=2026-11-01"'),
        answers={200: "One page of the events."},
        answer=EventsDocument,
        query=EventQueryFields,
    ),
    Operation(
        id="getDescription",
        method="GET",
        path="/api/v1/openapi.json",
        summary="Get this description",
        description="The description of this API (OpenAPI 3.1), for everybody.",
        curl='curl -fsS "{base_url}/api/v1/openapi.json"',
        answers={200: "The OpenAPI document."},
        answer=None,
        is_public=True,
        problems=(400, 500),
    ),
)
