"""Certificates: issue, renew, list, show, revoke and release them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from flask import Response, request
from pydantic import BaseModel

from ca_service.authority.access.permissions import Action
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.batches import issue_batch
from ca_service.authority.issuance.idempotency import IDEMPOTENCY_KEY_INVALID, MAX_KEY_LENGTH
from ca_service.authority.revocation.records import Outcome, Selection
from ca_service.authority.revocation.selecting import read_invalid_since
from ca_service.deadline import renewed_for_each
from ca_service.documents.revocations import RevocationResultDocument
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.pki.reasons import read_leaf_reason
from ca_service.web.api import answers
from ca_service.web.api.answers import BATCH_FORMS, JSON_ONLY, LIST_FORMS, certificate_forms, wanted_form
from ca_service.web.api.inputs import (
    BatchQuery,
    CertificateQueryFields,
    IssueQuery,
    ListQueryFields,
    NoQuery,
    ReleaseInput,
    RenewQuery,
    RevocationInput,
)
from ca_service.web.api.intake import parse_object, read_body, read_submission, require_plain_body
from ca_service.web.api.validation import read_query, validated
from ca_service.web.context import actor, api_services, needs

OPTION_NOT_FOR_CSV: Final = Rule(
    "option.not-for-csv",
    "The option {name} cannot be combined with csv, which holds the whole list.",
    "Omit it, or ask for json.",
)


@needs(Action.ISSUE)
def issue() -> Response:
    """Issue one certificate for each CSR in the body, all or none; or say that the requests wait for a decision."""
    query = read_query(IssueQuery)
    submission = read_submission(query)
    form = wanted_form(certificate_forms(len(submission.requests)), query.format)
    issued = api_services().issuance.issue(
        actor(), submission.requests, submission.options, _idempotency_key(), submission.hints
    )
    return answers.issued(issued, form)


@needs(Action.ISSUE)
def issue_each() -> Response:
    """Issue a certificate for each CSR that can be signed, in groups, and answer with a verdict for each CSR."""
    query = read_query(BatchQuery)
    submission = read_submission(query)
    form = wanted_form(BATCH_FORMS, query.format)
    groups = issue_batch(api_services().issuance, actor(), submission.requests, submission.options, submission.hints)
    return answers.batch(renewed_for_each(groups), submission.names, form)


@needs(Action.ISSUE)
def renew(serial_number: str) -> Response:
    """Issue a certificate again from its stored CSR."""
    query = read_query(RenewQuery)
    form = wanted_form(certificate_forms(1), query.format)
    options = RenewalOptions(bool(query.new), bool(query.never_uploaded), query.validity_days)
    issued = api_services().renewal.renew(actor(), serial_number, options, _idempotency_key())
    return answers.issued(issued, form)


@needs(Action.READ)
def list_certificates() -> Response:
    """List one page of the certificates, or all of them as CSV."""
    query = read_query(ListQueryFields)
    if wanted_form(LIST_FORMS, query.format) == "csv":
        return _all_as_csv(query)
    page = api_services().inventory.list_certificates(
        actor(), CertificateQuery(text=query.q, sort=query.sort, cursor=query.cursor, limit=query.limit)
    )
    following = answers.next_page("certificates", query.model_dump(exclude={"format"}), page.next_cursor)
    return answers.certificate_list(page, following)


def _all_as_csv(query: ListQueryFields) -> Response:
    """Stream the list. Raises InvalidInput if the query asks for a page, because CSV has no pages."""
    asked = sorted({"limit", "cursor"} & query.model_fields_set)
    if asked:
        raise InvalidInput(*(OPTION_NOT_FOR_CSV.at(f"/{name}", name=name) for name in asked))
    return answers.csv_list(api_services().inventory.export(actor(), query.q, query.sort))


@needs(Action.READ)
def get_certificate(serial_number: str) -> Response:
    """Show one certificate; as JSON with the objections that a node would raise today."""
    query = read_query(CertificateQueryFields)
    form = wanted_form(certificate_forms(1), query.format)
    record = api_services().issuance.get_certificate(actor(), serial_number)
    return answers.certificates([record], form, _findings(record) if form == "json" else ())


def _findings(record: CertificateRecord) -> Sequence[Finding]:
    fit = api_services().fit_checks.of_record(record, api_services().hierarchy.chain_of(record.issuer_id))
    return fit.findings if fit else ()


def _idempotency_key() -> str:
    """Return the header, empty if there is none. An empty value is refused: it is a mistake in the script."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not key.strip():
        raise InvalidInput(IDEMPOTENCY_KEY_INVALID.at("/Idempotency-Key", limit=MAX_KEY_LENGTH))
    return key or ""


Document = TypeVar("Document", bound=BaseModel)


@needs(Action.REVOKE)
def revoke() -> Response:
    """Revoke the selected certificates or put them on hold, all or none."""
    asked, use_case = _read(RevocationInput), api_services().revocation
    reason, since = read_leaf_reason(asked.reason), read_invalid_since(asked.invalid_since or "")
    if asked.preview:
        return _answer(use_case.preview(actor(), _selection(asked), reason, invalid_since=since), done=False)
    done = use_case.revoke(actor(), _selection(asked), reason, invalid_since=since, note=asked.note)
    return _answer(done, done=True)


@needs(Action.REVOKE)
def release() -> Response:
    """Release the selected certificates from their hold."""
    asked, use_case = _read(ReleaseInput), api_services().revocation
    if asked.preview:
        return _answer(use_case.preview_release(actor(), _selection(asked)), done=False)
    return _answer(use_case.release(actor(), _selection(asked), note=asked.note), done=True)


def _answer(outcome: Outcome, *, done: bool) -> Response:
    return answers.as_json(RevocationResultDocument.of(outcome, done=done))


def _read(model: type[Document]) -> Document:
    read_query(NoQuery)
    require_plain_body()
    wanted_form(JSON_ONLY)
    return validated(model, parse_object(read_body()), from_text=False)


def _selection(asked: RevocationInput | ReleaseInput) -> Selection:
    return Selection(tuple(asked.serial_numbers), asked.key_fingerprint, asked.host)
