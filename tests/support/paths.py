"""Certification paths with single faults: each certificate is a `Step`, right unless it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.pki.contents import to_extended_key_usage, to_key_usage
from tests.support.certificates import common_name
from tests.support.fakes import NOON

AUTHORITY: Final = ("keyCertSign", "cRLSign")
OTHER_NAME: Final = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x0c\x01x")
UNKNOWN: Final = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
PROXY: Final = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), bytes.fromhex("300c300a06082b06010505071501")
)
Names = Sequence[x509.GeneralName]


@dataclass(frozen=True, slots=True)
class Step:
    """A certificate of a path. `key` names its key: the same name is the same key."""

    name: str | x509.Name
    key: str = ""
    constraints: x509.BasicConstraints | None = field(default_factory=lambda: x509.BasicConstraints(True, None))
    usage: tuple[str, ...] | None = AUTHORITY
    purposes: tuple[str, ...] = ()
    hosts: Names = ()
    permitted: Names = ()
    excluded: Names = ()
    extra: tuple[tuple[x509.ExtensionType, bool], ...] = ()
    critical_constraints: bool = True
    has_subject_identifier: bool = True
    authority_identifier: str = "right"  # or "none", or "wrong"
    not_before: datetime = NOON - timedelta(days=10)
    not_after: datetime = NOON + timedelta(days=100)

    @property
    def subject(self) -> x509.Name:
        """The distinguished name."""
        return self.name if isinstance(self.name, x509.Name) else common_name(self.name)

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key that it certifies."""
        return key(self.key or self.subject.rfc4514_string())

    def issued_by(self, issuer: Step) -> x509.Certificate:
        """The certificate, signed by this issuer; a root by itself."""
        builder = x509.CertificateBuilder(
            issuer.subject, self.subject, self.private_key.public_key(), x509.random_serial_number(),
            self.not_before.replace(tzinfo=None), self.not_after.replace(tzinfo=None),
        )  # fmt: skip
        for value, is_critical in self._extensions(issuer):
            builder = builder.add_extension(value, critical=is_critical)
        return builder.sign(issuer.private_key, hashes.SHA256())

    def _extensions(self, issuer: Step) -> list[tuple[x509.ExtensionType, bool]]:
        found: list[tuple[x509.ExtensionType, bool]] = list(self.extra)
        if self.constraints is not None:
            found.append((self.constraints, self.critical_constraints))
        if self.usage is not None:
            found.append((to_key_usage(self.usage), True))
        if self.purposes:
            found.append((to_extended_key_usage(self.purposes), False))
        if self.hosts:
            found.append((x509.SubjectAlternativeName(self.hosts), False))
        if self.permitted or self.excluded:
            found.append((x509.NameConstraints(self.permitted or None, self.excluded or None), True))
        if self.has_subject_identifier:
            found.append((x509.SubjectKeyIdentifier.from_public_key(self.private_key.public_key()), False))
        if self.authority_identifier != "none" and issuer is not self:
            of = issuer.private_key if self.authority_identifier == "right" else key("another key")
            found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(of.public_key()), False))
        return found


ROOT: Final = Step("Path Root G1")
ISSUING: Final = Step("Path Issuing CA G1", constraints=x509.BasicConstraints(True, 0))
LEAF: Final = Step(
    x509.Name(
        [
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example Lab"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "uccx1-EC.example.com"),
        ]
    ),
    constraints=x509.BasicConstraints(False, None),
    usage=("digitalSignature", "keyEncipherment", "dataEncipherment"),
    purposes=("serverAuth", "clientAuth"),
    hosts=(x509.DNSName("example.com"), x509.DNSName("uccx1.example.com")),
)


def path(*steps: Step) -> tuple[x509.Certificate, ...]:
    """The certificates of these steps: leaf or issuing authority first, the self-signed root last."""
    return tuple(step.issued_by(issuer) for step, issuer in zip(steps, (*steps[1:], steps[-1]), strict=True))


def authorities(issuing: Step = ISSUING, root: Step = ROOT) -> tuple[x509.Certificate, ...]:
    """An issuing authority and a root."""
    return path(issuing, root)


def limited(**changes: object) -> tuple[x509.Certificate, ...]:
    """The same, with an issuing authority in which this is otherwise."""
    return path(replace(ISSUING, **changes), ROOT)  # type: ignore[arg-type]


@cache
def key(_: str) -> ec.EllipticCurvePrivateKey:
    """The key of this name; the same within a process."""
    return ec.generate_private_key(ec.SECP256R1())
