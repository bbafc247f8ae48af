"""The operations of the API: one row each, for the OpenAPI document and for the page that shows them."""

from __future__ import annotations

from typing import Final

from ca_service.authority.issuance.batches import GROUP
from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.documents.audit import EventsDocument
from ca_service.documents.authorities import ChainDocument
from ca_service.documents.certificates import CertificateListDocument, CertificatesDocument
from ca_service.documents.checks import ChecksDocument, FitDocument
from ca_service.documents.people import TokenDocument
from ca_service.documents.probes import ProbeDocument
from ca_service.documents.requests import BatchDocument, RequestsDocument
from ca_service.documents.revocations import RevocationResultDocument
from ca_service.web.api import inputs
from ca_service.web.api.answers import AUTHORITY_FORMS, BATCH_FORMS, LIST_FORMS, LIVE_FORMS, certificate_forms
from ca_service.web.api.fleet_operations import CLUSTERS, KNOWLEDGE, PROBE_ANSWERS
from ca_service.web.api.node_operations import NODES
from ca_service.web.api.operation import READ_PROBLEMS, Operation, curl
from ca_service.web.api.request_operations import REQUESTS
from ca_service.web.api.status_operations import STATUS

_INTAKE_PROBLEMS: Final = (*READ_PROBLEMS, 413, 415)


