"""The files of a trust kit: the root in the form that each system reads, named after the authority.

The same certificates give the same bytes, UUIDs included.
"""

from __future__ import annotations

import json
import plistlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from ca_service.pki import encodings, names
from ca_service.vos.file_names import safe_name

#: The content type of each kind of file.
CONTENT_TYPES: Final = {
    "cer": "application/pkix-cert",  # RFC 2585, 4.1
    "crt": "application/x-x509-ca-cert",  # Android and browsers take it for an authority
    "pem": "application/x-pem-file",
    "mobileconfig": "application/x-apple-aspen-config",
    "policies": "application/json",
    "intermediates": "application/x-pem-file",
    "readme": "text/plain; charset=utf-8",
    "sums": "text/plain; charset=utf-8",
    "zip": "application/zip",
}
_DIGITS: Final = 8  # of the fingerprint, which tell apart two names that are no ASCII


@dataclass(frozen=True, slots=True)
class TrustFile:
    """A file of a trust kit. `kind` is a key of CONTENT_TYPES."""

    kind: str
    name: str
    data: bytes

    @property
    def content_type(self) -> str:
        """The type under which it is served."""
        return CONTENT_TYPES[self.kind]


def display_name(certificate: x509.Certificate) -> str:
    """Return the name of an authority that people see in trust stores: its common name, or else its subject."""
    return names.common_name(certificate.subject) or names.name_text(certificate.subject)


def stem(certificate: x509.Certificate) -> str:
    """Return the name of an authority as a file name without an ending: ASCII, lower case.

    A name with other letters loses them, so a part of the fingerprint is added.
    """
    name = display_name(certificate)
    suffix = "" if name.isascii() else f"-{encodings.fingerprint(certificate)[:_DIGITS]}"
    return f"{safe_name(name)}{suffix}"


def certificate_files(root: x509.Certificate, intermediates: Sequence[x509.Certificate]) -> tuple[TrustFile, ...]:
    """Return the files of a root, then those of the intermediates below it."""
    name, pem = stem(root), encodings.pem(root)
    return (
        TrustFile("cer", f"{name}.cer", encodings.der(root)),
        TrustFile("crt", f"{name}.crt", pem),
        TrustFile("pem", f"{name}.pem", pem),
        TrustFile("mobileconfig", f"{name}.mobileconfig", apple_profile(root)),
        TrustFile("policies", f"{name}-policies.json", firefox_policies(f"{name}.crt")),
        *(TrustFile("intermediates", f"{stem(each)}.pem", encodings.pem(each)) for each in intermediates),
    )


def apple_profile(root: x509.Certificate) -> bytes:
    """Return a configuration profile for macOS and iOS with the root as its only payload.

    Identifiers and UUIDs come from the fingerprint: a second installation replaces the first one.
    """
    name, fingerprint = display_name(root), encodings.fingerprint(root)
    identifier = f"ca-service.{fingerprint[:32]}"
    payload = {
        **_header("com.apple.security.root", f"{identifier}.root", name),
        "PayloadCertificateFileName": f"{stem(root)}.cer",
        "PayloadContent": encodings.der(root),
    }
    return plistlib.dumps({**_header("Configuration", identifier, name), "PayloadContent": [payload]})


def _header(kind: str, identifier: str, name: str) -> dict[str, object]:
    """Return the members that every payload has (Apple, Device Management, CommonPayloadKeys)."""
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_OID, identifier)).upper(),
        "PayloadDisplayName": name,
    }


def firefox_policies(file: str) -> bytes:
    """Return the policies.json that installs this file and, on Windows and macOS, trusts the roots of the system."""
    policies = {"policies": {"Certificates": {"ImportEnterpriseRoots": True, "Install": [file]}}}
    return f"{json.dumps(policies, indent=2)}\n".encode("ascii")
