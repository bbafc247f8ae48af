"""Formats of delivered certificates: the bundle, and plain files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cryptography import x509

from ca_service.errors import InvalidInput, Rule
from ca_service.pki import encodings
from ca_service.vos.bundle import Bundle, BundleFile, Delivery, bundle_name, bundle_of

FORMAT_UNKNOWN: Final = Rule(
    "format.unknown",
    "There is no format \u201c{format}\u201d for this.",
    "Use one of: {known}.",
)
FORMAT_SINGLE: Final = Rule(
    "format.single",
    "A DER file holds one certificate; {count} were requested.",
    "Choose zip, pem or p7b, or request one certificate at a time.",
)

CHAIN_ENCODINGS: Final[dict[str, Callable[[Sequence[x509.Certificate]], bytes]]] = {
    "pem": encodings.pem_chain,
    "p7b": encodings.p7b,
}
FORMATS: Final = ("zip", "pem", "der", "p7b")


def require_format(format: str, count: int) -> None:
    """Raise InvalidInput unless so many certificates can be handed out in this format."""
    if format not in FORMATS:
        raise unknown_format(format, FORMATS)
    if format == "der" and count != 1:
        raise InvalidInput(FORMAT_SINGLE.at("/format", count=count))


def unknown_format(format: str, known: Sequence[str]) -> InvalidInput:
    """Return the error for a format that does not exist here."""
    return InvalidInput(FORMAT_UNKNOWN.at("/format", format=format[:32], known=", ".join(known)))


def as_file(deliveries: Sequence[Delivery], format: str, bundle: Bundle | None = None) -> BundleFile:
    """Return the certificates as one named file; `bundle` is theirs, if it was made already.

    The ZIP is the bundle; PEM and P7B hold the leaves in their order, then their authorities, each
    once, the root last; DER holds one leaf alone. Raises InvalidInput as `require_format` does.
    """
    require_format(format, len(deliveries))
    name = f"{bundle_name(deliveries).removesuffix('.zip')}.{format}"
    if format == "zip":
        return BundleFile(name, (bundle or bundle_of(deliveries)).to_zip())
    if format == "der":
        return BundleFile(name, encodings.der(deliveries[0].leaf))
    return BundleFile(name, CHAIN_ENCODINGS[format](_with_authorities(deliveries)))


def _with_authorities(deliveries: Sequence[Delivery]) -> list[x509.Certificate]:
    leaves = [delivery.leaf for delivery in deliveries]
    return [*leaves, *_once(found for delivery in deliveries for found in delivery.authorities)]


def _once(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    return list(dict.fromkeys(certificates))