_ISSUING: Final = (
    Operation(
        id="issueCertificates",
        method="POST",
        path="/api/v1/certificates",
        summary="Issue certificates",
        description=(
            "Issues one certificate for each CSR, all or none. A CSR that was signed before gets the same certificate "
            "again while it is valid, unless `new` is true. If no approval rule applies to one of the CSRs, nothing is "
            "issued: all of them wait for an approver, except those that already have a certificate, and the answer is "
            "202 in JSON, whatever the requested format. Resubmitting returns the same requests. Options are accepted "
            "in the query, in the form or in the JSON; the same option with two values is refused."
        ),
        curl=curl('--data-binary @tomcat-ECDSA.csr -OJ "{base_url}/api/v1/certificates?format=zip"'),
        answers={
            200: "All of them were issued before.",
            201: "Certificates were issued.",
            202: "An approver has to decide first; Location is the address of the request.",
        },
        answer=CertificatesDocument,
        waiting=RequestsDocument,
        query=inputs.IssueQuery,
        forms=certificate_forms(1),
        takes=inputs.SubmissionInput,
        is_repeatable=True,
        creates="the certificate",
        problems=(*_INTAKE_PROBLEMS, 409, 422),
    ),
    Operation(
        id="issueBatch",
        method="POST",
        path="/api/v1/batches",
        summary="Issue what can be issued",
        description=(
            f"Issues a certificate for each CSR that can be signed, up to {MAX_REQUESTS} of them, and answers with a "
            f"verdict for each. {GROUP} CSRs are committed at a time. With `format=ndjson`, each verdict is a line, "
            "written once the certificate is stored; the last line has the counts, or the problem that ended the "
            "batch. The same batch, sent again, returns what was issued and issues the rest, so `new` is refused."
        ),
        curl=curl('-F csr=@requests.zip -N "{base_url}/api/v1/batches?format=ndjson"'),
        answers={200: "A verdict for each CSR."},
        answer=BatchDocument,
        query=inputs.BatchQuery,
        forms=BATCH_FORMS,
        takes=inputs.SubmissionInput,
        problems=(*_INTAKE_PROBLEMS, 504),
    ),
)
_CHECKS: Final = (
    Operation(
        id="checkRequests",
        method="POST",
        path="/api/v1/checks",
        summary="Check CSRs",
        description="Says what would happen to each CSR, with every finding. Nothing is issued or stored.",
        curl=curl('-F csr=@uccx1.csr -F csr=@uccx2.csr "{base_url}/api/v1/checks"'),
        answers={200: "One check for each CSR, whether it would be signed or not."},
        answer=ChecksDocument,
        query=inputs.OptionFields,
        takes=inputs.SubmissionInput,
        problems=_INTAKE_PROBLEMS,
    ),
    Operation(
        id="checkFit",
        method="POST",
        path="/api/v1/fit",
        summary="Check whether a node will accept a certificate",
        description=(
            "Says, question by question, whether a Cisco node will accept a certificate of any authority, and whether "
            "it will work afterwards. Nothing is stored, and no node is contacted. The status is 200 even if the node "
            "would refuse the certificate: look at `works`."
        ),
        curl=curl(
            "-F csr=@tomcat-ECDSA.csr -F certificate=@signed.pem -F chain=@intermediate.pem -F chain=@root.pem "
            '"{base_url}/api/v1/fit"'
        ),
        answers={200: "Every question with its answer."},
        answer=FitDocument,
        takes=inputs.FitInput,
        problems=(*_INTAKE_PROBLEMS, 422),
    ),
)
_INVENTORY: Final = (
    Operation(
        id="listCertificates",
        method="GET",
        path="/api/v1/certificates",
        summary="List certificates",
        description=(
            "Lists one page of the certificates that match `q`. `next` and Link hold the address of the next page. CSV "
            "holds all of them in one file, in which an apostrophe marks each value that a spreadsheet would calculate."
        ),
        curl=curl('--get "{base_url}/api/v1/certificates" --data-urlencode "q=expires<30d status:active"'),
        answers={200: "One page of the certificates, or all of them as CSV."},
        answer=CertificateListDocument,
        query=inputs.ListQueryFields,
        forms=LIST_FORMS,
    ),
    Operation(
        id="getCertificate",
        method="GET",
        path="/api/v1/certificates/{serial_number}",
        summary="Get a certificate",
        description=(
            "Returns the certificate with this serial number. Colons are accepted, and leading zeros can be omitted."
        ),
        curl=curl('-OJ "{base_url}/api/v1/certificates/SERIAL_NUMBER?format=pem"'),
        answers={200: "The certificate."},
        answer=CertificatesDocument,
        query=inputs.CertificateQueryFields,
        forms=certificate_forms(1),
        problems=(*READ_PROBLEMS, 404),
    ),
)
_CHANGES: Final = (
    Operation(
        id="revokeCertificates",
        method="POST",
        path="/api/v1/revocations",
        summary="Revoke certificates",
        description=(
            "Revokes the certificates selected by serial number, by key or by host, or puts them on hold "
            "(certificateHold): all or none. Every other reason is final. Idempotent: certificates already in that "
            "state are left unchanged. With `preview`, nothing is changed, and the answer shows the effect."
        ),
        curl=curl(
            """--json '{{"serial_numbers": ["SERIAL_NUMBER"], "reason": "certificateHold"}}' """
            '"{base_url}/api/v1/revocations"'
        ),
        answers={200: "The effect on each certificate."},
        answer=RevocationResultDocument,
        takes=inputs.RevocationInput,
        problems=(*_INTAKE_PROBLEMS, 404, 409),
    ),
    Operation(
        id="releaseCertificates",
        method="POST",
        path="/api/v1/revocations/release",
        summary="Release a hold",
        description="Releases the selected certificates from their hold. A permanent revocation stays.",
        curl=curl(
            """--json '{{"serial_numbers": ["SERIAL_NUMBER"]}}' "{base_url}/api/v1/revocations/release" """.strip()
        ),
        answers={200: "The effect on each certificate."},
        answer=RevocationResultDocument,
        takes=inputs.ReleaseInput,
        problems=(*_INTAKE_PROBLEMS, 404, 409),
    ),
    Operation(
        id="renewCertificate",
        method="POST",
        path="/api/v1/certificates/{serial_number}/renew",
        summary="Renew a certificate",
        description=(
            "Issues a certificate again from the stored CSR of a plain server: same key, names and profile, new "
            "validity. A Cisco node deletes its CSR when the certificate is uploaded, so its certificates are refused "
            "here: create a new CSR on the node."
        ),
        curl=curl('-X POST -OJ "{base_url}/api/v1/certificates/SERIAL_NUMBER/renew?format=zip"'),
        answers={
            200: "The same Idempotency-Key was sent before.",
            201: "The certificate was renewed.",
            202: "An approver has to decide first; Location is the address of the request.",
        },
        waiting=RequestsDocument,
        answer=CertificatesDocument,
        query=inputs.RenewQuery,
        forms=certificate_forms(1),
        is_repeatable=True,
        creates="the certificate",
        problems=(*READ_PROBLEMS, 404, 409, 422),
    ),
)
_SERVICE: Final = (
    Operation(
        id="getAuthority",
        method="GET",
        path="/api/v1/authority",
        summary="Get the authority",
        description="Returns the authority that issues now and those above it: the issuing one first, the root last. "
        "A revoked authority is left out, and so are those below it.",
        curl=curl('-o ca-chain.pem "{base_url}/api/v1/authority?format=pem"'),
        answers={200: "The authority."},
        answer=ChainDocument,
        query=inputs.AuthorityQueryFields,
        forms=AUTHORITY_FORMS,
    ),
    Operation(
        id="getToken",
        method="GET",
        path="/api/v1/token",
        summary="Show the permissions of the token",
        description="Returns the account, role, scopes, limits and expiry of the token. Every token may read its own.",
        curl=curl('"{base_url}/api/v1/token"'),
        answers={200: "The token."},
        answer=TokenDocument,
        problems=(*READ_PROBLEMS, 404),
    ),
    Operation(
        id="listEvents",
        method="GET",
        path="/api/v1/events",
        summary="Read the audit log",
        description=(
            "Lists one page of the audit log, for the roles administrator and auditor. `next` and Link hold the "
            "address of the next page. To verify the audit log: `ca-service audit verify`."
        ),
        curl=curl('"{base_url}/api/v1/events?event=certificates&since=2026-11-01"'),
        answers={200: "One page of the audit log."},
        answer=EventsDocument,
        query=inputs.EventQueryFields,
    ),
    Operation(
        id="getDescription",
        method="GET",
        path="/api/v1/openapi.json",
        summary="Get this description",
        description="Returns the description of this API (OpenAPI 3.1). It needs no token.",
        curl='curl -fsS "{base_url}/api/v1/openapi.json"',
        answers={200: "The OpenAPI document."},
        answer=None,
        is_public=True,
        problems=(400, 500),
    ),
)
_PROBES: Final = (
    Operation(
        id="probePorts",
        method="POST",
        path="/api/v1/probes",
        summary="See which certificates ports present",
        description=(
            "Asks each port for an EC and for an RSA certificate, in TLS 1.2 and in TLS 1.3, and compares what it "
            "presents with what was issued here. A host without a port means the ports of its product. Hosts are the "
            "nodes of clusters, those with a certificate from here, and those in the settings (`probe.names`). The "
            "answer begins (202) before the first port is done, and grows with the probe: a line for each port, and at "
            "the end the line of the whole result. A program that wants the result alone sends `Accept: "
            "application/json` or `format=json`, and waits for it (200). A host that DNS does not know has one entry, "
            "with the verdict `unknown-host`."
        ),
        curl=curl("""-N --json '{{"hosts": ["uccx1.example.com:12015"]}}' """)
        + '"{base_url}/api/v1/probes?format=ndjson"',
        answers=PROBE_ANSWERS,
        answer=ProbeDocument,
        query=inputs.ProbeQuery,
        forms=LIVE_FORMS,
        takes=inputs.ProbeInput,
        problems=_INTAKE_PROBLEMS,
    ),
)
OPERATIONS: Final = (
    *_ISSUING,
    *REQUESTS,
    *_CHECKS,
    *_PROBES,
    *_INVENTORY,
    *_CHANGES,
    *CLUSTERS,
    *NODES,
    *KNOWLEDGE,
    *STATUS,
    *_SERVICE,
)
