"""The making of a certificate: prepared, linted and judged under a throwaway key, then signed once.

`prepare` signs with a throwaway EC key and the issuer's hash, lints the result, lets a judge look at it, and only then
hands out a `Prepared`, which works once. `sign` takes nothing else, and compares what it signed with what was judged,
byte for byte. So the issuer's key never signs what was not judged whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from ca_service.errors import Finding, Rule, SigningError
from ca_service.pki import der, keys, linting
from ca_service.pki.contents import Candidate, Contents, Issuer, to_extended_key_usage, to_key_usage
from ca_service.pki.keys import SIGNING_KEY

SIGNING_TBS: Final = Rule(
    "signing.tbs",
    "What was signed is not what was judged.",
    "Report this: it must not happen.",
)
SIGNING_SPENT: Final = Rule(
    "signing.spent",
    "This certificate was signed already.",
    "Prepare it again.",
)

Judge = Callable[[Candidate], Iterable[Finding]]


def no_further_rules(_: Candidate) -> Iterable[Finding]:
    """Judge a certificate by the lint rules alone."""
    return ()


@dataclass(slots=True)
class Prepared:
    """The right to sign one judged certificate, once. Only `prepare` makes one.

    `tbs` are the bytes that were judged, `algorithm` is the AlgorithmIdentifier that goes with them; both DER.
    """

    tbs: bytes
    algorithm: bytes
    issuer: Issuer
    _is_spent: bool = False

    def spend(self) -> None:
        """Use the right up. Raises SigningError the second time."""
        if self._is_spent:
            raise SigningError.because(SIGNING_SPENT)
        self._is_spent = True


def prepare(contents: Contents, issuer: Issuer, judge: Judge = no_further_rules) -> Prepared:
    """Build the certificate, sign it with a throwaway key, lint it, let `judge` look at it.

    Raises SigningError with one finding for each rule of `linting` that it breaks, or with what the judge found.
    """
    hash_ = keys.signature_hash(issuer.public_key)
    made = _builder(contents, issuer).sign(_throwaway_key(), hash_).public_bytes(Encoding.DER)
    candidate = linting.taken_apart(made, contents, issuer)
    findings = linting.lint(candidate) or tuple(judge(candidate))
    if findings:
        raise SigningError(*findings)
    return Prepared(candidate.tbs, candidate.algorithm, issuer)


def sign(prepared: Prepared, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Sign what was prepared with the issuer's key.

    Raises SigningError if it was signed before, if the key is not the issuer's, or if the certificate that comes out
    does not hold the bytes that were judged.
    """
    prepared.spend()
    issuer_key = prepared.issuer.public_key
    if key.public_key() != issuer_key:
        raise SigningError.because(SIGNING_KEY)
    certificate = _assemble(prepared, key.sign(prepared.tbs, keys.signature_algorithm(issuer_key)))
    if certificate.tbs_certificate_bytes != prepared.tbs:
        raise SigningError.because(SIGNING_TBS)
    return certificate


def _assemble(prepared: Prepared, signature: bytes) -> x509.Certificate:
    """Put the three parts of a certificate together (RFC 5280, 4.1.1); the judged bytes are not encoded once more."""
    return x509.load_der_x509_certificate(der.sequence(prepared.tbs, prepared.algorithm, der.bit_string(signature)))


@cache
def _throwaway_key() -> ec.EllipticCurvePrivateKey:
    """Return the key that signs only what is judged and thrown away; one per process is enough.

    P-256 serves every issuer, six times as fast as P-384: an ECDSA AlgorithmIdentifier names the hash and no curve
    (RFC 5758, 3.2), so the bytes to be signed are the same.
    """
    return keys.generate_key("P-256")


def _builder(contents: Contents, issuer: Issuer) -> x509.CertificateBuilder:
    """Fill the builder in one call: its setters copy it each time, and the lint rules check what they check."""
    return x509.CertificateBuilder(
        issuer_name=issuer.subject,
        subject_name=contents.subject,
        public_key=contents.public_key,
        serial_number=contents.serial_number,
        not_valid_before=_naive(contents.validity.not_before),
        not_valid_after=_naive(contents.validity.not_after),
        extensions=[x509.Extension(value.oid, critical, value) for value, critical in _extensions(contents, issuer)],
    )


def _naive(moment: datetime) -> datetime:
    """Return the time as the builder takes it: UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def _extensions(contents: Contents, issuer: Issuer) -> list[tuple[x509.ExtensionType, bool]]:
    """Return (extension, critical). Only the first two may be critical: others break UCCX towards CUCM.

    Where the subject is empty, which no node has, the alternative name is critical too (RFC 5280, 4.1.2.6).
    """
    profile = contents.profile
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(profile.is_authority, profile.path_length), True),
        (to_key_usage(contents.key_usage), True),
    ]
    if contents.extended_key_usage:
        found.append((to_extended_key_usage(contents.extended_key_usage), False))
    if contents.subject_alternative_name is not None:
        found.append((contents.subject_alternative_name, not list(contents.subject)))
    identifier = keys.subject_key_identifier(contents.subject_public_key_info)
    found.append((x509.SubjectKeyIdentifier(identifier), False))
    found.append((x509.AuthorityKeyIdentifier(issuer.subject_key_identifier, None, None), False))
    if profile.is_responder:
        found.append((x509.OCSPNoCheck(), False))
    return found + [(value, False) for value in _locations(issuer)]


def _locations(issuer: Issuer) -> Iterator[x509.ExtensionType]:
    """Yield AIA and CDP, with one address of each kind: a VOS node reads no more of them."""
    methods = (
        (AuthorityInformationAccessOID.OCSP, issuer.ocsp_url),
        (AuthorityInformationAccessOID.CA_ISSUERS, issuer.certificate_url),
    )
    told = [x509.AccessDescription(method, x509.UniformResourceIdentifier(url)) for method, url in methods if url]
    if told:
        yield x509.AuthorityInformationAccess(told)
    if issuer.crl_url:
        place = [x509.UniformResourceIdentifier(issuer.crl_url)]
        yield x509.CRLDistributionPoints([x509.DistributionPoint(place, None, None, None)])
