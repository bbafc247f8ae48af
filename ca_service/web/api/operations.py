"""Knows what the API can do: one row for each operation, for the OpenAPI document and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel

from ca_service.web.api import models
from ca_service.web.api.negotiation import AUTHORITY_FORMS, JSON_ONLY, LIST_FORMS, certificate_forms

_READ_PROBLEMS: Final = (400, 401, 403, 406, 500)
_INTAKE_PROBLEMS: Final = (*_READ_PROBLEMS, 413, 415)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a script can do.

    `curl` is a line for a shell in which $TOKEN is set; {base_url} stands for where this service is
    reached. `answers` tells what each status of a success means, `forms` the content types by their
    name, `takes` the JSON of its body, `answer` that of its answer; `problems` are the statuses of its refusals.
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
    is_public: bool = False
    problems: tuple[int, ...] = _READ_PROBLEMS


def _curl(rest: str) -> str:
    return f'curl -fsS -H "Authorization: Bearer $TOKEN" {rest}'


OPERATIONS: Final = (
    Operation(
        id="issueCertificates",
        method="POST",
        path="/api/v1/certificates",
        summary="Issue certificates",
        description=(
            "Issues one certificate for each request that is sent, all or none. A request that was signed before "
            "gets the same certificate again while that is valid, unless `new` is true. Options can be given in the "
            "query, in the form or in the JSON; the same option with two values is refused."
        ),
        curl=_curl('--data-binary @tomcat-ECDSA.csr -OJ "{base_url}/api/v1/certificates?format=zip"'),
        answers={200: "All of them had been issued before.", 201: "Certificates were issued."},
        answer=models.CertificatesDocument,
        query=models.IssueQuery,
        forms=certificate_forms(1),
        takes=models.RequestDocument,
        problems=(*_INTAKE_PROBLEMS, 409, 422, 503),
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
