"""Knows the fields of a TBSCertificate (RFC 5280, 4.1) as the bytes that they are encoded in."""

from __future__ import annotations

from typing import NamedTuple

from ca_service.pki import der

_VERSION = 0xA0  # [0] EXPLICIT Version, which a certificate of version 1 leaves out


class Fields(NamedTuple):
    """The fields that every certificate has, in their order; each with its tag and length."""

    serial_number: bytes
    signature: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    subject_public_key_info: bytes


def fields(tbs: der.Element) -> Fields:
    """The fields of a TBSCertificate that was parsed already."""
    found = [element.der for element in tbs.children if element.tag != _VERSION]
    return Fields(*found[:6])
