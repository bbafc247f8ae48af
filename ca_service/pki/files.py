"""Files as programs leave them: the text behind the bytes, PEM blocks (RFC 7468) with one DER element each, and kinds.

A block is read as it is first. If that fails, its words are put together in the ways in which programs take them apart;
what comes out counts only if it is one SEQUENCE of the length that it states itself. The kind of DER is judged by its
outermost structure, that of PEM by its label, and that of any other format by its first bytes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from ca_service.pki import der, traces
from ca_service.pki.visible_text import visible

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
BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+?) ?-----")
#: The same with hyphens lost; possessive, so that a text of hyphens costs no more than its length.
_LOOSE_BEGIN: Final = re.compile(r"(?<!-)-++ ?BEGIN ([A-Z0-9 #]{1,60}?) ?-+")
_LOOSE_MARK: Final = re.compile(r"(?<!-)-++ ?(?:BEGIN|END) [A-Z0-9]")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9+/=\s]|=(?=[^=]*[A-Za-z0-9+/])")
SEQUENCE: Final = bytes((der.SEQUENCE,))
_URL_SAFE: Final = str.maketrans("-_", "+/")  # RFC 4648, 5
_BYTE_ORDER_MARKS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MARKS: Final = tuple(mark for mark, _ in _BYTE_ORDER_MARKS)


class Block(NamedTuple):
    """A PEM block: its label, the text from behind its BEGIN line, and the line (from 1) of the file there."""

    label: str
    body: str
    line: int = 1
    is_closed: bool = True


class Foreign(NamedTuple):
    """A character that is not base64, and its line in the file, from 1."""

    character: str
    line: int

    @property
    def values(self) -> dict[str, object]:
        """The values of a finding about it: the line, the character for a reader, and which program writes it."""
        shown = f"\u201c{visible(self.character)}\u201d (U+{ord(self.character):04X})"
        return {"line": self.line, "character": shown, "origin": traces.origin(self.character)}


def decode(data: bytes) -> str:
    """Return the text in these bytes: UTF-8, UTF-16 with or without a byte order mark, or else Latin-1."""
    if data.startswith(_MARKS):
        mark, encoding = next(each for each in _BYTE_ORDER_MARKS if data.startswith(each[0]))
        return data[len(mark) :].decode(encoding, "replace")
    if data[1:2] == b"\x00":
        return data.decode("utf-16-le", "replace")
    if data[0:1] == b"\x00":
        return data.decode("utf-16-be", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text whose BEGIN and END lines are as they ought to be; none reaches into the next."""
    found, begin = list[Block](), BEGIN.search(text)
    while begin:
        following = BEGIN.search(text, begin.end())
        body, end, _ = text[begin.end() : following.start() if following else None].partition(f"-----END {begin[1]}")
        found.append(Block(begin[1], body, 1, bool(end)))
        begin = following
    return tuple(found)


def loose_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text that has lost hyphens, or an END line: a block ends at the next line of that kind."""
    found, line, counted = list[Block](), 1, 0
    for begin in _LOOSE_BEGIN.finditer(text):
        line, counted = line + text.count("\n", counted, begin.end()), begin.end()
        end = _LOOSE_MARK.search(text, begin.end())
        body = text[begin.end() : end.start() if end else len(text)]
        found.append(Block(begin[1], body, line, end is not None))
    return tuple(found)


def read_plain(block: Block) -> der.Element | None:
    """Return the one SEQUENCE in a block that is as it ought to be; None for any other block.

    A line with a blank in it is a header (RFC 1421) or a terminal's pager.
    """
    lines = (line.split() for line in block.body.splitlines())
    text = "".join(words[0] for words in lines if len(words) == 1)
    try:
        element, rest = der.read(binascii.a2b_base64(text, strict_mode=True))
    except ValueError:  # binascii.Error and DERError are; characters beyond ASCII are another
        return None
    return None if rest or element.tag != der.SEQUENCE else element


def read_loose(block: Block) -> der.Element | None:
    """Return the one SEQUENCE that the words of a block make, or None."""
    for text in _arrangements(block.body):
        found = _unpadded(text)
        if found is not None and found[:1] == SEQUENCE and der.stated_size(found) == len(found):
            return der.read(found)[0]
    return None


def read_words(block: Block) -> bytes | None:
    """Return what all words of a block make, as far as they are whole octets; None if they are not base64."""
    text = "".join(block.body.split()).rstrip("=")
    return _unpadded(text[:-1] if len(text) % 4 == 1 else text)  # one base64 digit alone is no octet


def find_foreign(block: Block) -> Foreign | None:
    """Return the first character of a block that is not base64; None if there is none."""
    found = _FOREIGN.search(block.body)
    return Foreign(found[0], block.line + block.body.count("\n", 0, found.start())) if found else None


def _arrangements(body: str) -> Iterator[str]:
    """Yield the text of a body in each way in which its lines may have been taken apart."""
    lines = [line.split() for line in body.splitlines()]
    yield "".join(words[0] for words in lines if len(words) == 1)
    yield "".join(word for words in lines for word in words)  # line breaks became blanks
    yield "".join(word for words in lines for word in words if _BASE64.fullmatch(word.translate(_URL_SAFE)))
    yield "+".join(body.replace("\r", "").replace("\n", "").split(" "))  # a form made blanks of plus signs


def _unpadded(text: str) -> bytes | None:
    """Return the bytes of base64 or base64url, whatever became of the padding."""
    text = text.translate(_URL_SAFE).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        return None


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
