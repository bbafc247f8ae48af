"""Issues certificates, lists them, and hands them out again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Response, request

from ca_service.authority.access.permissions import Action
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.inventory.store import CertificateQuery
from ca_service.authority.issuance.idempotency import IDEMPOTENCY_KEY_INVALID, MAX_KEY_LENGTH
from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.web.api import answers
from ca_service.web.api.intake import read_submission
from ca_service.web.api.models import CertificateQueryFields, IssueQuery, ListQueryFields
from ca_service.web.api.negotiation import LIST_FORMS, certificate_forms, wanted_form
from ca_service.web.api.validation import read_query
from ca_service.web.context import actor, installation, needs

OPTION_NOT_WITH_CSV: Final = Rule(
    "option.not-with-csv",
    "The option {name} cannot be combined with csv, which contains the whole list.",
    "Omit it, or request json.",
)


@needs(Action.ISSUE)
def issue() -> Response:
    """Issue one certificate for each request in the body, all or none; or tell where they wait for a decision."""
    query = read_query(IssueQuery)
    submission = read_submission(query)
    form = wanted_form(certificate_forms(len(submission.requests)), query.format)
    issued = installation().issuance.issue(actor(), submission.requests, submission.options, idempotency_key())
    return answers.issued(issued, form)


@needs(Action.READ)
def list_certificates() -> Response:
    """One page of the certificates, or all of them as CSV."""
    query = read_query(ListQueryFields)
    if wanted_form(LIST_FORMS, query.format) == "csv":
        return _all_as_csv(query)
    page = installation().inventory.list_certificates(
        actor(), CertificateQuery(text=query.q, sort=query.sort, cursor=query.cursor, limit=query.limit)
    )
    following = answers.next_page("certificates", query.model_dump(exclude={"format"}), page.next_cursor)
    return answers.certificates(page.certificates, "json", following=following)


def _all_as_csv(query: ListQueryFields) -> Response:
    """Streamed; raises InvalidInput where a page was asked for, which CSV has none of."""
    asked = sorted({"limit", "cursor"} & query.model_fields_set)
    if asked:
        raise InvalidInput(*map(_no_page, asked))
    return answers.listed(installation().inventory.export(actor(), query.q, query.sort))


def _no_page(name: str) -> Finding:
    return OPTION_NOT_WITH_CSV.at(f"/{name}", name=name)


@needs(Action.READ)
def get_certificate(serial_number: str) -> Response:
    """One certificate; as JSON, with what a node would say against it today."""
    query = read_query(CertificateQueryFields)
    form = wanted_form(certificate_forms(1), query.format)
    record = installation().issuance.get_certificate(actor(), serial_number)
    return answers.certificates([record], form, _findings(record) if form == "json" else ())


def _findings(record: CertificateRecord) -> Sequence[Finding]:
    fit = installation().fit_checks.of_record(record, installation().hierarchy.chain_of(record.issuer_id))
    return fit.findings if fit else ()


def idempotency_key() -> str:
    """The header, if it was sent; a blank one is a mistake in a script, not the wish to do without."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not key.strip():
        raise InvalidInput(IDEMPOTENCY_KEY_INVALID.at("/Idempotency-Key", limit=MAX_KEY_LENGTH))
    return key or ""
