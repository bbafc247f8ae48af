"""The wrappings of a CSR, and how exactly one CSR is taken out of them.

PEM under three labels (RFC 7468, 7; Cisco's CLI manual prints a third), DER, bare base64; with CRLF,
CR, BOM, UTF-16, indentation, text or terminal noise around it. What is inside is not judged here.
"""

from __future__ import annotations

import binascii
import re
from typing import Final, Literal

from ca_service.errors import Refused, Rule, TooLarge
from ca_service.pki import der

CSR_PRIVATE_KEY: Final = Rule(
    "csr.private-key",
    "There is a private key in what was sent. It was not stored and not logged.",
    "Treat that key as exposed: make a new request on the node, and upload only the .csr file.",
)
CSR_CERTIFICATE: Final = Rule(
    "csr.certificate",
    "There is a certificate in it, which is the answer to a request and not the request.",
    "On the node choose Generate CSR, then Download CSR, tomcat-ECDSA, and upload that file alone.",
)
CSR_TRUNCATED: Final = Rule(
    "csr.truncated",
    "The request stops before its end.",
    "Copy it again with its END line, or upload the file that the node gave you.",
)
CSR_UNREADABLE: Final = Rule(
    "csr.unreadable",
    "No signing request was found in it.",
    "Upload a PKCS#10 request: PEM (-----BEGIN CERTIFICATE REQUEST-----), DER or base64.",
)
CSR_TOO_LARGE: Final = Rule(
    "csr.too-large",
    "The file has {size} bytes; a CSR has a few thousand.",
    "Upload only the .csr file. The limit is {limit} bytes.",
)
CSR_EMPTY: Final = Rule(
    "csr.empty",
    "There is no request: the file or text is empty.",
    "On the node choose Download CSR, tomcat-ECDSA, and upload that file.",
)
CSR_SEVERAL: Final = Rule(
    "csr.several",
    "There are {count} requests in one file.",
    "Upload each request as a file of its own; you can choose several files together.",
)
CSR_PKCS12: Final = Rule(
    "csr.pkcs12",
    "This is a PKCS#12 file (.p12, .pfx), which holds a certificate and perhaps its private key.",
    "Upload the signing request (.csr). A private key must never leave the node that made it.",
)
CSR_TRAILING_DATA: Final = Rule(
    "csr.trailing-data",
    "{count} bytes follow the end of the request.",
    "Download the request again and upload it unchanged.",
)
CSR_ENCODING: Final = Rule(
    "csr.encoding",
    "The text between BEGIN and END is not base64: a character is missing or does not belong there.",
    "Copy the whole request again, or upload the file that the node gave you.",
)

MAX_REQUEST_BYTES: Final = 64 * 1024
REQUEST_LABELS: Final = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "CERTIFICATE SIGN REQUEST")
_CERTIFICATE_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7")
_MIN_BASE64: Final = 64  # shorter text is not half of a request, but a word that was typed

