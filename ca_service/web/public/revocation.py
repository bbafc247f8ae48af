"""CRLs and OCSP over HTTP for relying parties."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Final
from urllib.parse import unquote

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug import Request

from ca_service.authority.installation import PublicServices
from ca_service.authority.status.crl_publisher import CRL_NO_DELTA, PublishedCRL
from ca_service.errors import NotFound
from ca_service.pki import encodings
from ca_service.web.context import public, public_services
from ca_service.web.public import blueprint

_DELTA: Final = "-delta"
_FRESH_FOR: Final = timedelta(minutes=5)  # in caches between this service and its clients
NOT_KEPT: Final = "no-store"
OCSP_TYPE: Final = "application/ocsp-response"


@blueprint.get("/ca/<name>.crl")
@public
def revocation_list(name: str) -> ResponseReturnValue:
    """Return the CRL of an authority as DER (RFC 5280, 4.2.1.13): `ISSUER.crl`, or its delta: `ISSUER-delta.crl`."""
    return crl_response(public_services(), request, name)


@blueprint.get("/ca/<name>.crl.pem")
@public
def revocation_list_as_pem(name: str) -> ResponseReturnValue:
    """Return the CRL as PEM (RFC 7468, 7)."""
    return crl_response(public_services(), request, name, as_pem=True)


@blueprint.post("/ocsp")
@blueprint.post("/ocsp/")
@public
def ask_ocsp() -> ResponseReturnValue:
    """Answer an OCSP request in the body (RFC 6960, A.1)."""
    return ocsp_response(public_services(), request, request.get_data(cache=False))


@blueprint.get("/ocsp/<path:encoded>", merge_slashes=False)
@public
def ask_ocsp_by_address(encoded: str) -> ResponseReturnValue:
    """Answer an OCSP request in the URL: base64, with +, / and = percent-encoded or not (RFC 6960, A.1).

    Caches may keep the answer for a few minutes (RFC 5019, 6.2).
    """
    return ocsp_response(public_services(), request, decoded(encoded))


def crl_response(services: PublicServices, request: Request, name: str, *, as_pem: bool = False) -> Response:
    """Return a CRL or delta. Raises NotFound if there is none of this name."""
    published, data, tag = _find(services, name)
    if as_pem:
        response = Response(encodings.crl_pem(data), content_type="application/x-pem-file")
    else:
        response = Response(data, content_type="application/pkix-crl")
    file_name = f"{name}.crl.pem" if as_pem else f"{name}.crl"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    left = published.record.next_update - services.clock()
    _may_be_kept(response, timedelta(0) if published.is_overdue else min(left, _FRESH_FOR))
    response.last_modified = published.record.this_update
    response.set_etag(f"{tag}-pem" if as_pem else tag)
    response.make_conditional(request)
    return response


def _find(services: PublicServices, name: str) -> tuple[PublishedCRL, bytes, str]:
    """Return the published CRL, its bytes, and its entity tag."""
    published = services.crl_publisher.current(name.removesuffix(_DELTA))
    if not name.endswith(_DELTA):
        return published, published.data.full, published.digest
    if published.data.delta is None:
        raise NotFound.because(CRL_NO_DELTA)
    return published, published.data.delta, f"{published.digest}{_DELTA}"


def decoded(encoded: str) -> bytes:
    """Return the OCSP request of a URL; empty, which is malformed, if it is not base64."""
    try:
        return base64.b64decode(unquote(encoded).replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def ocsp_response(services: PublicServices, request: Request, data: bytes) -> Response:
    """Return the answer to an OCSP request, DER. Only one to a GET may be kept by caches."""
    found = services.ocsp_responder.answer(data)
    response = Response(found.der, content_type=OCSP_TYPE)
    if request.method == "POST" or found.this_update is None or found.next_update is None:
        response.headers["Cache-Control"] = NOT_KEPT
        return response
    _may_be_kept(response, min(found.next_update - services.clock(), _FRESH_FOR))
    response.last_modified, response.expires = found.this_update, found.next_update
    response.add_etag()
    response.make_conditional(request)
    return response


def _may_be_kept(response: Response, time: timedelta) -> None:
    seconds = max(0, int(time.total_seconds()))
    response.headers["Cache-Control"] = f"public, max-age={seconds}, no-transform, must-revalidate"
