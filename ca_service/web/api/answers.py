"""Answers of the API: their formats, documents as JSON, certificates as files, and the headers that belong to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Final
from urllib.parse import urlencode

from cryptography import x509
from flask import Response, request, stream_with_context
from pydantic import BaseModel

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.inventory.inventory import csv_lines
from ca_service.authority.inventory.store import Listed, Page
from ca_service.authority.issuance.batches import Group, Outcome, Verdict
from ca_service.authority.issuance.issuance import Issued
from ca_service.authority.issuance.records import RequestRecord
from ca_service.documents.authorities import ChainDocument
from ca_service.documents.certificates import CertificateListDocument, Certificates, CertificatesDocument
from ca_service.documents.fields import API_PATH
from ca_service.documents.findings import finding_documents
from ca_service.documents.requests import (
    BatchCountsDocument,
    BatchDocument,
    RequestDocument,
    RequestsDocument,
    VerdictDocument,
)
from ca_service.errors import CAServiceError, Finding, Rule
from ca_service.pki.chain import Chain
from ca_service.web.context import api_services, base_url
from ca_service.web.delivery import AUTHORITY_FORMATS, CONTENT_TYPES, deliver, deliver_authority
from ca_service.web.problems import NotAcceptable, problem_of

FORMAT_NOT_ACCEPTABLE: Final = Rule(
    "format.not-acceptable",
    "The answer cannot be given in the form that is asked for.",
    "Ask for one of these, in Accept or as format where the operation takes it: {known}.",
)

JSON: Final = "application/json"
JSON_ONLY: Final = {"json": JSON}
LIST_FORMS: Final = JSON_ONLY | {"csv": "text/csv"}
AUTHORITY_FORMS: Final = JSON_ONLY | {form: CONTENT_TYPES[form] for form in AUTHORITY_FORMATS}
BATCH_FORMS: Final = JSON_ONLY | {"ndjson": "application/x-ndjson"}
LIVE_FORMS: Final = {"ndjson": BATCH_FORMS["ndjson"]} | JSON_ONLY  # the first is the default
SUBMISSION_FORMS: Final = JSON_ONLY | {"zip": CONTENT_TYPES["zip"]}
ZIP_ONLY: Final = {"zip": CONTENT_TYPES["zip"]}
RUNBOOK_FORMS: Final = JSON_ONLY | {"text": "text/plain; charset=utf-8"}
RETRY_AFTER: Final = 30


def certificate_forms(count: int) -> Mapping[str, str]:
    """Return the content types in which so many certificates can be answered: DER holds but one."""
    return JSON_ONLY | {form: kind for form, kind in CONTENT_TYPES.items() if form != "der" or count == 1}


def wanted_form(forms: Mapping[str, str], named: str | None = None) -> str:
    """Return one of `forms` (RFC 9110, 12.5.1); the first one when nothing is preferred.

    `named` wins over the Accept header. Raises NotAcceptable, with the list, if it cannot be had.
    """
    if named is not None:
        if named in forms:
            return named
        raise _not_acceptable(forms)
    if not request.accept_mimetypes:
        return next(iter(forms))
    best = request.accept_mimetypes.best_match(forms.values())
    if best is None:
        raise _not_acceptable(forms)
    return next(form for form, kind in forms.items() if kind == best)


def _not_acceptable(forms: Mapping[str, str]) -> NotAcceptable:
    return NotAcceptable.because(
        FORMAT_NOT_ACCEPTABLE, known=", ".join(f"{form} ({kind})" for form, kind in forms.items())
    )


def certificates(records: Sequence[CertificateRecord], form: str, findings: Sequence[Finding] = ()) -> Response:
    """Answer with the certificates in this format; only JSON includes the findings."""
    return varying(_certificates_as_json(records, findings) if form == "json" else deliver(records, form))


def issued(found: Issued, form: str) -> Response:
    """Answer a submission: with the certificates in this format, or with the requests that wait for a decision."""
    if found.waiting:
        return _waiting(found.waiting, found.findings)
    response = certificates(found.certificates, form, found.findings)
    response.status_code = 201 if found.created else 200
    response.headers["Location"] = address(f"certificates/{found.certificates[0].serial_number}")
    return response


def _waiting(found: Sequence[RequestRecord], findings: Sequence[Finding]) -> Response:
    """Answer with the waiting requests and their address (RFC 9110, 15.3.3), always in JSON."""
    response = as_json(RequestsDocument.of(found, findings, base_url=base_url()))
    response.status_code = 202
    response.headers["Location"] = address(f"requests/{found[0].id}")
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def batch(groups: Iterator[Group], names: Sequence[str], form: str) -> Response:
    """Answer with a verdict for each CSR; `names` are those of their files. NDJSON is written while they are made.

    The first group is issued before the answer begins, so that what is wrong with all of them is an error as usual.
    """
    described = (_verdicts(group, names) for group in groups)
    if form == "json":
        return varying(as_json(BatchDocument.of([each for group in described for each in group])))
    lines = _as_lines(chain([next(described)], described))
    return live(lines)


def _as_lines(groups: Iterable[Sequence[VerdictDocument]]) -> Iterator[str]:
    """Yield a line for each verdict; the last line has the counts, or the problem that ended the batch."""
    counts = Counter[Outcome]()
    try:
        for group in groups:
            counts.update(Outcome(each.outcome) for each in group)
            yield "".join(f"{each.model_dump_json()}\n" for each in group)
    except CAServiceError as error:
        yield f"{problem_of(error).model_dump_json()}\n"
    else:
        yield f"{BatchCountsDocument.of(counts).model_dump_json()}\n"


def _verdicts(group: Group, names: Sequence[str]) -> list[VerdictDocument]:
    describe = _describing([each.certificate for each in group if each.certificate])
    return [_verdict(each, names[each.number], describe) for each in group]


def _verdict(verdict: Verdict, name: str, describe: Certificates) -> VerdictDocument:
    record, asked = verdict.certificate, verdict.request
    chain_of = api_services().hierarchy.chain_of
    return VerdictDocument(
        number=verdict.number,
        name=name,
        outcome=verdict.outcome.value,
        certificate=describe.full(record, chain_of(record.issuer_id)) if record else None,
        request=RequestDocument.of(asked, base_url()) if asked else None,
        findings=finding_documents(found.under(f"/csr/{verdict.number}") for found in verdict.findings),
    )


def one_request(found: RequestRecord) -> Response:
    """Answer with one request; while it is open, with the time to ask again."""
    response = as_json(RequestDocument.of(found, base_url()))
    if found.is_open:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def certificate_list(page: Page, following: str | None) -> Response:
    """Answer with one page of the list of certificates."""
    describe = _describing(page.certificates)
    rows = [describe.summary(record) for record in page.certificates]
    return varying(as_json(CertificateListDocument(certificates=rows, next=following), following))


def csv_list(items: Iterable[Listed]) -> Response:
    """Answer with the whole list as CSV, written while it is read."""
    lines = csv_lines(items, api_services().clock())
    response = Response(stream_with_context(lines), content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = 'attachment; filename="certificates.csv"'
    return varying(response)


def authority(active: ActiveAuthority, trusted: Chain, form: str) -> Response:
    """Answer with the issuing authority, and this chain of it, in this format."""
    if form == "json":
        return varying(as_json(ChainDocument.of(active, trusted, base_url())))
    return varying(deliver_authority(active, trusted, form))


def address(path: str, query: dict[str, str] | None = None) -> str:
    """Return the address of a resource of this API."""
    return f"{base_url()}{API_PATH}{path}" + (f"?{urlencode(query)}" if query else "")


def next_page(path: str, asked: Mapping[str, object], cursor: str) -> str | None:
    """Return the address of the next page of a list with the same query; None after the last."""
    said = {name: str(value) for name, value in asked.items() if value}
    return address(path, said | {"cursor": cursor}) if cursor else None


def as_json(document: BaseModel, following: str | None = None) -> Response:
    """Answer with the document; the address of the next page is in Link as well (RFC 8288)."""
    response = Response(document.model_dump_json(), content_type=JSON)
    if following:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def _describing(records: Sequence[CertificateRecord]) -> Certificates:
    revocations = api_services().revocation.revocations_of([record.serial_number for record in records])
    return Certificates(revocations, api_services().clock(), base_url())


def _certificates_as_json(records: Sequence[CertificateRecord], findings: Sequence[Finding]) -> Response:
    describe = _describing(records)

    @cache
    def authorities(issuer_id: str) -> tuple[x509.Certificate, ...]:
        return tuple(api_services().hierarchy.chain_of(issuer_id))

    full = [describe.full(record, authorities(record.issuer_id)) for record in records]
    return as_json(CertificatesDocument(certificates=full, findings=finding_documents(findings)))


def live(lines: Iterator[str], status: int = 200) -> Response:
    """Answer with NDJSON that is written while its lines are made."""
    response = Response(stream_with_context(lines), status=status, content_type=BATCH_FORMS["ndjson"])
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the lines until the last one
    return varying(response)


def varying(response: Response) -> Response:
    """RFC 9110, 12.5.5: the format depends on Accept."""
    response.vary.add("Accept")
    return response
