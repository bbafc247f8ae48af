"""A certificate of a path, with its extensions read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509

from ca_service.pki import names
from ca_service.pki.contents import find_value
from ca_service.pki.parse_errors import PARSE_ERRORS

Extension = TypeVar("Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Link:
    """A certificate of a path. `name` is its subject and `issuer` its issuer for a reader.

    One that cannot be read whole has no extensions.
    """

    certificate: x509.Certificate
    name: str
    issuer: str
    extensions: tuple[x509.Extension[x509.ExtensionType], ...]
    is_readable: bool

    @classmethod
    def of(cls, certificate: x509.Certificate) -> Link:
        """Read a certificate; never raises."""
        name, issuer = _text(lambda: certificate.subject), _text(lambda: certificate.issuer)
        try:
            _ = (certificate.subject, certificate.issuer, certificate.not_valid_before_utc)
            _ = (certificate.not_valid_after_utc, certificate.signature_hash_algorithm)
            return cls(certificate, name, issuer, tuple(certificate.extensions), is_readable=True)
        except PARSE_ERRORS:
            return cls(certificate, name, issuer, (), is_readable=False)

    @property
    def is_self_issued(self) -> bool:
        """Whether subject and issuer are the same name (RFC 5280, 3.2)."""
        return self.certificate.subject == self.certificate.issuer

    @property
    def is_authority(self) -> bool:
        """Whether its basic constraints say CA:TRUE."""
        constraints = self.find(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    def find(self, kind: type[Extension]) -> Extension | None:
        """Return the extension of this kind, or None."""
        return find_value(self.extensions, kind)

    def has(self, oid: x509.ObjectIdentifier) -> bool:
        """Return whether there is an extension of this type, also one that the library does not parse."""
        return any(found.oid == oid for found in self.extensions)


def _text(name: Callable[[], x509.Name]) -> str:
    try:
        return names.name_text(name())
    except PARSE_ERRORS:
        return "unreadable"
