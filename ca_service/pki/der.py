"""Knows how to walk DER (X.690, 10) where the byte ranges matter; does not interpret values.

`cryptography` parses requests, but hands out neither the bytes of a subject as they were signed,
nor repeated attributes, nor what follows the request. That is all that this module is for.
"""

from __future__ import annotations

from typing import NamedTuple

SEQUENCE = 0x30
INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06


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


def sequence(*elements: bytes) -> bytes:
    """A SEQUENCE of elements that are DER already (X.690, 8.9)."""
    return _encode(SEQUENCE, b"".join(elements))


def bit_string(data: bytes) -> bytes:
    """A BIT STRING of whole octets (X.690, 8.6)."""
    return _encode(BIT_STRING, b"\x00" + data)


def _encode(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _bounds(data: bytes, at: int) -> tuple[int, int]:
    """Where the value of the element at this place begins and ends."""
    if len(data) < at + 2:
        raise DERError("truncated")
    length, start = data[at + 1], at + 2
    if data[at] & 0x1F == 0x1F:
        raise DERError("high tag number")
    if length >= 0x80:
        length, start = _long_length(data, start, length & 0x7F)
    if start + length > len(data):
        raise DERError("truncated")
    return start, start + length


def _long_length(data: bytes, start: int, size: int) -> tuple[int, int]:
    """How many bytes long the value is, and where it begins (X.690, 8.1.3.5)."""
    if not 1 <= size <= 4:
        raise DERError("length form")
    if len(data) < start + size:
        raise DERError("truncated")
    length = int.from_bytes(data[start : start + size], "big")
    if length < 0x80 or data[start] == 0:
        raise DERError("length is not minimal")
    return length, start + size
