"""CA certificates for relying parties, the explanation of each rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug import Request

from ca_service.authority.installation import PublicServices
from ca_service.errors import NotFound, Rule
from ca_service.pki import encodings
from ca_service.pki.chain import Chain
from ca_service.web.context import base_url, options, public, public_services
from ca_service.web.public import blueprint

CA_FILE_UNKNOWN: Final = Rule(
    "ca-file.unknown",
    "There is no file {name} of this authority.",
    "The page {base_url}/ca/ lists the available files.",
)

_DER: Final = "application/pkix-cert"
_PEM: Final = "application/x-pem-file"
_FILES: Final[dict[str, tuple[str, Callable[[Chain], bytes]]]] = {
    "root.pem": (_PEM, lambda chain: encodings.pem(chain[-1])),
    "root.der": (_DER, lambda chain: encodings.der(chain[-1])),
    "root.crt": (_DER, lambda chain: encodings.der(chain[-1])),
    "intermediate.pem": (_PEM, lambda chain: encodings.pem(chain[0])),
    "intermediate.der": (_DER, lambda chain: encodings.der(chain[0])),
    "chain.pem": (_PEM, encodings.pem_chain),
    "chain.p7b": ("application/x-pkcs7-certificates", encodings.p7b),
    "truststore.p12": ("application/x-pkcs12", lambda chain: encodings.trust_store(chain[-1])),
}
_INTERMEDIATE: Final = "intermediate."
RULE_UNKNOWN: Final = Rule("rule.unknown", "There is no rule {name}.", "Check the address.")
_MAX_NAME: Final = 60


@blueprint.get("/ca/<name>")
@public
def authority_file(name: str) -> ResponseReturnValue:
    """Return a file of the authority. The AIA extension of a leaf points to `ISSUER.der`."""
    response = file_response(public_services(), request, name)
    if response is None:
        raise NotFound.because(CA_FILE_UNKNOWN, name=name[:80], base_url=base_url())
    return response


def file_response(services: PublicServices, request: Request, name: str) -> Response | None:
    """Return a file of the authority, or None if there is none of this name.

    Raises Conflict for the certificate of a revoked intermediate, except where the AIA extension of a leaf points to:
    a client that has followed it looks into the CRL. The chain then ends below the root.
    """
    if name in _FILES:
        if name.startswith(_INTERMEDIATE):
            services.trusted.require([services.hierarchy.active().record.id])
        content_type, make = _FILES[name]
        return public_file(request, name, content_type, make(services.trusted.chain()))
    certificate = _issuer_certificate(services, name.removesuffix(".der")) if name.endswith(".der") else None
    return public_file(request, name, _DER, certificate) if certificate else None


def _issuer_certificate(services: PublicServices, issuer_id: str) -> bytes | None:
    records = services.hierarchy.list_issuers()
    return next((each.certificate_der for each in records if each.id == issuer_id), None)


def public_file(request: Request, name: str, content_type: str, data: bytes) -> Response:
    """Return a file that caches may keep for an hour, as an attachment."""
    response = Response(data, content_type=content_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "public, max-age=3600"
    if not name.endswith(".p12"):  # encrypted with a new salt each time, so its bytes differ
        response.add_etag()
    response.make_conditional(request)
    return response


@blueprint.get("/rules/<name>")
@public
def rule_page(name: str) -> ResponseReturnValue:
    """Explain the rule with this id: what is wrong, and how to fix it."""
    rule = options().rules().get(name)
    if rule is None:
        raise NotFound.because(RULE_UNKNOWN, name=name[:_MAX_NAME])
    return render_template("rule.html", rule=rule)
