"""CSRs, PKCS#10 (RFC 2986): parsed once, verified once, described once. Nothing is granted here.

The library checks neither the signature of a CSR nor its parts when it loads one: those can raise much later, or never.
So a `CertificationRequest` is one of which everything that will be used was verified: form, proof of possession, key,
algorithm, extensions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID

from ca_service.errors import CAServiceError, Finding, Refused, Rule, Severity
from ca_service.pki import der, keys, names, strict
from ca_service.pki.armour import unwrap
from ca_service.pki.contents import extended_key_usage_names, find_value, key_usage_names
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.pki.strict import LoadedRequest

CSR_DUPLICATE_ATTRIBUTE: Final = Rule(
    "csr.duplicate-attribute",
    "An attribute occurs twice in the CSR, so it is unclear which one counts.",
    "Create a new CSR on the node.",
)
CSR_SIGNATURE_HASH: Final = Rule(
    "csr.signature-hash",
    "The CSR is signed with {hash}. SHA-256 or better is required.",
    "Create a new CSR and choose SHA-256, SHA-384 or SHA-512 as its hash.",
)
CSR_SIGNATURE: Final = Rule(
    "csr.signature",
    "The signature of the CSR does not match its content, so it does not prove possession of the key.",
    "Download the CSR again and upload it unchanged. If that does not help, create a new one.",
)
CSR_DUPLICATE_EXTENSION: Final = Rule(
    "csr.duplicate-extension",
    "The CSR requests the extension {oid} twice.",
    "Create a new CSR on the node.",
)
CSR_EXTENSION: Final = Rule(
    "csr.extension",
    "A requested extension cannot be read.",
    "Create a new CSR on the node. Check the names that were entered for it.",
)
CSR_CHALLENGE_PASSWORD: Final = Rule(
    "csr.challenge-password",
    "The CSR contains a challengePassword. It is not used and not kept.",
    "If that password is used elsewhere, for example with SCEP, change it there: a CSR does not protect it.",
    Severity.WARNING,
)
CSR_PASSWORD_REMOVED: Final = Rule(
    "csr.password-removed",
    "The challengePassword was removed from this CSR when it was stored, so its signature cannot be verified.",
    "Upload the original CSR again, or create a new one without a challengePassword.",
)

GOOD_HASHES: Final = ("sha256", "sha384", "sha512")
_CHALLENGE_PASSWORD: Final = der.object_identifier("1.2.840.113549.1.9.7")  # RFC 2985, 5.4.1
_REMOVED: Final = der.sequence(_CHALLENGE_PASSWORD, der.encode(0x31, der.encode(0x0C, b"removed")))
_NO_SIGNATURE: Final = der.bit_string(b"")
_SIGNATURES: Final = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: ec.ECDSA(hashes.SHA256()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: ec.ECDSA(hashes.SHA384()),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: ec.ECDSA(hashes.SHA512()),
}


@dataclass(frozen=True, slots=True)
class Description:
    """The contents of a CSR, for a reader; (type, value) of each part of a name."""

    subject: tuple[tuple[str, str], ...]
    subject_alternative_name: tuple[tuple[str, str], ...]
    key: str
    signature: str
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]

    @property
    def subject_text(self) -> str:
        """The subject on one line, in its own order: `C=DE, O=Example, CN=uccx1-EC.example.com`."""
        return ", ".join(f"{kind}={value}" for kind, value in self.subject)

    @property
    def names(self) -> tuple[str, ...]:
        """The alternative names as text: `DNS:uccx1.example.com`."""
        return tuple(map(":".join, self.subject_alternative_name))


@dataclass(frozen=True, slots=True)
class CertificationRequest:
    """A verified PKCS#10 request, with all that is derived from it.

    `der` is the whole of it, `subject_der` its subject and `subject_public_key_info` its key, all DER, as they were
    sent. A challengePassword is removed from `der`, and the signature with it. Fingerprints are SHA-256, lower-case
    hexadecimal. `names` are the alternative names as text.
    """

    der: bytes
    subject: x509.Name
    subject_der: bytes
    public_key: ec.EllipticCurvePublicKey
    subject_public_key_info: bytes
    subject_alternative_name: x509.SubjectAlternativeName | None
    key_usage: x509.KeyUsage | None
    extended_key_usage: x509.ExtendedKeyUsage | None
    basic_constraints: x509.BasicConstraints | None
    other_extensions: tuple[str, ...]
    findings: tuple[Finding, ...]
    description: Description
    fingerprint: str
    key_fingerprint: str
    names: tuple[str, ...]
    common_names: tuple[str, ...]

    @property
    def subject_text(self) -> str:
        """The subject on one line."""
        return self.description.subject_text


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a CSR: the verified request, or None with findings; the description, if it is readable."""

    findings: tuple[Finding, ...]
    description: Description | None = None
    request: CertificationRequest | None = None


