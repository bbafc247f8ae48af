"""Knows the files that people and scripts take home: what is in them, their content types, their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cryptography import x509
from flask import Response

from ca_service.authority.hierarchy import ActiveAuthority
from ca_service.authority.records import CertificateRecord
from ca_service.errors import InvalidInput, blocking
from ca_service.pki import encodings
from ca_service.vos.bundle import Delivery, bundle_of, safe_name
from ca_service.web.context import installation

#: The files in which certificates are handed out, by the name of their format. A PEM file of several
#: leaves is no chain, so it does not call itself application/pem-certificate-chain (RFC 8555, 9.1).
CONTENT_TYPES: Final = {
    "zip": "application/zip",
    "pem": "application/x-pem-file",
    "der": "application/pkix-cert",  # RFC 2585, 4.1
    "p7b": "application/x-pkcs7-certificates",
}
_CHAIN_ENCODINGS: Final[dict[str, Callable[[Sequence[x509.Certificate]], bytes]]] = {
    "pem": encodings.pem_chain,
    "p7b": encodings.p7b,
}
AUTHORITY_FORMATS: Final = tuple(_CHAIN_ENCODINGS)


def deliver(records: Sequence[CertificateRecord], format: str) -> Response:
    """The certificates as a file to be saved: `zip`, `pem`, `der` or `p7b`.

    The ZIP is the bundle; PEM and P7B hold the leaves in their order, then their authorities, each
    once, the root last; DER holds one leaf alone. Raises InvalidInput for another format, and for
    DER of several.
    """
    require_format(format, len(records))
    issuance = installation().issuance
    deliveries = [issuance.delivery(record) for record in records]
    bundle = bundle_of(deliveries)
    if format == "zip":
        return _file(bundle.name, format, bundle.to_zip())
    name = f"{bundle.name.removesuffix('.zip')}.{format}"
    if format == "der":
        return _file(name, format, encodings.der(deliveries[0].leaf))
    return _file(name, format, _CHAIN_ENCODINGS[format](_with_authorities(deliveries)))


def deliver_authority(authority: ActiveAuthority, format: str) -> Response:
    """The issuing authority and those above it, the root last, as a file: `pem` or `p7b`."""
    if format not in AUTHORITY_FORMATS:
        raise _unknown(format, AUTHORITY_FORMATS)
    name = f"{safe_name(authority.record.name)}-ca-chain.{format}"
    return _file(name, format, _CHAIN_ENCODINGS[format](authority.chain))


def require_format(format: str, count: int) -> None:
    """Raise InvalidInput unless so many certificates can be handed out in this format."""
    if format not in CONTENT_TYPES:
        raise _unknown(format, tuple(CONTENT_TYPES))
    if format == "der" and count != 1:
        raise InvalidInput(
            blocking(
                "format.single",
                "/format",
                "A DER file holds one certificate, and this is about {count}.",
                "Ask for zip, pem or p7b, or send one request at a time.",
                count=count,
            )
        )


def _with_authorities(deliveries: Sequence[Delivery]) -> list[x509.Certificate]:
    leaves = [delivery.leaf for delivery in deliveries]
    return [*leaves, *_once(found for delivery in deliveries for found in delivery.authorities)]


def _once(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    return list(dict.fromkeys(certificates))


def _unknown(format: str, known: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        blocking(
            "format.unknown",
            "/format",
            "There is no format \u201c{format}\u201d for this.",
            "Use one of: {known}.",
            format=format[:32],
            known=", ".join(known),
        )
    )


def _file(name: str, format: str, data: bytes) -> Response:
    """The data as an attachment; the name is plain ASCII, so it needs no RFC 8187."""
    response = Response(data, content_type=CONTENT_TYPES[format])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
