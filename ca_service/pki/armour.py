"""The wrappings of a CSR, and how exactly one CSR is taken out of them.

PEM under three labels (RFC 7468, 7; Cisco's CLI manual prints a third), DER, bare base64, in a text as programs leave
it (`traces`). What is inside is not judged here.
"""

from __future__ import annotations

import re
from typing import Final

from ca_service.errors import Refused, Rule, TooLarge
from ca_service.pki import der, files, traces
from ca_service.pki.files import Block

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
    "The request is incomplete: {found} of its {stated} bytes are there.",
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
    "Line {line} of the request contains {character}, which is not base64. {origin}",
    "Copy the whole request again as plain text, or upload the file that the node gave you.",
)
CSR_FORMAT: Final = Rule(
    "csr.format",
    "This is {format}, not a signing request.",
    "Upload the .csr file itself. Several of them can be sent in a ZIP that has nothing else in it.",
)
CSR_WRAPPED: Final = Rule(
    "csr.wrapped",
    "This is a request inside {wrapping}, as the Windows program certreq writes it.",
    "Set RequestType = PKCS10 in the .inf file, and create the request again with certreq -new.",
)
CSR_PKCS7: Final = Rule(
    "csr.pkcs7",
    "This is a PKCS#7 file (CMS, .p7b), which holds certificates and not a request.",
    "On the node choose Generate CSR, then Download CSR, tomcat-ECDSA, and upload that file alone.",
)

MAX_REQUEST_BYTES: Final = 64 * 1024
REQUEST_LABELS: Final = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST", "CERTIFICATE SIGN REQUEST")
_MIN_BASE64: Final = 64  # shorter text is not half of a request, but a word that was typed
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_BARE: Final = re.compile(r"[A-Za-z0-9+/=_-]+")
_OTHERS: Final = {
    "private-key": CSR_PRIVATE_KEY,
    "certificate": CSR_CERTIFICATE,
    "pkcs7": CSR_PKCS7,
    "pkcs12": CSR_PKCS12,
    "unknown": CSR_UNREADABLE,
}


def unwrap(data: bytes) -> bytes:
    """Return the DER of the one request in `data`, with its outer length checked.

    Raises TooLarge above MAX_REQUEST_BYTES, and Refused with a rule of its own for: nothing, a private key, a
    certificate, a PKCS#7 or PKCS#12 file, a file of another known format, several requests, a truncated one, data
    after it, a character that is not base64, no request.
    """
    if len(data) > MAX_REQUEST_BYTES:
        raise TooLarge.because(CSR_TOO_LARGE, size=len(data), limit=MAX_REQUEST_BYTES)
    if data.startswith(b"-----BEGIN "):
        return _from_text(files.decode(data))  # nearly always
    if not data.strip(b"\x00\r\n\t "):
        raise Refused.because(CSR_EMPTY)
    if data[0] == der.SEQUENCE and not _looks_like_text(data):
        return _expect_request(data)
    if known := files.format_of(data):
        raise Refused.because(CSR_FORMAT, format=known)
    return _from_text(files.decode(data))


def requests_in(data: bytes, limit: int) -> tuple[bytes, ...]:
    """Return each PEM request of a text that has several, up to a limit, and nothing else.

    Any other data is returned as it is, alone.
    """
    if not 2 <= data.count(b"-----BEGIN ") <= limit:  # text in UTF-16 has one request
        return (data,)
    text = files.decode(data)
    blocks = tuple(files.BEGIN.finditer(text))
    if len(blocks) < 2 or any(block[1] not in REQUEST_LABELS for block in blocks):
        return (data,)
    ends = [*(block.start() for block in blocks[1:]), len(text)]
    return tuple(text[block.start() : end].encode() for block, end in zip(blocks, ends, strict=True))


def _looks_like_text(data: bytes) -> bool:
    """Return whether a first byte 0x30 is the digit 0 of a text and not the tag of a SEQUENCE."""
    return _BASE64.fullmatch("".join(data.decode("latin-1").split())) is not None


def _from_text(text: str) -> bytes:
    """Return the request in a text: as it is, or after the traces of programs are removed."""
    block = _one_request(files.blocks(text))
    element = files.read_plain(block) if block and block.is_closed else None
    if element is not None:
        return _expect_kind(element)
    text = traces.removed(text)
    block = _one_request(files.loose_blocks(text)) or _bare(text)
    element = files.read_loose(block)
    if element is None:
        raise _undecodable(block)
    return _expect_kind(element)


def _one_request(blocks: tuple[Block, ...]) -> Block | None:
    """Return the block of the one request; raises Refused if there is something else, or are several."""
    if len(blocks) == 1 and blocks[0].label in REQUEST_LABELS:
        return blocks[0]  # nearly always
    labels = [block.label for block in blocks]
    if any("PRIVATE KEY" in label for label in labels):
        raise Refused.because(CSR_PRIVATE_KEY)
    if any(files.is_pkcs7_label(label) for label in labels):
        raise Refused.because(CSR_PKCS7)
    if any(label in files.CERTIFICATE_LABELS for label in labels):
        raise Refused.because(CSR_CERTIFICATE)
    requests = [block for block in blocks if block.label in REQUEST_LABELS]
    if len(requests) > 1:
        raise Refused.because(CSR_SEVERAL, count=len(requests))
    return requests[0] if requests else None


def _bare(text: str) -> Block:
    """Return a request without BEGIN and END lines, as some clipboards and APIs hand it out."""
    joined = "".join(text.split())
    if len(joined) < _MIN_BASE64 or not _BARE.fullmatch(joined):
        raise Refused.because(CSR_UNREADABLE)
    return Block("", text)


def _undecodable(block: Block) -> Refused:
    """Return why no way of reading a block gives one DER element."""
    if foreign := files.find_foreign(block):
        return Refused.because(CSR_ENCODING, **foreign.values)
    found = files.read_words(block) or b""
    stated = der.stated_size(found)
    if stated is None or found[0] != der.SEQUENCE:
        return Refused.because(CSR_UNREADABLE)
    return _wrong_size(len(found), stated)


def _wrong_size(found: int, stated: int) -> Refused:
    if found < stated:
        return Refused.because(CSR_TRUNCATED, found=found, stated=stated)
    return Refused.because(CSR_TRAILING_DATA, count=found - stated)


def _expect_request(data: bytes) -> bytes:
    try:
        element, rest = der.read(data)
    except der.DERError as error:
        stated = der.stated_size(data)
        raise (_wrong_size(len(data), stated) if stated else Refused.because(CSR_UNREADABLE)) from error
    request = _expect_kind(element)
    if rest:
        raise Refused.because(CSR_TRAILING_DATA, count=len(rest))
    return request


def _expect_kind(element: der.Element) -> bytes:
    """Return the DER of an element that is a request; raises Refused for every other kind."""
    kind = files.kind_of(element)
    if kind == "wrapped-request":
        raise Refused.because(CSR_WRAPPED, wrapping=files.wrapping_of(element))
    if kind != "request":
        raise Refused.because(_OTHERS[kind])
    return element.der
