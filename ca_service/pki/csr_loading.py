"""Loading of CSRs: as they came, or from a copy in strict DER."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_service.errors import Finding, Refused, Rule
from ca_service.pki import strict
from ca_service.pki.parse_errors import PARSE_ERRORS

CSR_MALFORMED: Final = Rule(
    "csr.malformed",
    "The CSR cannot be read: its structure does not follow PKCS#10.",
    "Create a new CSR on the node and upload it unchanged.",
)
CSR_VERSION: Final = Rule(
    "csr.version",
    "The version field of the CSR contains {version}, which would be version {number}. PKCS#10 has version 1 only, "
    "written as 0.",
    "Create the CSR with another program, such as OpenSSL. Some printers and cameras write this number.",
)


@dataclass(frozen=True, slots=True)
class LoadedRequest:
    """A CSR that follows PKCS#10; subject and key are kept, because the library parses them anew at each access.

    `der` is as it came. `csr` was read from a copy in strict DER if there are `oddities`. `key` is None if it cannot be
    read.
    """

    der: bytes
    csr: x509.CertificateSigningRequest
    subject: x509.Name
    key: PublicKeyTypes | None
    oddities: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, request_der: bytes) -> LoadedRequest:
        """Load the DER of a CSR. Raises Refused if it is no PKCS#10."""
        loaded = cls._find(request_der)
        if loaded and _has_readable_extensions(loaded.csr):
            return loaded  # nearly always
        copy = strict.rewritten_request(request_der)
        again = cls._find(copy.der) if copy.oddities else None
        if again:
            return replace(again, der=request_der, oddities=copy.findings)
        if loaded:
            return loaded  # its extensions are refused later, in words of their own
        raise Refused(*(strict.unreadable_strings(request_der) or [CSR_MALFORMED.at()]))

    @classmethod
    def _find(cls, request_der: bytes) -> LoadedRequest | None:
        """Return the CSR as the library reads it, or None if it does not."""
        try:
            csr = x509.load_der_x509_csr(request_der)
            return cls(request_der, csr, csr.subject, _key_in(csr))
        except x509.InvalidVersion as error:
            version = error.parsed_version
            raise Refused(CSR_VERSION.at("/version", version=version, number=version + 1)) from error
        except (ValueError, TypeError):
            return None


def _key_in(csr: x509.CertificateSigningRequest) -> PublicKeyTypes | None:
    try:
        return csr.public_key()
    except PARSE_ERRORS:
        return None


def _has_readable_extensions(csr: x509.CertificateSigningRequest) -> bool:
    """Return whether the library reads the extensions, or refuses them for what they say and not for their encoding."""
    try:
        return csr.extensions is not None
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm):
        return True
    except (ValueError, TypeError):
        return False
