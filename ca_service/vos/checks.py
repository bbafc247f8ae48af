"""Fit checks: their answers, and those that need nothing but the certificate, whatever its CSR requested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import keys, names
from ca_service.pki.contents import find_value
from ca_service.pki.visible_text import visible

FIT_EXPIRED: Final = Rule(
    "fit.expired",
    "The certificate ended on {end}; a node takes no expired certificate.",
    "Make a new CSR on the node and have it signed.",
)
FIT_NOT_YET_VALID: Final = Rule(
    "fit.not-yet-valid",
    "The certificate begins only at {start} UTC: clients reject it until then.",
    "Wait, or have it signed again with an earlier beginning. Look at the clocks of authority and node.",
)
FIT_CRITICAL: Final = Rule(
    "fit.critical",
    "These extensions are critical: {wrong}. Only key usage and basic constraints may be, or UCCX no longer talks "
    "to CUCM: agents read \u201cInvalid User ID/Password\u201d.",
    "Have it signed again with no other extension critical.",
)
FIT_AUTHORITY: Final = Rule(
    "fit.authority",
    "This is the certificate of an authority (CA:TRUE or keyCertSign), not that of a node.",
    "Give the certificate that answers the CSR. The authorities go to the trust store.",
)
FIT_CURVE: Final = Rule(
    "fit.curve",
    "The key is on P-521. A client has to offer the same curve, and browsers generally do not; the latter is "
    "not confirmed by Cisco\u2019s documents.",
    "Make a new CSR with P-384 or P-256.",
    Severity.WARNING,
)
FIT_HASH: Final = Rule(
    "fit.hash",
    "The certificate is signed with {hash}, which browsers no longer accept.",
    "Have it signed with SHA-256 or better.",
)
FIT_LIFETIME: Final = Rule(
    "fit.lifetime",
    "The certificate lasts {days} days; Apple\u2019s clients refuse server certificates of more than {limit}.",
    "Have it signed for {limit} days or fewer if agents or Jabber run on Apple\u2019s systems.",
    Severity.WARNING,
)
FIT_NO_NAMES: Final = Rule(
    "fit.no-names",
    "The certificate names no host: browsers say NET::ERR_CERT_COMMON_NAME_INVALID [missing_subjectAltName].",
    "Have it signed again with the name of the node as subject alternative name.",
)
FIT_WILDCARD: Final = Rule(
    "fit.wildcard",
    "The certificate has the wildcard {name}; CUCM and Finesse do not support wildcards.",
    "Have it signed with the name of each node instead.",
)

FIT_SERIAL_NUMBER: Final = Rule(
    "fit.serial-number",
    "The serial number is {number}: not positive, or longer than 20 octets (RFC 5280, 4.1.2.2). Programs in Go and "
    "newer libraries do not read such a certificate.",
    "Have it signed again with a positive serial number of at most 159 bits.",
    Severity.WARNING,
)

_MAX_SERIAL_BITS: Final = 160
_MAY_BE_CRITICAL: Final = (x509.KeyUsage, x509.BasicConstraints)
_APPLE_DAYS: Final = 825
_WEAK_HASHES: Final = ("md5", "sha1")
STRICT_CLIENTS: Final = "strict clients"
PURPOSES_OF_TLS: Final = "purposes of TLS"
OTHER_PATHS: Final = "other paths"
#: The checks whose warnings are about what some clients refuse: the certificate works, but does not quite fit.
_OF_SOME_CLIENTS: Final = frozenset({STRICT_CLIENTS, PURPOSES_OF_TLS, OTHER_PATHS})


class Stage(StrEnum):
    """The time at which a fault shows."""

    UPLOAD = "upload"  # the node refuses the file, or ignores it
    USE = "use"  # the node accepts it, and something breaks later


class Result(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the certificate. `finding` says what is wrong, or what a reader should know.

    `node_message` is what the node says if the check fails, word for word, where Cisco prints it. A check that could
    not be made has `is_made` unset, and its finding says what was missing.
    """

    topic: str
    stage: Stage
    finding: Finding | None = None
    node_message: str = ""
    is_made: bool = True

    @property
    def result(self) -> Result:
        """The result: a check fails if its finding is an error."""
        if not self.is_made:
            return Result.NOT_CHECKED
        return Result.FAILED if self.finding and self.finding.is_error else Result.PASSED

    @property
    def message(self) -> str:
        """The message of the node; empty unless the check has failed."""
        return self.node_message if self.result is Result.FAILED else ""


