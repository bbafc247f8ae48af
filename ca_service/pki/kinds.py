"""Kinds of files: DER by its outermost structure, PEM by its label, other formats by their first bytes."""

from __future__ import annotations

from typing import Final, Literal

from ca_service.pki import der

Kind = Literal["request", "wrapped-request", "certificate", "pkcs7", "private-key", "pkcs12", "unknown"]

CERTIFICATE_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_PKCS7_LABELS: Final = ("PKCS7", "PKCS #7 SIGNED DATA", "CMS")

_SIGNED_DATA: Final = der.object_identifier("1.2.840.113549.1.7.2")
_DATA: Final = der.object_identifier("1.2.840.113549.1.7.1")
_PKI_DATA: Final = der.object_identifier("1.3.6.1.5.5.7.12.2")  # RFC 5272, 3.2.1
#: Where a format is recognised: offset and bytes.
_FORMATS: Final = (
    (0, b"PK\x03\x04", "a ZIP"),
    (0, b"PK\x05\x06", "an empty ZIP"),
    (0, b"\x1f\x8b", "a gzip file (.gz, .tgz)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (.7z)"),
    (0, b"\xfd7zXZ\x00", "an xz file (.xz)"),
    (0, b"BZh", "a bzip2 file (.bz2)"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file (.zst)"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"MSCF\x00\x00\x00\x00", "a cabinet (.cab)"),
    (257, b"ustar", "a tar archive"),
    (0, b"\xfe\xed\xfe\xed", "a Java key store (.jks), which may hold a private key"),
    (0, b"\xce\xce\xce\xce", "a Java key store (.jceks), which may hold a private key"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Outlook message or Office document (.msg, .doc, .xls)"),
    (0, b"{\\rtf", "a formatted text (.rtf)"),
    (0, b"%PDF-", "a PDF"),
    (0, b"\x89PNG\r\n", "a picture (.png)"),
    (0, b"\xff\xd8\xff", "a picture (.jpg)"),
    (0, b"ssh-", "a public SSH key"),
    (0, b"ecdsa-sha2-", "a public SSH key"),
)


def format_of(data: bytes) -> str:
    """Return what kind of file begins like this, for a reader; empty if it is none of those that are known."""
    return next((name for at, magic, name in _FORMATS if data.startswith(magic, at)), "")


def is_pkcs7_label(label: str) -> bool:
    """Return whether PKCS#7 (CMS) is in a PEM block of this label, as programs write it."""
    return label in _PKCS7_LABELS


def kind_of(element: der.Element) -> Kind:
    """Return the kind of a DER element, judged by its outermost structure alone."""
    try:
        parts = element.children if element.tag == der.SEQUENCE else ()
        tags = tuple(part.tag for part in parts)
        if tags == (der.SEQUENCE, der.SEQUENCE, der.BIT_STRING):
            # A request has version, subject, key, attributes; a certificate six parts or more.
            return "certificate" if len(parts[0].children) > 4 else "request"
    except der.DERError:
        return "unknown"
    if tags[:1] == (der.OBJECT_IDENTIFIER,):
        return "wrapped-request" if wrapping_of(element) else "pkcs7"
    if tags[:2] == (der.INTEGER, der.SEQUENCE) and parts[0].content == b"\x03":
        return "pkcs12"
    return "private-key" if _is_private_key(tags) else "unknown"


def wrapping_of(element: der.Element) -> str:
    """Return in what a PKCS#7 element wraps a request, for a reader; empty if there is no request in it."""
    try:
        kind, body = element.children
        if kind.der != _SIGNED_DATA:
            return ""
        content, *rest = body.children[0].children[2].children
        if content.der == _PKI_DATA:
            return "CMC (RFC 5272)"
        is_request = content.der == _DATA and rest and _holds_request(rest[0])
    except (der.DERError, ValueError, IndexError):
        return ""
    return "PKCS#7 (a renewal)" if is_request else ""


def _holds_request(content: der.Element) -> bool:
    inner, _ = der.read(content.children[0].content)
    return kind_of(inner) == "request"


def _is_private_key(tags: tuple[int, ...]) -> bool:
    pkcs8 = tags[:3] == (der.INTEGER, der.SEQUENCE, der.OCTET_STRING)
    encrypted = tags == (der.SEQUENCE, der.OCTET_STRING)
    sec1 = tags[:2] == (der.INTEGER, der.OCTET_STRING)
    pkcs1 = len(tags) >= 9 and set(tags[:9]) == {der.INTEGER}
    return pkcs8 or encrypted or sec1 or pkcs1
