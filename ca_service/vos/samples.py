"""Sample CSRs, as the nodes of a small contact centre make them, to try the service without a node."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ca_service.pki.contents import to_extended_key_usage, to_key_usage
from ca_service.pki.keys import generate_key
from ca_service.vos.purposes import TOMCAT_ECDSA

#: Reserved for examples (RFC 2606): no node of a customer has such a name.
DOMAIN: Final = "example.com"
HOSTS: Final = ("uccx1", "uccx2", "sm1")
_KEY_USAGE: Final = ("digitalSignature", "keyEncipherment", "dataEncipherment", "keyAgreement")
_PURPOSES: Final = ("serverAuth", "clientAuth", "ipsecEndSystem")


def sample_csrs() -> tuple[tuple[str, bytes], ...]:
    """Return a file name and a CSR, PEM, for each host. The private keys are new each time and kept nowhere."""
    return tuple((f"{host}-{TOMCAT_ECDSA.service}.csr", _csr(host)) for host in HOSTS)


def _csr(host: str) -> bytes:
    """Return a CSR with the subject, names and usages that a node of version 11.5 requests."""
    names = [x509.DNSName(DOMAIN), x509.DNSName(f"{host}.{DOMAIN}")]
    builder = x509.CertificateSigningRequestBuilder(_subject(f"{host}-EC.{DOMAIN}"))
    builder = builder.add_extension(to_extended_key_usage(_PURPOSES), critical=False)
    builder = builder.add_extension(to_key_usage(_KEY_USAGE), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(generate_key("P-384"), hashes.SHA384()).public_bytes(Encoding.PEM)


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Texas"),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Richardson"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Contact Centre"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