def read(data: bytes) -> Reading:
    """Parse and verify the CSR in `data`, in any wrapping. A bad one gives findings; it never raises."""
    return _reading(data, is_stored=False)


def read_stored(data: bytes) -> Reading:
    """Read a CSR of our own store, never one from outside: see `verify_stored`. It never raises."""
    return _reading(data, is_stored=True)


def _reading(data: bytes, *, is_stored: bool) -> Reading:
    description = None
    try:
        loaded = LoadedRequest.of(unwrap(data))
        description = describe(loaded)
        request = _verified(loaded, description, is_stored=is_stored)
    except CAServiceError as error:
        return Reading(error.findings, description)
    return Reading(request.findings, description, request)


def read_request(data: bytes) -> CertificationRequest:
    """Take one CSR out of its wrapping, parse it and verify it.

    Raises Refused with every error that was reached, or TooLarge.
    """
    loaded = LoadedRequest.of(unwrap(data))
    return _verified(loaded, describe(loaded), is_stored=False)


def verify_stored(request_der: bytes) -> CertificationRequest:
    """Parse the DER of a CSR of our own store, and verify it unless its signature was removed with a challengePassword.

    Such a CSR was verified before it was stored. Never call this with bytes from outside.
    """
    loaded = LoadedRequest.of(request_der)
    return _verified(loaded, describe(loaded), is_stored=True)


def load(request_der: bytes) -> x509.CertificateSigningRequest:
    """Load the CSR without verifying it. Raises Refused if it is no PKCS#10 at all."""
    return LoadedRequest.of(request_der).csr


def public_key_in(data: bytes) -> bytes | None:
    """Return the SubjectPublicKeyInfo (DER) of the CSR in `data`, in any wrapping, unverified; None if it is no CSR."""
    try:
        return LoadedRequest.of(unwrap(data)).subject_public_key_info
    except CAServiceError:
        return None


def describe(loaded: LoadedRequest) -> Description:
    """Describe a loaded CSR, also one that is refused, as far as it can be read; never raises."""
    try:
        extensions = loaded.csr.extensions
    except PARSE_ERRORS:
        extensions = x509.Extensions([])
    alternative_name = find_value(extensions, x509.SubjectAlternativeName) or ()
    key_usage, extended = find_value(extensions, x509.KeyUsage), find_value(extensions, x509.ExtendedKeyUsage)
    return Description(
        subject=names.visible_parts(loaded.subject),
        subject_alternative_name=names.general_names(alternative_name),
        key="unreadable" if loaded.key is None else keys.kind_name(loaded.key),
        signature=signature_hash_name(loaded.csr).upper().replace("SHA", "SHA-"),
        key_usage=key_usage_names(key_usage),
        extended_key_usage=extended_key_usage_names(extended),
    )


