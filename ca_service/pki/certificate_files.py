"""Files of certificates: PEM, DER or PKCS#7 under any label, in a text as programs leave it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs7

from ca_service.errors import InvalidInput, Rule
from ca_service.pki import der, files, strict, traces
from ca_service.pki.files import Block
from ca_service.pki.parse_errors import PARSE_ERRORS

CERTIFICATE_UNREADABLE: Final = Rule(
    "certificate.unreadable",
    "No certificate can be read from it.",
    "Give the certificate as PEM, DER or PKCS#7.",
)
CERTIFICATE_ENCODING: Final = Rule(
    "certificate.encoding",
    "Line {line} of the certificate contains {character}, which is not base64. {origin}",
    "Copy the whole certificate again as plain text, or give the file as your CA made it.",
)
CERTIFICATE_IS_REQUEST: Final = Rule(
    "certificate.is-request",
    "This is a signing request (CSR), not a certificate.",
    "Give the file that the CA made of the request: .pem, .cer, .crt or .p7b.",
)
CERTIFICATE_PRIVATE_KEY: Final = Rule(
    "certificate.private-key",
    "There is a private key in what was sent. It was not stored and not logged.",
    "Treat that key as exposed. Give certificates only.",
)
CERTIFICATE_FORMAT: Final = Rule(
    "certificate.format",
    "This is {format}, not a certificate.",
    "Give the certificate as PEM, DER or PKCS#7.",
)
CERTIFICATE_NOT_DER: Final = Rule(
    "certificate.not-der",
    "The certificate is not written as DER demands: {what}. It cannot be judged here, and some programs refuse it.",
    "Have it issued again by a CA whose program is newer.",
)

_MAX_BLOCKS: Final = 1000  # more do not fit into the largest file
_MIN_BASE64: Final = 64


def load_from_any_file(data: bytes) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a file in its order. Raises InvalidInput, which names what is in it instead."""
    elements = tuple(_elements(data))
    found = tuple(certificate for element in elements for certificate in _certificates(element))
    if found:
        return found
    if any(files.kind_of(element) == "request" for element in elements):
        raise InvalidInput.because(CERTIFICATE_IS_REQUEST)
    raise InvalidInput.because(CERTIFICATE_UNREADABLE)


def _elements(data: bytes) -> Iterator[der.Element]:
    if data[:1] == files.SEQUENCE and (element := _whole(data)):
        yield element
        return
    if known := files.format_of(data):
        raise InvalidInput.because(CERTIFICATE_FORMAT, format=known)
    text = traces.removed(files.decode(data))
    blocks = files.loose_blocks(text)
    if any("PRIVATE KEY" in block.label for block in blocks):
        raise InvalidInput.because(CERTIFICATE_PRIVATE_KEY)
    if not blocks and len(text) >= _MIN_BASE64 and files.find_foreign(bare := Block("", text)) is None:
        blocks = (bare,)
    yield from map(_element, blocks[:_MAX_BLOCKS])


def _whole(data: bytes) -> der.Element | None:
    try:
        element, rest = der.read(data)
    except der.DERError:
        return None
    return None if rest else element


def _element(block: Block) -> der.Element:
    element = _first(block) if block.label == "TRUSTED CERTIFICATE" else files.read_loose(block)
    if element is not None:
        return element
    if foreign := files.find_foreign(block):
        raise InvalidInput.because(CERTIFICATE_ENCODING, **foreign.values)
    raise InvalidInput.because(CERTIFICATE_UNREADABLE)


def _first(block: Block) -> der.Element | None:
    """Return the certificate in what OpenSSL calls a trusted one: the purposes that it is trusted for follow it."""
    try:
        return der.read(files.read_words(block) or b"")[0]
    except der.DERError:
        return None


def _certificates(element: der.Element) -> list[x509.Certificate]:
    kind = files.kind_of(element)
    if kind == "private-key":
        raise InvalidInput.because(CERTIFICATE_PRIVATE_KEY)
    try:
        if kind == "certificate":
            return [x509.load_der_x509_certificate(element.der)]
        return list(pkcs7.load_der_pkcs7_certificates(element.der)) if kind == "pkcs7" else []
    except PARSE_ERRORS as error:
        raise _unreadable(element) from error


def _unreadable(element: der.Element) -> InvalidInput:
    try:
        oddities = strict.rewritten_certificate(element.der).oddities
    except (ValueError, IndexError):
        oddities = ()
    if oddities:
        return InvalidInput.because(CERTIFICATE_NOT_DER, what=", ".join(oddities))
    return InvalidInput.because(CERTIFICATE_UNREADABLE)
