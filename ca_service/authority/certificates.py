"""The record of an issued certificate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ca_service.errors import Rule
from ca_service.pki.profiles import ends_soon

CERTIFICATE_UNKNOWN: Final = Rule(
    "certificate.unknown",
    "There is no certificate with the serial number {serial}.",
    "Compare it with the number in the certificate, or search for the host in the list of certificates.",
)

SERIAL_DIGITS: Final = 40
LEAST_SERIAL_DIGITS: Final = 36  # other tools print a serial number without the zeros before it


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """An issued leaf, with the request that it answers. Fingerprints are SHA-256, hexadecimal.

    `purpose` is the purpose on a node as Cisco names it, such as tomcat-ECDSA; empty for a plain server.
    """

    serial_number: str
    profile: str
    host: str
    subject: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    issued_by: str
    issuer_id: str
    request_fingerprint: str
    key_fingerprint: str
    der: bytes
    csr_der: bytes
    purpose: str = ""

    def ends_soon(self, now: datetime) -> bool:
        """Return whether it has to be renewed."""
        return ends_soon(self.not_before, self.not_after, now)
