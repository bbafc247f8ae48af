"""Reading and writing DER (X.690, 10) where the byte ranges matter, without interpreting values.

`cryptography` parses requests, but hands out neither the bytes of a subject as they were signed,
nor repeated attributes, nor what follows the request; and its builders make neither a revocation list
out of entries that are kept as bytes, nor one OCSP answer about several certificates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, NamedTuple

SEQUENCE = 0x30
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER, ENUMERATED = (
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x0A,
)
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18


class DERError(ValueError):
    """The bytes are not DER, or stop too early."""


class Element(NamedTuple):
    """One tag-length-value; `der` is the whole of it, `content` the value alone."""

    tag: int
    der: bytes
    content: bytes

    @property
    def children(self) -> tuple[Element, ...]:
        """The elements that the value is made of."""
        data, at, found = self.content, 0, []
        while at < len(data):
            start, end = _bounds(data, at)
            found.append(Element(data[at], data[at:end], data[start:end]))
            at = end
        return tuple(found)


def read(data: bytes) -> tuple[Element, bytes]:
    """Take the first element off `data`; return it and what follows it.

    Raises DERError for indefinite lengths, high tag numbers, non-minimal lengths and truncation.
    """
    start, end = _bounds(data, 0)
    return Element(data[0], data[:end], data[start:end]), data[end:]


def stated_size(data: bytes) -> int | None:
    """Return how many bytes the first element says that it has, with its header; None if its header is not DER."""
    try:
        return _header(data, 0)[1]
    except DERError:
        return None


def encode(tag: int, *parts: bytes) -> bytes:
    """Return an element of this tag; its parts are the value (X.690, 8.1)."""
    size = sum(map(len, parts))
    if size < 0x80:
        return b"".join((bytes((tag, size)), *parts))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"".join((bytes((tag, 0x80 | len(length))), length, *parts))  # copied once: lists have megabytes


def sequence(*elements: bytes) -> bytes:
    """Return a SEQUENCE of elements that are DER already (X.690, 8.9)."""
    return encode(SEQUENCE, *elements)


def explicit(number: int, *elements: bytes) -> bytes:
    """Elements under an explicit tag of their place: [0], [1] ... (X.690, 8.14)."""
    return encode(0xA0 | number, *elements)


def bit_string(data: bytes) -> bytes:
    """Return a BIT STRING of whole octets (X.690, 8.6)."""
    return encode(BIT_STRING, b"\x00", data)


def octet_string(data: bytes) -> bytes:
    """Return an OCTET STRING (X.690, 8.7)."""
    return encode(OCTET_STRING, data)


def integer(number: int) -> bytes:
    """Return an INTEGER that is not negative (X.690, 8.3)."""
    return encode(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def enumerated(number: int) -> bytes:
    """Return an ENUMERATED of less than 128 (X.690, 8.4)."""
    return encode(ENUMERATED, bytes((number,)))


def object_identifier(dotted: str) -> bytes:
    """Return an OBJECT IDENTIFIER (X.690, 8.19)."""
    first, second, *others = map(int, dotted.split("."))
    return encode(OBJECT_IDENTIFIER, *map(_base128, (40 * first + second, *others)))


def time(moment: datetime) -> bytes:
    """Return a Time: UTCTime through 2049, GeneralizedTime from then on (RFC 5280, 5.1.2.4)."""
    if moment.astimezone(UTC).year < _FIRST_GENERALIZED_YEAR:
        return encode(UTC_TIME, _digits(moment)[2:])
    return generalized_time(moment)


def generalized_time(moment: datetime) -> bytes:
    """Return a GeneralizedTime in UTC and whole seconds (RFC 5280, 4.1.2.5.2)."""
    return encode(GENERALIZED_TIME, _digits(moment))


_FIRST_GENERALIZED_YEAR: Final = 2050


def _digits(moment: datetime) -> bytes:
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%SZ}".encode()


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Return begin and end of the value of the element at this offset."""
    start, end = _header(data, at)
    if end > len(data):
        raise DERError("truncated")
    return start, end


def _header(data: bytes, at: int) -> tuple[int, int]:
    """Return begin and end of the value as its header states them; the end may lie beyond the data."""
    if len(data) < at + 2:
        raise DERError("truncated")
    length, start = data[at + 1], at + 2
    if data[at] & 0x1F == 0x1F:
        raise DERError("high tag number")
    if length >= 0x80:
        length, start = _long_length(data, start, length & 0x7F)
    return start, start + length


def _long_length(data: bytes, start: int, size: int) -> tuple[int, int]:
    """Return the length of the value in bytes, and its offset (X.690, 8.1.3.5)."""
    if not 1 <= size <= 4:
        raise DERError("length form")
    if len(data) < start + size:
        raise DERError("truncated")
    length = int.from_bytes(data[start : start + size], "big")
    if length < 0x80 or data[start] == 0:
        raise DERError("length is not minimal")
    return length, start + size
