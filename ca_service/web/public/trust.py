"""The trust page: the root certificate, the steps for each system, and the files of the trust kit."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug import Request

from ca_service.authority.hierarchy.hierarchy import ActiveAuthority
from ca_service.authority.installation import PublicServices
from ca_service.errors import NotFound
from ca_service.pki import encodings
from ca_service.pki.chain import Chain
from ca_service.vos.trust_kit import TrustKit, find_system, install_steps, list_systems, system_of, undo_steps
from ca_service.web.context import base_url, public, public_services
from ca_service.web.public import blueprint
from ca_service.web.public.files import CA_FILE_UNKNOWN, public_file
from ca_service.web.views import decode, fingerprint_groups, qr_code

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@blueprint.get("/ca/")
@public
def trust_page() -> ResponseReturnValue:
    """Show the root with its fingerprints, the steps for one system, and everything else for administrators."""
    authority, chain = public_services().hierarchy.active(), public_services().trusted.chain()
    address = _plain_address(authority)
    return render_template(
        "trust.html",
        **_steps(chain, address),
        sha1=fingerprint_groups(encodings.fingerprint_text(chain[-1], "sha1").replace(":", "")),
        picture=_picture(f"{address}/ca/"),
        chain=[decode(certificate) for certificate in reversed(chain)],
        has_revoked=len(chain) < len(authority.chain),
        base_url=base_url(),
        lists=public_services().crl_publisher.list_available(),
        ocsp_url=authority.issuer.ocsp_url or f"{base_url()}/ocsp",
        trust_store_password=encodings.TRUST_STORE_PASSWORD,
        sealing_key=public_services().receipts.key_fingerprint(),
    )


def _plain_address(authority: ActiveAuthority) -> str:
    """Return the address of this service over plain HTTP, as in certificates, or else as requested.

    A machine that does not trust the root yet may not be able to open the HTTPS address.
    """
    return authority.issuer.certificate_url.rpartition("/ca/")[0] or base_url()


def _steps(chain: Chain, address: str) -> dict[str, object]:
    """Return the steps for the system that was chosen, or for the one of the browser."""
    system = find_system(request.args.get("system", "")) or system_of(request.user_agent.string)
    kit = TrustKit(chain)
    places = kit.places(f"{address}/ca/kit/")
    return {
        "systems": list_systems(),
        "system": system,
        "install": install_steps(system, places),
        "undo": undo_steps(system, places),
        "kit": kit,
    }


def _picture(address: str) -> str:
    """Return the QR code of the page; empty for an address that leads a phone to itself."""
    return "" if urlsplit(address).hostname in _LOOPBACK else qr_code(address)


@blueprint.get("/ca/kit/<name>")
@public
def kit_file(name: str) -> ResponseReturnValue:
    """Return a file of the trust kit, or all of them as a ZIP."""
    response = kit_response(public_services(), request, name)
    if response is None:
        raise NotFound.because(CA_FILE_UNKNOWN, name=name[:80], base_url=base_url())
    return response


def kit_response(services: PublicServices, request: Request, name: str) -> Response | None:
    """Return a file of the trust kit, or None if there is none of this name: no certificate in it is revoked."""
    file = TrustKit(services.trusted.chain()).find_file(name)
    return public_file(request, name, file.content_type, file.data) if file else None
