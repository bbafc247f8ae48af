"""Knows how to make authorities and leaves for tests, with nothing but `ca_service.pki`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki import csr, issuing, keys, profiles
from ca_service.pki.contents import Contents, Issuer, Validity
from ca_service.pki.profiles import Profile
from tests.support import requests

NOW: Final = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
CERTIFICATE_URL: Final = "http://ca.example.com/ca/intermediate.crt"
_SERIAL_NUMBERS: Final = count(0x1000)


def common_name(text: str) -> x509.Name:
    """A name with nothing but a common name."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority with its key, and the chain from its certificate to the root."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        """Its own certificate."""
        return self.chain[0]

    @property
    def issuer(self) -> Issuer:
        """What `prepare` wants to know about it."""
        return Issuer.of(self.certificate, CERTIFICATE_URL)

    def issue(self, contents: Contents) -> x509.Certificate:
        """A certificate with these contents, linted as always."""
        return issuing.sign(issuing.prepare(contents, self.issuer), self.key)


def contents(
    profile: Profile,
    subject: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *hosts: str,
    days: int | None = None,
    start: datetime = NOW,
) -> Contents:
    """Contents with the defaults of the profile."""
    return Contents.by_default(
        profile,
        subject,
        key,
        serial_number=next(_SERIAL_NUMBERS),
        validity=Validity.of_days(start, days or profile.default_days),
        subject_alternative_name=x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]) if hosts else None,
    )


def requested(data: bytes, profile: Profile = profiles.VOS, start: datetime = NOW) -> Contents:
    """Contents as a request asks for them, with the usages as `profile` wants them."""
    asked = csr.read_request(data)
    return Contents(
        profile=profile,
        subject=asked.subject,
        subject_der=asked.subject_der,
        public_key=asked.public_key,
        subject_public_key_info=asked.subject_public_key_info,
        serial_number=next(_SERIAL_NUMBERS),
        validity=Validity.of_days(start, profile.default_days),
        key_usage=profile.default_key_usage,
        extended_key_usage=profile.default_extended_key_usage,
        subject_alternative_name=asked.subject_alternative_name,
    )


def root(curve: str = "P-384", name: str = "Example Lab EC Root CA G1") -> Authority:
    """A self-signed root; the same one within a process."""
    return _root(curve, name)


def intermediate(
    curve: str = "P-384", root_curve: str = "P-384", name: str = "Example Lab EC Issuing CA G1"
) -> Authority:
    """An authority that a root has issued; the same one within a process."""
    return _intermediate(curve, root_curve, name)


def leaf(curve: str = "P-384") -> x509.Certificate:
    """The certificate of a node below `intermediate(curve)`; the same one within a process."""
    return _leaf(curve)


@cache
def _root(curve: str, name: str) -> Authority:
    key = keys.generate_key(curve)
    wanted = contents(profiles.ROOT, common_name(name), key.public_key())
    return Authority(key, (issuing.sign(issuing.prepare(wanted, Issuer.itself(wanted)), key),))


@cache
def _intermediate(curve: str, root_curve: str, name: str) -> Authority:
    key, above = keys.generate_key(curve), root(root_curve)
    wanted = contents(profiles.INTERMEDIATE, common_name(name), key.public_key())
    return Authority(key, (above.issue(wanted), *above.chain))


@cache
def _leaf(curve: str) -> x509.Certificate:
    return intermediate(curve).issue(requested(requests.UCCX_PUBLISHER.data))