@dataclass(frozen=True, slots=True)
class Fit:
    """All checks of one certificate: those of the upload first, each in the order in which a node makes them."""

    checks: tuple[Check, ...]

    @classmethod
    def of(cls, checks: Sequence[Check]) -> Fit:
        """Return these checks, those of the upload first."""
        return cls(tuple(sorted(checks, key=lambda check: check.stage is not Stage.UPLOAD)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, in the order of the checks."""
        return tuple(check.finding for check in self.checks if check.finding)

    @property
    def is_taken(self) -> bool:
        """Whether the node would accept the files."""
        return not self._blocked(Stage.UPLOAD)

    @property
    def works(self) -> bool:
        """Whether the node would accept it and work with it."""
        return self.is_taken and not self._blocked(Stage.USE)

    @property
    def is_fitting(self) -> bool:
        """Whether it works, and no client refuses it, not even a strict one."""
        return self.works and not any(check.topic in _OF_SOME_CLIENTS and check.finding for check in self.checks)

    @property
    def is_complete(self) -> bool:
        """Whether every check could be made."""
        return all(check.result is not Result.NOT_CHECKED for check in self.checks)

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if not self.is_taken:
            return "The node would not take it."
        if not self.works:
            return "The node would take it, and something would break later."
        if not self.is_fitting:
            return "The node would take it and work with it, but some clients refuse it."
        return "It fits." if self.is_complete else "Nothing speaks against it, but not everything could be checked."

    def _blocked(self, stage: Stage) -> bool:
        return any(check.stage is stage and check.result is Result.FAILED for check in self.checks)


def own_contents(
    certificate: x509.Certificate, extensions: x509.Extensions, at: datetime, *, may_be_wild: bool = False
) -> Iterator[Check]:
    """Yield the checks that need nothing but the certificate; `extensions` are its own.

    `may_be_wild` says that its purpose allows a wildcard.
    """
    yield Check("end of validity", Stage.UPLOAD, _expired(certificate, at))
    yield Check("beginning of validity", Stage.USE, _not_yet(certificate, at))
    yield Check("critical extensions", Stage.USE, _critical(extensions))
    yield Check("no authority", Stage.USE, _authority(extensions))
    yield Check("names for browsers", Stage.USE, _names(extensions, may_be_wild=may_be_wild))
    yield Check("serial number", Stage.USE, _serial_number(certificate))
    yield Check("curve", Stage.USE, _curve(certificate))
    yield Check("signature hash", Stage.USE, _hash(certificate))
    yield Check("lifetime", Stage.USE, _lifetime(certificate))


def _expired(certificate: x509.Certificate, at: datetime) -> Finding | None:
    if at <= certificate.not_valid_after_utc:
        return None
    return FIT_EXPIRED.at("/certificate", end=certificate.not_valid_after_utc.date().isoformat())


def _not_yet(certificate: x509.Certificate, at: datetime) -> Finding | None:
    if certificate.not_valid_before_utc <= at:
        return None
    return FIT_NOT_YET_VALID.at("/certificate", start=f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M}")


def _critical(extensions: x509.Extensions) -> Finding | None:
    wrong = [each.oid for each in extensions if each.critical and not isinstance(each.value, _MAY_BE_CRITICAL)]
    if not wrong:
        return None
    return FIT_CRITICAL.at(
        "/certificate", wrong=", ".join(oid._name if oid._name != "Unknown OID" else oid.dotted_string for oid in wrong)
    )


def _authority(extensions: x509.Extensions) -> Finding | None:
    constraints, usage = find_value(extensions, x509.BasicConstraints), find_value(extensions, x509.KeyUsage)
    if not (constraints and constraints.ca) and not (usage and usage.key_cert_sign):
        return None
    return FIT_AUTHORITY.at("/certificate")


def _names(extensions: x509.Extensions, *, may_be_wild: bool) -> Finding | None:
    found = find_value(extensions, x509.SubjectAlternativeName)
    if not found:
        return FIT_NO_NAMES.at("/certificate")
    wild = [] if may_be_wild else [name for name in found.get_values_for_type(x509.DNSName) if names.is_wildcard(name)]
    if wild:
        return FIT_WILDCARD.at("/certificate", name=visible(wild[0]))
    return None


def _serial_number(certificate: x509.Certificate) -> Finding | None:
    number = certificate.serial_number
    if number > 0 and number.bit_length() <= _MAX_SERIAL_BITS:
        return None
    return FIT_SERIAL_NUMBER.at("/certificate", number=number)


def _curve(certificate: x509.Certificate) -> Finding | None:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or keys.curve_name(key) != "P-521":
        return None
    return FIT_CURVE.at("/certificate")


def _hash(certificate: x509.Certificate) -> Finding | None:
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or algorithm.name not in _WEAK_HASHES:
        return None
    return FIT_HASH.at("/certificate", hash=algorithm.name.upper())


def _lifetime(certificate: x509.Certificate) -> Finding | None:
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifetime <= timedelta(days=_APPLE_DAYS):
        return None
    return FIT_LIFETIME.at("/certificate", days=lifetime.days, limit=_APPLE_DAYS)
