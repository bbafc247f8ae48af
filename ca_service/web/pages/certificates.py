"""Certificates: details, renewal, the result of a signing, downloads."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ca_service.authority.access.permissions import PERMISSIONS, Action
from ca_service.authority.audit.wording import About
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.fleet.probing import Served
from ca_service.authority.fleet.renewal import RenewalOptions
from ca_service.errors import Conflict, Finding, InvalidInput, NotFound, Refused, Rule
from ca_service.pki.encodings import csr_pem
from ca_service.pki.reasons import FOR_LEAVES
from ca_service.vos.bundle import Delivery, bundle_name, node_bundle
from ca_service.vos.destinations import Destination
from ca_service.vos.file_names import safe_name
from ca_service.vos.fit import Stage
from ca_service.vos.products import products
from ca_service.vos.served import Verdict
from ca_service.web.context import actor, base_url, installation, needs
from ca_service.web.delivery import deliver, step_file
from ca_service.web.forms import whole_number
from ca_service.web.pages import blueprint
from ca_service.web.pages.requests import to_waiting
from ca_service.web.pages.submission import MAX_ON_PAGE
from ca_service.web.problems import status_of
from ca_service.web.views import CertificateView, FileLink, FileView, bundle_views, decode, named_files

FILE_UNKNOWN: Final = Rule(
    "file.unknown",
    "The bundle contains no file {name}.",
    "The certificate page lists the files.",
)
CERTIFICATE_NONE_CHOSEN: Final = Rule(
    "certificate.none-chosen",
    "No certificate was selected, or more than {limit}.",
    "Select one in the list of certificates.",
)

_ABSENT: Final = frozenset({Verdict.REFUSED, Verdict.UNREACHABLE, Verdict.SILENT, Verdict.NOT_TLS})


@blueprint.get("/certificates/<serial_number>")
@needs(Action.READ)
def certificate(serial_number: str) -> ResponseReturnValue:
    """Show a certificate: contents, chain, downloads, steps, and whether a node will accept it."""
    return render_template("certificate.html", **page_of(serial_number))


def page_of(serial_number: str, findings: Sequence[Finding] = ()) -> dict[str, Any]:
    """Return the values of the certificate page, with the findings of a refused action."""
    record = installation().issuance.get_certificate(actor(), serial_number)
    shown = _shown(record, *_deliveries([record]))
    plan = installation().renewal.plan(actor(), record.serial_number)
    untrusted = installation().trusted.findings([record.issuer_id])
    return shown | {
        "item": shown,
        "fit": installation().fit_checks.of_record(record, shown["delivery"].authorities),
        "stages": tuple(Stage),
        "now": installation().clock(),
        "renewal": plan,
        "may_issue": actor().role in PERMISSIONS[Action.ISSUE],
        "once": secrets.token_urlsafe(16),
        "findings": (*findings, *untrusted),
        "is_issuer_good": not untrusted,
        "history": installation().audit_log.history(actor(), About.CERTIFICATE, record.serial_number, record.issued_at),
        "revocation": installation().revocation.find(actor(), record.serial_number),
        "reasons": FOR_LEAVES,
        "may_revoke": actor().role in PERMISSIONS[Action.REVOKE],
        **_served(record.host),
        **_product_choice(record),
    }


def _product_choice(record: CertificateRecord) -> dict[str, Any]:
    """Return the products, and whether the actor may choose one: the place of a node in a cluster has it already."""
    is_placed = installation().renewal.plan(actor(), record.serial_number).place is not None
    may_assign = actor().role in PERMISSIONS[Action.FLEET] and not is_placed
    return {"products": tuple(products().values()), "may_assign": may_assign}


@blueprint.post("/certificates/<serial_number>/product")
@needs(Action.FLEET)
def set_product(serial_number: str) -> ResponseReturnValue:
    """Remember product and version of the host, so that the steps are those of its product."""
    record = installation().issuance.get_certificate(actor(), serial_number)
    product, version = (request.form.get(f"{name}-0", "").strip() for name in ("product", "version"))
    try:
        installation().host_products.assign(actor(), record.host, product, version)
    except InvalidInput as error:
        return render_template("certificate.html", **page_of(serial_number, error.findings)), status_of(error)
    if request.form.get("result") == "true":  # it was chosen on the result of a signing
        return redirect(url_for("pages.issued", serial=record.serial_number), 303)
    return redirect(url_for("pages.certificate", serial_number=record.serial_number, _anchor="steps"), 303)


@blueprint.get("/certificates/<serial_number>/download")
@needs(Action.READ)
def download(serial_number: str) -> Response:
    """Download the certificate: ?format=zip, pem, der or p7b."""
    record = installation().issuance.get_certificate(actor(), serial_number)
    return deliver([record], request.args.get("format", "zip"))


@blueprint.get("/certificates/<serial_number>/files/<name>")
@needs(Action.READ)
def download_file(serial_number: str, name: str) -> Response:
    """Download one of the files of the bundle that the steps name.

    Raises Conflict for one that would make a node trust a revoked authority.
    """
    record = installation().issuance.get_certificate(actor(), serial_number)
    bundle = installation().issuance.bundle([record])
    found = next((file for file in named_files(bundle) if file.path == name), None)
    if found is None:
        raise NotFound.because(FILE_UNKNOWN, name=name[:100])
    if found != bundle.uploads[-1]:  # the leaf
        installation().trusted.require([record.issuer_id])
    return step_file(found)


@blueprint.get("/certificates/<serial_number>/request.csr")
@needs(Action.READ)
def download_request(serial_number: str) -> Response:
    """Download the CSR of the certificate."""
    record = installation().issuance.get_certificate(actor(), serial_number)
    headers = {"Content-Disposition": f'attachment; filename="{safe_name(record.host)}.csr"'}
    return Response(csr_pem(record.csr_der), mimetype="application/pkcs10", headers=headers)


@blueprint.get("/issued")
@needs(Action.READ)
def issued() -> ResponseReturnValue:
    """Show the result of a signing: downloads and next steps."""
    records = chosen_certificates()
    files = [f"{safe_name(record.host)}.csr" for record in records]
    revoked = [record.host for record in records if not _is_good(record)]
    items = [_shown(record, each) for record, each in zip(records, _deliveries(records), strict=True)]
    return render_template(
        "issued.html",
        items=items,
        **(_product_choice(records[0]) if len(records) == 1 else {}),
        shared=_shared([item["uploads"] for item in items]),
        bundle_name=bundle_name([item["delivery"] for item in items]),
        serials=[record.serial_number for record in records],
        nodes=list(dict.fromkeys(record.host for record in records if record.purpose and record.host not in revoked)),
        revoked=revoked,
        files=files,
        curl=_curl(files, records[0].profile),
    )


@blueprint.get("/issued/download")
@needs(Action.READ)
def download_issued() -> Response:
    """Download all certificates of a signing in one ZIP."""
    return deliver(chosen_certificates(), "zip")


def _is_good(record: CertificateRecord) -> bool:
    found = installation().revocation.find(actor(), record.serial_number)
    return found is None or found.is_good


def _shared(uploads: Sequence[tuple[FileView, ...]]) -> tuple[FileView, ...]:
    """Return the trust files if several certificates share them."""
    trust = {files[:-1] for files in uploads}
    return trust.pop() if len(uploads) > 1 and len(trust) == 1 else ()


def chosen_certificates() -> list[CertificateRecord]:
    """Return the selected certificates. Raises InvalidInput for none or too many, NotFound for an unknown one."""
    serials = list(dict.fromkeys(request.values.getlist("serial")))
    if not 1 <= len(serials) <= MAX_ON_PAGE:
        raise InvalidInput(CERTIFICATE_NONE_CHOSEN.at("/serial", limit=MAX_ON_PAGE))
    return [installation().issuance.get_certificate(actor(), serial) for serial in serials]


def _served(host: str) -> dict[str, list[Served]]:
    """Return what each port of the host presented last, if it presented anything, and all else that probes saw."""
    newest, found = dict[int, Served](), installation().probes.list_served(actor(), host)
    for each in found:
        newest.setdefault(each.port, each)
    now = [newest[port] for port in sorted(newest) if newest[port].verdict not in _ABSENT]
    return {"served": now, "served_before": [each for each in found if each not in now]}


def _deliveries(records: Sequence[CertificateRecord]) -> list[Delivery]:
    return installation().issuance.deliveries(records)


def _shown(record: CertificateRecord, delivery: Delivery) -> dict[str, Any]:
    chain: list[CertificateView] = [decode(each) for each in (delivery.leaf, *delivery.authorities)]
    bundle = node_bundle(delivery)
    return {
        "record": record,
        "delivery": delivery,
        "view": chain[0],
        "chain": chain[::-1],
        "uploads": bundle_views(bundle.uploads),
        "files": bundle_views(named_files(bundle)),
        "links": {file.path: _link(record.serial_number, file.path) for file in named_files(bundle)},
        "steps": bundle.steps,
        "destination": _destination(delivery),
        "bundle_name": bundle.name,
    }


def _link(serial_number: str, name: str) -> FileLink:
    href = url_for("pages.download_file", serial_number=serial_number, name=name)
    return FileLink(name, f"{serial_number}-{name}", href)


def _destination(delivery: Delivery) -> Destination:
    """Return where the certificate goes, as far as it is known."""
    purpose, node = delivery.purpose, delivery.node
    return Destination(
        purpose.service if purpose else "", node.product.id if node else "", node.version if node else ""
    )


def _curl(files: list[str], profile: str) -> str:
    body = f"--data-binary @{files[0]}" if len(files) == 1 else " ".join(f"-F csr=@{name}" for name in files)
    options = {"format": "zip", **({} if profile == "vos" else {"profile": profile}), **_asked_options()}
    url = f"{base_url()}/api/v1/certificates?{urlencode(options)}"
    return f'curl -fsS -H "Authorization: Bearer $TOKEN" {body} -OJ "{url}"'


def _asked_options() -> dict[str, str]:
    """Return the options in the URL of the result. Unknown ones are ignored."""
    days = request.args.get("validity_days", "")
    kept = {"validity_days": days} if whole_number(days, 4) is not None else {}
    return kept | {name: "true" for name in ("new", "add_host_name") if request.args.get(name) == "true"}


@blueprint.post("/certificates/<serial_number>/renew")
@needs(Action.ISSUE)
def renew(serial_number: str) -> ResponseReturnValue:
    """Renew a certificate with the same key. The form carries a one-time key: a double click renews only once."""
    is_chosen = {name: request.form.get(name) == "true" for name in ("new", "never_uploaded")}
    try:
        issued = installation().renewal.renew(
            actor(), serial_number, RenewalOptions(**is_chosen), request.form.get("once", "")
        )
    except (Refused, Conflict) as error:
        return render_template("certificate.html", **page_of(serial_number, error.findings)), status_of(error)
    if issued.waiting:
        return to_waiting(issued.waiting)
    return redirect(url_for("pages.issued", serial=[each.serial_number for each in issued.certificates]), 303)
