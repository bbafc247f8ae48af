"""Knows how to write DER by hand, for requests that no library would make."""

from __future__ import annotations

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, T61_STRING, IA5_STRING = 0x0C, 0x13, 0x14, 0x16
SEQUENCE, SET = 0x30, 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element: its tag, its length, and the parts that are its value."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(SEQUENCE, *parts)


def set_of(*parts: bytes) -> bytes:
    """A SET OF, sorted as DER wants it."""
    return tlv(SET, *sorted(parts))


def context(number: int, *parts: bytes, constructed: bool = True) -> bytes:
    """An element that is known by its place: [0], [1] ..."""
    return tlv((0xA0 if constructed else 0x80) | number, *parts)


def integer(number: int) -> bytes:
    """An INTEGER that is not negative."""
    return tlv(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def boolean(value: bool) -> bytes:
    """A BOOLEAN."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def octet_string(data: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, data)


def bit_string(data: bytes, unused_bits: int = 0) -> bytes:
    """A BIT STRING."""
    return tlv(BIT_STRING, bytes((unused_bits,)) + data)


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *others = map(int, dotted.split("."))
    return tlv(OID, b"".join(_base128(number) for number in (40 * first + second, *others)))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))