def _verified(loaded: LoadedRequest, description: Description, *, is_stored: bool) -> CertificationRequest:
    """Verify form, key, signature and names. Raises Refused with every error of the first of them that has any."""
    csr, subject = loaded.csr, loaded.subject
    info, _, signature = der.read(loaded.der)[0].children
    _, name, spki, *attributes = info.children
    key = keys.key_of_csr(loaded.key, spki)
    findings = [*loaded.oddities, *_attributes(attributes)]
    has_password = any(found.declared == CSR_CHALLENGE_PASSWORD for found in findings)
    if not (has_password and signature.der == _NO_SIGNATURE):
        findings += _signature(csr, key, info.der)
    elif not is_stored:
        findings.append(CSR_PASSWORD_REMOVED.at("/signature"))
    _stop_at(findings)
    kept = _without_password(loaded.der) if has_password and not is_stored else loaded.der
    extensions = _extensions(csr)
    alternative_name = find_value(extensions, x509.SubjectAlternativeName)
    findings += [*names.judge_subject(subject, name.der), *names.judge_alternative_name(alternative_name)]
    _stop_at(findings)
    return CertificationRequest(
        der=kept,
        subject=subject,
        subject_der=name.der,
        public_key=key,
        subject_public_key_info=spki.der,
        subject_alternative_name=alternative_name,
        key_usage=find_value(extensions, x509.KeyUsage),
        extended_key_usage=find_value(extensions, x509.ExtendedKeyUsage),
        basic_constraints=find_value(extensions, x509.BasicConstraints),
        other_extensions=tuple(found.oid.dotted_string for found in extensions if type(found.value) not in _USED),
        findings=tuple(findings),
        description=description,
        names=description.names,
        fingerprint=hashlib.sha256(kept).hexdigest(),
        key_fingerprint=keys.key_fingerprint(spki.der),
        common_names=names.common_names(subject),
    )


_USED: Final = (x509.SubjectAlternativeName, x509.KeyUsage, x509.ExtendedKeyUsage, x509.BasicConstraints)


def _stop_at(findings: list[Finding]) -> None:
    if any(found.is_error for found in findings):
        raise Refused(*findings)


def _attributes(fields: list[der.Element]) -> Iterator[Finding]:
    """Check that each type of attribute occurs once: they are a set (RFC 2986, 4.1), and that there is no password."""
    types = [attribute.children[0].der for field in fields for attribute in field.children]
    if len(set(types)) < len(types) or all(oid in types for oid in strict.EXTENSION_REQUESTS):
        yield CSR_DUPLICATE_ATTRIBUTE.at("/attributes")
    if _CHALLENGE_PASSWORD in types:
        yield CSR_CHALLENGE_PASSWORD.at("/attributes")


def _without_password(request_der: bytes) -> bytes:
    """Return the CSR without its challengePassword, and without the signature, by which it could be guessed.

    The same CSR always gives the same bytes.
    """
    info, algorithm, _ = der.read(request_der)[0].children
    *fields, attributes = info.children
    kept = [each.der for each in attributes.children if each.children[0].der != _CHALLENGE_PASSWORD]
    made = der.sequence(*(field.der for field in fields), der.explicit(0, *sorted((*kept, _REMOVED))))
    return der.sequence(made, algorithm.der, _NO_SIGNATURE)


def _signature(csr: x509.CertificateSigningRequest, key: ec.EllipticCurvePublicKey, signed: bytes) -> Iterator[Finding]:
    """Check the signature, made with the key of the CSR over the DER in `signed` (RFC 2986, 4.2)."""
    name = signature_hash_name(csr)
    if name not in GOOD_HASHES:
        yield CSR_SIGNATURE_HASH.at("/signature", hash=name.upper())
    elif not _signature_is_valid(csr, key, signed):
        yield CSR_SIGNATURE.at("/signature")


def _signature_is_valid(csr: x509.CertificateSigningRequest, key: ec.EllipticCurvePublicKey, signed: bytes) -> bool:
    """Do what `csr.is_signature_valid` does, which parses the key and encodes the signed part once more."""
    algorithm = _SIGNATURES.get(csr.signature_algorithm_oid)
    if algorithm is None:
        return False
    try:
        key.verify(csr.signature, signed, algorithm)
    except InvalidSignature:
        return False
    return True


def signature_hash_name(csr: x509.CertificateSigningRequest) -> str:
    """Return the hash of the CSR's own signature in lower case, such as `sha384`; `unknown` if there is none."""
    try:
        algorithm = csr.signature_hash_algorithm
    except PARSE_ERRORS:
        return "unknown"
    return algorithm.name if algorithm else "unknown"


def _extensions(csr: x509.CertificateSigningRequest) -> x509.Extensions:
    try:
        return csr.extensions
    except x509.DuplicateExtension as error:
        raise Refused(CSR_DUPLICATE_EXTENSION.at("/extensions", oid=error.oid.dotted_string)) from error
    except PARSE_ERRORS as error:
        raise Refused(CSR_EXTENSION.at("/extensions")) from error
