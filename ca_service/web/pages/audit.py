"""The audit log: list, filters, export."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.audit.entries import EventPage, EventQuery, RecordedEvent
from ca_service.authority.audit.queries import FIELDS, asked
from ca_service.authority.audit.wording import About, Category, detail_names, sentence_of, wording_of
from ca_service.errors import Finding, InvalidInput
from ca_service.web.auth import signed_in_account
from ca_service.web.context import actor, installation, needs
from ca_service.web.i18n import translate
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

SORTS: Final = ("newest", "oldest")
_PAGE_SIZE: Final = 50
#: Labels of details whose stored names are older words, or the names of columns.
_LABELS: Final = {
    "application": "request",
    "request": "CSR (SHA-256)",
    "make_new": "new certificate even if one exists",
    "add_host_name": "host name added",
}
_FLAGS: Final = ("make_new", "add_host_name")  # stored as 1, or "" for no
_SHORT: Final = 60  # characters; fingerprints are longer


@blueprint.get("/audit")
@needs(Action.AUDIT)
def audit_log() -> ResponseReturnValue:
    """List the events, newest first."""
    try:
        query = _query()
    except InvalidInput as error:
        return _page(EventQuery(), EventPage(), error.findings), status_of(error)
    return _page(query, installation().audit_log.list_events(actor(), query))


@blueprint.get("/audit/download")
@needs(Action.AUDIT)
def download_audit_log() -> Response:
    """Download the filtered events as JSON lines, with the data needed to verify them."""
    query = replace(_query(), cursor="")
    lines = installation().audit_log.export(actor(), query)
    response = Response(lines, content_type="application/jsonl")
    name = "audit-log.jsonl" if query.is_everything else "audit-log-part.jsonl"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@blueprint.get("/record", defaults={"rest": ""}, endpoint="old_audit_log")
@blueprint.get("/record/download", defaults={"rest": "/download"}, endpoint="old_audit_log_download")
@needs(Action.AUDIT)
def old_audit_log(rest: str) -> ResponseReturnValue:
    """Redirect the former URLs, which mails and bookmarks contain."""
    query = f"?{request.query_string.decode('ascii', 'replace')}" if request.query_string else ""
    return redirect(f"{url_for('pages.audit_log')}{rest}{query}", 301)


def _query() -> EventQuery:
    sort = request.args.get("sort", "")
    query = replace(asked(request.args), cursor=request.args.get("cursor", "")[:1000], limit=_PAGE_SIZE)
    return replace(query, sort="oldest") if sort == "oldest" else query


def _page(query: EventQuery, page: EventPage, findings: tuple[Finding, ...] = ()) -> str:
    use_case = installation().audit_log
    given = {name: request.args.get(name, "")[:200] for name in FIELDS}
    return render_template(
        "audit.html",
        page=page,
        query=query,
        given=given,
        kept={name: value for name, value in given.items() if value},
        findings=findings,
        sorts=SORTS,
        categories=tuple(Category),
        head=use_case.head(actor()),
        has_unsealed=use_case.has_unsealed(actor()),
    )


@blueprint.app_template_global("may_audit")
def may_audit() -> bool:
    """Return whether the signed-in account may read the audit log."""
    account = signed_in_account()
    return account is not None and account.role in PERMISSIONS[Action.AUDIT]


@blueprint.app_template_global("event_sentence")
def event_sentence(event: RecordedEvent) -> str:
    """Return the event as a sentence in the reader's language."""
    return translate(sentence_of(event))


@blueprint.app_template_global("event_category")
def event_category(event: RecordedEvent) -> str:
    """Return the category name of the event."""
    return wording_of(event).category.value


@blueprint.app_template_global("event_details")
def event_details(event: RecordedEvent) -> list[tuple[str, Any]]:
    """Return the other details of the event by name, without empty ones."""
    shown = (
        (name, translate("yes") if value and name in _FLAGS else value) for name, value in sorted(event.details.items())
    )
    return [(_label(name), value) for name, value in shown if value != ""]


def _label(name: str) -> str:
    return _LABELS.get(name, name.replace("_", " "))


@blueprint.app_template_global("event_chips")
def event_chips(event: RecordedEvent) -> list[tuple[str, Any]]:
    """Return the short details that the sentence does not contain."""
    shown = set(map(_label, detail_names(event)))
    return [(name, value) for name, value in event_details(event) if name not in shown and len(str(value)) < _SHORT]


@blueprint.app_template_global("event_link")
def event_link(event: RecordedEvent) -> str:
    """Return the URL of the subject of the event, or an empty string if it has no page."""
    about = wording_of(event).about
    if about is About.CERTIFICATE:
        return url_for("pages.certificate", serial_number=event.subject)
    if about is About.REQUEST:
        return url_for("pages.request", request_id=int(event.subject))
    if about is About.CLUSTER:
        return url_for("pages.clusters", q=event.subject)
    if about is About.AUTHORITY:
        return url_for("pages.authority")
    return audit_log_of(event.subject) if about is About.ACCOUNT else ""


@blueprint.app_template_global("audit_log_of")
def audit_log_of(subject: str) -> str:
    """Return the URL of the audit log for one subject."""
    return f"{url_for('pages.audit_log')}?{urlencode({'subject': subject})}"