Kind = Literal["request", "certificate", "private-key", "pkcs12", "unknown"]

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+?) ?-----")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def unwrap(data: bytes) -> bytes:
    """Return the DER of the one request in `data`, with its outer length checked.

    Raises TooLarge above MAX_REQUEST_BYTES, and Refused with a rule of its own for: nothing, a private
    key, a certificate, a PKCS#12 file, several requests, a truncated one, data after it, no request.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise TooLarge.because(CSR_TOO_LARGE, size=len(data), limit=MAX_REQUEST_BYTES)
    if not data.strip(b"\x00\r\n\t "):
        raise Refused.because(CSR_EMPTY)
    if data[0] == der.SEQUENCE and not _looks_like_text(data):
        return _expect_request(data)
    return _from_text(_decode(data))


def requests_in(data: bytes, limit: int) -> tuple[bytes, ...]:
    """Return each PEM request of a text that has several, up to a limit, and nothing else.

    Any other data is returned as it is, alone.
    """
    if not 2 <= data.count(b"-----BEGIN ") <= limit:  # text in UTF-16 has one request
        return (data,)
    text = _decode(data)
    blocks = tuple(_BEGIN.finditer(text))
    if len(blocks) < 2 or any(block[1] not in REQUEST_LABELS for block in blocks):
        return (data,)
    ends = [*(block.start() for block in blocks[1:]), len(text)]
    return tuple(text[block.start() : end].encode() for block, end in zip(blocks, ends, strict=True))


def _looks_like_text(data: bytes) -> bool:
    """Return whether a first byte 0x30 is the digit 0 of a text and not the tag of a SEQUENCE."""
    return _BASE64.fullmatch(_without_blanks(data.decode("latin-1"))) is not None


def _without_blanks(text: str) -> str:
    return "".join(text.split())


def _decode(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    if data[1:2] == b"\x00":
        return data.decode("utf-16-le", "replace")
    if data[0:1] == b"\x00":
        return data.decode("utf-16-be", "replace")
    return data.decode("latin-1")


def _from_text(text: str) -> bytes:
    if "\\" in text:
        text = text.replace("\\r", "\n").replace("\\n", "\n")  # a request copied out of JSON
    blocks = tuple(_BEGIN.finditer(text))
    labels = [block[1] for block in blocks]
    if any("PRIVATE KEY" in label for label in labels):
        raise _private_key()
    if any(label in _CERTIFICATE_LABELS for label in labels):
        raise _certificate()
    requests = [block for block in blocks if block[1] in REQUEST_LABELS]
    if not requests:
        return _from_base64(text)
    if len(requests) > 1:
        raise Refused.because(CSR_SEVERAL, count=len(requests))
    return _from_block(text[requests[0].end() :], requests[0][1])


def _from_block(text: str, label: str) -> bytes:
    """Return the request from behind its BEGIN line up to its END line."""
    body, end, _ = text.partition(f"-----END {label}")
    if not end:
        raise _truncated()
    return _expect_request(_base64(_without_noise(body)))


def _without_noise(body: str) -> str:
    """Return the base64 of a PEM body; a line with a blank in it is a header or a terminal's pager."""
    lines = (line.split() for line in body.splitlines())
    return "".join(words[0] for words in lines if len(words) == 1)


def _from_base64(text: str) -> bytes:
    """Return a request without BEGIN and END lines, as some clipboards and APIs hand it out."""
    text = _without_blanks(text)
    if len(text) < _MIN_BASE64 or not _BASE64.fullmatch(text):
        raise _unreadable()
    return _expect_request(_base64(text))


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error is one; characters beyond ASCII are another
        raise Refused.because(CSR_ENCODING) from error


def _expect_request(data: bytes) -> bytes:
    try:
        element, rest = der.read(data)
    except der.DERError as error:
        raise (_truncated() if "truncated" in str(error) else _unreadable()) from error
    kind = kind_of(element)
    if kind == "private-key":
        raise _private_key()
    if kind == "certificate":
        raise _certificate()
    if kind == "pkcs12":
        raise Refused.because(CSR_PKCS12)
    if kind == "unknown":
        raise _unreadable()
    if rest:
        raise Refused.because(CSR_TRAILING_DATA, count=len(rest))
    return element.der


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
        return "certificate"  # PKCS#7: a bag of certificates
    if tags[:2] == (der.INTEGER, der.SEQUENCE) and parts[0].content == b"\x03":
        return "pkcs12"
    return "private-key" if _is_private_key(tags) else "unknown"


def _is_private_key(tags: tuple[int, ...]) -> bool:
    pkcs8 = tags[:3] == (der.INTEGER, der.SEQUENCE, der.OCTET_STRING)
    encrypted = tags == (der.SEQUENCE, der.OCTET_STRING)
    sec1 = tags[:2] == (der.INTEGER, der.OCTET_STRING)
    pkcs1 = len(tags) >= 9 and set(tags[:9]) == {der.INTEGER}
    return pkcs8 or encrypted or sec1 or pkcs1


def _private_key() -> Refused:
    return Refused.because(CSR_PRIVATE_KEY)


def _certificate() -> Refused:
    return Refused.because(CSR_CERTIFICATE)


def _truncated() -> Refused:
    return Refused.because(CSR_TRUNCATED)


def _unreadable() -> Refused:
    return Refused.because(CSR_UNREADABLE)
