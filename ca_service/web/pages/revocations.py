"""Revocation and release: selection, reason, preview, confirmation."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.revocation.records import Outcome, Selection
from ca_service.authority.revocation.selecting import read_invalid_since, with_serial_numbers
from ca_service.errors import CAServiceError, Finding
from ca_service.pki.reasons import FOR_LEAVES, Reason, read_leaf_reason
from ca_service.web.context import actor, installation, needs
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.problems import status_of

_FIELDS = ("key", "host", "cluster", "reason", "invalid_since", "note")


@blueprint.get("/revoke")
@needs(Action.REVOKE)
def revoke() -> ResponseReturnValue:
    """Select a reason and preview the effect. The URL contains the selection and can be shared."""
    reason = request.args.get("reason", "")
    try:
        planned = _preview(_selection(), reason or Reason.SUPERSEDED)
    except CAServiceError as error:
        return _page(_selected(), error.findings, is_ready=False), status_of(error)
    return _page(planned, planned.findings if reason else ())  # without a reason it only shows the selection


@blueprint.post("/revoke")
@needs(Action.REVOKE, dangerous=True)
def do_revoke() -> ResponseReturnValue:
    """Revoke if the confirmation matches. The effect is computed again first."""
    planned: Outcome | None = None
    try:
        selection, said = _selection(), request.values
        planned = _preview(selection, said.get("reason", ""))
        if not planned.changed:  # such as the second of two clicks
            return _page(planned, planned.findings)
        planned.require_confirmation(said.get("confirmation", ""))
        done = installation().revocation.revoke(
            actor(),
            selection,
            read_leaf_reason(said.get("reason", "")),
            invalid_since=read_invalid_since(said.get("invalid_since", "")),
            note=said.get("note", ""),
        )
    except CAServiceError as error:
        return _page(planned or _selected(), error.findings, is_ready=planned is not None), status_of(error)
    return _after(done)


@blueprint.get("/release")
@needs(Action.REVOKE)
def release() -> ResponseReturnValue:
    """Preview the release of a hold."""
    try:
        planned = installation().revocation.preview_release(actor(), _selection())
    except CAServiceError as error:
        return _page(None, error.findings, is_release=True), status_of(error)
    return _page(planned, planned.findings, is_release=True)


@blueprint.post("/release")
@needs(Action.REVOKE, dangerous=True)
def do_release() -> ResponseReturnValue:
    """Release the hold if the confirmation matches."""
    planned: Outcome | None = None
    try:
        selection = _selection()
        planned = installation().revocation.preview_release(actor(), selection)
        planned.require_confirmation(request.values.get("confirmation", ""))
        done = installation().revocation.release(actor(), selection, note=request.values.get("note", ""))
    except CAServiceError as error:
        return _page(planned, error.findings, is_release=True), status_of(error)
    return _after(done)


def _preview(selection: Selection, reason: str) -> Outcome:
    since = read_invalid_since(request.values.get("invalid_since", ""))
    return installation().revocation.preview(actor(), selection, read_leaf_reason(reason), invalid_since=since)


def _selected() -> Outcome | None:
    """Return the selected certificates, to keep the form where its reason or time is wrong; None if they are wrong."""
    try:
        return installation().revocation.preview(actor(), _selection(), Reason.SUPERSEDED)
    except CAServiceError:
        return None


def _selection() -> Selection:
    """Return the selected certificates. A cluster means the valid certificates in its slots."""
    said = request.values
    selection = Selection(tuple(said.getlist("serial")), said.get("key", "")[:200], said.get("host", "")[:300])
    cluster = whole_number(said.get("cluster", ""), 15)
    if cluster is None:
        return selection
    return with_serial_numbers(selection, installation().fleet.serial_numbers(actor(), cluster))


def _page(
    planned: Outcome | None, findings: tuple[Finding, ...], *, is_release: bool = False, is_ready: bool = True
) -> str:
    """Return the page; `is_ready`: what was typed is valid, and can be confirmed."""
    said = request.values
    return render_template(
        "revoke.html",
        planned=planned,
        findings=findings,
        is_release=is_release,
        is_ready=is_ready,
        reasons=FOR_LEAVES,
        serials=said.getlist("serial"),
        said={name: said.get(name, "") for name in _FIELDS},
    )


def _after(done: Outcome) -> ResponseReturnValue:
    """Redirect to the certificate, or to the list of the host."""
    if len(done.changes) == 1:
        serial = done.changes[0].certificate.serial_number
        return redirect(url_for("pages.certificate", serial_number=serial), 303)
    hosts = done.hosts
    return redirect(url_for("pages.certificates", q=hosts[0] if len(hosts) == 1 else None), 303)
