"""Makes what other authorities make of a node's request: a good certificate, and ten with a single fault each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.vos.fit import Files
from tests.support.certificates import common_name
from tests.support.fakes import NOON
from tests.support.refused_requests import rsa_key
from tests.support.requests import OLD_USAGE, UCCX_PUBLISHER, key

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
SIX_YEARS: Final = timedelta(days=6 * 365)
_BITS: Final = {
    "digitalSignature": "digital_signature",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
}
_OTHER_BITS: Final = ("content_commitment", "encipher_only", "decipher_only")
PURPOSES: Final = (
    ExtendedKeyUsageOID.SERVER_AUTH,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
)


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with the key that it certifies, if we have that."""

    certificate: x509.Certificate
    key: Key | None = None

    @property
    def pem(self) -> bytes:
        """The certificate as a file."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What another authority writes; as it stands, what the publisher of a contact centre asks for."""

    subject: x509.Name = field(default_factory=lambda: publisher_subject())
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | None = None
    hosts: tuple[str, ...] | None = ("example.com", "uccx1.example.com")
    bits: tuple[str, ...] = OLD_USAGE
    purposes: tuple[x509.ObjectIdentifier, ...] = PURPOSES
    has_critical_purposes: bool = False
    is_authority: bool = False
    not_before: datetime = NOON - timedelta(hours=1)
    not_after: datetime = NOON + timedelta(days=397)
    hash: hashes.HashAlgorithm = field(default_factory=hashes.SHA256)

    def signed(self, issuer: x509.Name, by: Key) -> x509.Certificate:
        """The certificate."""
        public_key = self.public_key or asked().public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.BasicConstraints(self.is_authority, None), critical=True)
        )
        identifiers = (
            x509.SubjectKeyIdentifier.from_public_key(public_key),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()),
        )
        for extension, is_critical in [*self._extensions(), *((each, False) for each in identifiers)]:
            builder = builder.add_extension(extension, critical=is_critical)
        return builder.sign(by, self.hash)  # type: ignore[arg-type]  # MD5 and SHA-1 are what is tried here

    def _extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        found: list[tuple[x509.ExtensionType, bool]] = []
        if self.bits:
            found.append((usage(*self.bits), True))
        if self.purposes:
            found.append((x509.ExtendedKeyUsage(self.purposes), self.has_critical_purposes))
        if self.hosts is not None:
            found.append((x509.SubjectAlternativeName([x509.DNSName(host) for host in self.hosts]), False))
        return found


def usage(*names: str) -> x509.KeyUsage:
    """The key usage with these bits."""
    bits = {attribute: name in names for name, attribute in _BITS.items()}
    return x509.KeyUsage(**bits, **dict.fromkeys(_OTHER_BITS, False))


@cache
def asked() -> x509.CertificateSigningRequest:
    """The request of the publisher."""
    return x509.load_pem_x509_csr(UCCX_PUBLISHER.data)


def publisher_subject() -> x509.Name:
    return asked().subject


@cache
def root(name: str = "Other Root G1", *, is_rsa: bool = False) -> Made:
    """A root of another house."""
    own = rsa_key() if is_rsa else key(name)
    return Made(_authority(name, own).signed(common_name(name), own), own)


@cache
def intermediate(name: str = "Other Issuing CA G1", root_name: str = "Other Root G1", *, is_rsa: bool = False) -> Made:
    """An authority below that root, with an EC key."""
    above, own = root(root_name, is_rsa=is_rsa), key(f"{name} below {root_name}")
    assert above.key is not None
    return Made(_authority(name, own).signed(common_name(root_name), above.key), own)


def _authority(name: str, own: Key) -> Recipe:
    return Recipe(
        subject=common_name(name),
        public_key=own.public_key(),
        hosts=None,
        bits=("keyCertSign", "cRLSign"),
        purposes=(),
        is_authority=True,
        not_before=NOON - timedelta(days=365),
        not_after=NOON + SIX_YEARS,
    )


def issued(by: Made | None = None, recipe: Recipe | None = None) -> Made:
    """What that authority makes of the request; by default the intermediate, and a good one."""
    authority = by or intermediate()
    assert authority.key is not None
    return Made((recipe or Recipe()).signed(authority.certificate.subject, authority.key))


def files(leaf: Made | None = None, *authorities: Made, trust: str = "") -> Files:
    """The files of a check; by default with intermediate and root."""
    chain = authorities or (intermediate(), root())
    return Files(UCCX_PUBLISHER.data, (leaf or issued()).pem, tuple(each.pem for each in chain), trust)


def spoiled(**changes: object) -> Files:
    """The files of a check of a certificate in which this is otherwise."""
    return files(issued(recipe=replace(Recipe(), **changes)))  # type: ignore[arg-type]


def _rsa_signed() -> Files:
    above = root("RSA Root", is_rsa=True)
    return files(issued(above), above)


def _name_clash() -> Files:
    below = intermediate("Other Root G2", "Other Root G2")
    return files(issued(below), below, root("Other Root G2"))


def _two_in_a_file() -> Files:
    good = files()
    return replace(good, certificate=good.certificate + intermediate().pem)


#: The fault, how to make it, and the rule that names it.
SPOILED: Final[tuple[tuple[str, Callable[[], Files], str], ...]] = (
    ("extra name", lambda: spoiled(hosts=("example.com", "uccx1.example.com", "www.example.com")), "fit.san"),
    ("dropped parent domain", lambda: spoiled(hosts=("uccx1.example.com",)), "fit.san"),
    ("key usage stripped", lambda: spoiled(bits=("digitalSignature",)), "fit.key-usage"),
    ("signed with RSA", _rsa_signed, "fit.rsa-link"),
    ("wrong key", lambda: spoiled(public_key=key("another node").public_key()), "fit.key"),
    ("expired", lambda: spoiled(not_before=NOON - SIX_YEARS / 3, not_after=NOON - timedelta(days=1)), "fit.expired"),
    ("critical extended key usage", lambda: spoiled(has_critical_purposes=True), "fit.critical"),
    ("missing intermediate", lambda: files(issued(), root()), "fit.chain"),
    ("name clash", _name_clash, "fit.same-name"),
    ("two certificates in a file", _two_in_a_file, "fit.several"),
)
