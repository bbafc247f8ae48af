"""Renewal of several certificates: plain servers with their keys, and the way to new CSRs for nodes."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import Action
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.renewal import RenewalOptions, RenewalPlan
from ca_service.authority.issuance.issuance import Issued
from ca_service.errors import Conflict, Finding, Refused
from ca_service.web.context import actor, installation, needs
from ca_service.web.pages import blueprint
from ca_service.web.pages.certificates import chosen_certificates
from ca_service.web.pages.requests import to_waiting


@blueprint.get("/certificates/renew")
@needs(Action.ISSUE)
def renewals() -> ResponseReturnValue:
    """Show how each of the selected certificates is renewed."""
    return _page(chosen_certificates())


@blueprint.post("/certificates/renew")
@needs(Action.ISSUE)
def renew_all() -> ResponseReturnValue:
    """Renew those that keep their key and have no successor. The form carries a one-time key, as that for one does."""
    once, done, findings = request.form.get("once", "")[:100], list[Issued](), list[Finding]()
    chosen = chosen_certificates()
    for record in chosen:
        if not _plan(record).keeps_key:
            continue
        try:
            key = f"{once}-{record.serial_number}" if once else ""
            done.append(installation().renewal.renew(actor(), record.serial_number, RenewalOptions(), key))
        except (Refused, Conflict) as error:
            findings += error.findings
    if findings:
        return _page(chosen, findings), 409
    waiting = tuple(each for issued in done for each in issued.waiting)
    if waiting:
        return to_waiting(waiting)
    if not done:  # nodes alone
        return redirect(url_for("pages.renewals", serial=[each.serial_number for each in chosen]), 303)
    serials = [each.serial_number for issued in done for each in issued.certificates]
    return redirect(url_for("pages.issued", serial=serials), 303)


def _plan(record: CertificateRecord) -> RenewalPlan:
    return installation().renewal.plan(actor(), record.serial_number)


def _page(records: Sequence[CertificateRecord], findings: Sequence[Finding] = ()) -> str:
    plans = [(record, _plan(record)) for record in records]
    return render_template(
        "renewals.html",
        plans=plans,
        ready=sum(plan.keeps_key and not plan.successor for _, plan in plans),
        findings=findings,
        once=secrets.token_urlsafe(16),
        now=installation().clock(),
    )
