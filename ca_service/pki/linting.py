"""The lint rules for our own certificates: one small function for each clause.

The rules see the certificate as a stranger would, parsed from its bytes, and compare it with what
was meant. They judge our own work, so a finding here is a fault of this program or of its keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, SignatureAlgorithmOID

from ca_service.errors import Finding, Rule, SigningError
from ca_service.pki import keys, names
from ca_service.pki.contents import Candidate, Contents, Issuer
from ca_service.pki.parse_errors import PARSE_ERRORS

_SIGNATURES: Final = {
    "P-256": SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    "P-384": SignatureAlgorithmOID.ECDSA_WITH_SHA384,
}
_MAY_BE_CRITICAL: Final = {x509.KeyUsage, x509.BasicConstraints}
_ALLOWED: Final = _MAY_BE_CRITICAL | {
    x509.ExtendedKeyUsage,
    x509.SubjectAlternativeName,
    x509.SubjectKeyIdentifier,
    x509.AuthorityKeyIdentifier,
    x509.AuthorityInformationAccess,
    x509.CRLDistributionPoints,
    x509.OCSPNoCheck,
}
_MAX_SERIAL_BITS: Final = 159


_REMEDY: Final = "Nothing was signed. Report this with the CSR: it is a fault of the authority."
LINT_READABLE: Final = Rule(
    "lint.certificate-is-readable",
    "The certificate cannot be read by others: {reason}.",
    _REMEDY,
)

Lint = Callable[[Candidate], bool]


def taken_apart(certificate_der: bytes, contents: Contents, issuer: Issuer) -> Candidate:
    """Read the certificate, DER, as a stranger would. Raises SigningError if it cannot be read."""
    try:
        return Candidate.of(certificate_der, contents, issuer)
    except PARSE_ERRORS as error:
        raise SigningError.because(LINT_READABLE, reason=error) from error


def lint(candidate: Candidate) -> tuple[Finding, ...]:
    """Return one finding for each rule that the certificate breaks; none if it is good."""
    return tuple(DECLARED[rule].at() for rule in RULES if not rule(candidate))


def _declared(rule: Lint) -> Rule:
    clause = (rule.__doc__ or "").splitlines()[0]
    return Rule(f"lint.{rule.__name__.replace('_', '-')}", f"The certificate would break this rule: {clause}", _REMEDY)


def version_is_3(candidate: Candidate) -> bool:
    """With extensions the version is 3 (RFC 5280, 4.1.2.1)."""
    return candidate.certificate.version is x509.Version.v3


def serial_number_is_positive_and_short(candidate: Candidate) -> bool:
    """The serial number is positive and at most 20 octets long (RFC 5280, 4.1.2.2)."""
    number = candidate.certificate.serial_number
    return number > 0 and number.bit_length() <= _MAX_SERIAL_BITS


def serial_number_is_as_meant(candidate: Candidate) -> bool:
    """The serial number is the one that was drawn for it."""
    return candidate.certificate.serial_number == candidate.contents.serial_number


def signature_follows_the_curve(candidate: Candidate) -> bool:
    """P-256 signs with SHA-256 and P-384 with SHA-384 (RFC 5758, 3.2; RFC 5480, 4)."""
    wanted = _SIGNATURES.get(keys.curve_name(candidate.issuer.public_key))
    return wanted is not None and candidate.certificate.signature_algorithm_oid == wanted


def issuer_is_the_signer(candidate: Candidate) -> bool:
    """The issuer name is the signer's subject, byte for byte (RFC 5280, 4.1.2.4)."""
    return candidate.fields.issuer == candidate.issuer.subject_der


def issuer_may_sign_it(candidate: Candidate) -> bool:
    """A path length of 0 allows no authority below it (RFC 5280, 4.2.1.9)."""
    return not (candidate.contents.profile.is_authority and candidate.issuer.path_length == 0)


def validity_is_as_meant(candidate: Candidate) -> bool:
    """The validity is the one that was decided, in whole seconds (RFC 5280, 4.1.2.5)."""
    return candidate.validity == candidate.contents.validity


def validity_is_forward(candidate: Candidate) -> bool:
    """The end does not come before the beginning (RFC 5280, 4.1.2.5)."""
    return candidate.validity.not_before <= candidate.validity.not_after


def validity_is_within_the_issuer(candidate: Candidate) -> bool:
    """No certificate outlives its issuer, or begins before it."""
    own, issuer = candidate.validity, candidate.issuer.validity
    return issuer.not_before <= own.not_before and own.not_after <= issuer.not_after


def validity_is_within_the_profile(candidate: Candidate) -> bool:
    """It lasts no longer than its profile allows (825 days for leaves: Apple HT210176)."""
    return candidate.validity.seconds <= candidate.contents.profile.max_days * 86_400


def subject_is_as_asked(candidate: Candidate) -> bool:
    """The subject is copied byte for byte, with order and string types (RFC 5280, 4.1.2.6)."""
    return candidate.fields.subject == candidate.contents.subject_der


def subject_is_not_the_issuer(candidate: Candidate) -> bool:
    """A VOS trust store keeps one certificate per subject: leaf and issuers differ in name."""
    return candidate.issuer.is_self or candidate.contents.subject != candidate.issuer.subject


def public_key_is_as_asked(candidate: Candidate) -> bool:
    """The public key is the request's, byte for byte (RFC 5280, 4.1.2.7)."""
    return candidate.fields.subject_public_key_info == candidate.contents.subject_public_key_info


def public_key_is_allowed(candidate: Candidate) -> bool:
    """The key is on a curve that the profile allows (RFC 5480, 2.1.1.1)."""
    return keys.curve_name(candidate.contents.public_key) in candidate.contents.profile.curves


def public_key_is_not_the_issuers(candidate: Candidate) -> bool:
    """Only a root is signed with the key that it certifies."""
    return candidate.issuer.is_self == (candidate.contents.public_key == candidate.issuer.public_key)


def extensions_are_known(candidate: Candidate) -> bool:
    """No extension is there that we did not mean to write."""
    return candidate.extensions.keys() <= _ALLOWED


def only_two_extensions_are_critical(candidate: Candidate) -> bool:
    """Key usage and basic constraints are critical (RFC 5280, 4.2.1.3, 4.2.1.9) and nothing else (Cisco 118855)."""
    # Under an empty subject the alternative name has to be critical as well (RFC 5280, 4.1.2.6).
    names_alone = set() if list(candidate.contents.subject) else {x509.SubjectAlternativeName}
    return candidate.critical == _MAY_BE_CRITICAL | names_alone


def basic_constraints_follow_the_profile(candidate: Candidate) -> bool:
    """Authorities say so, with their path length; leaves say that they are none (RFC 5280, 4.2.1.9)."""
    profile = candidate.contents.profile
    return candidate.extensions.get(x509.BasicConstraints) == x509.BasicConstraints(
        profile.is_authority, profile.path_length
    )


def key_usage_is_as_decided(candidate: Candidate) -> bool:
    """The key usage is the decided one, and not empty (RFC 5280, 4.2.1.3)."""
    return bool(candidate.key_usage) and set(candidate.key_usage) == set(candidate.contents.key_usage)


def key_usage_is_within_the_profile(candidate: Candidate) -> bool:
    """No bit is set that the profile does not issue; a leaf never signs certificates."""
    return set(candidate.key_usage).issubset(candidate.contents.profile.key_usage)


def extended_key_usage_is_as_decided(candidate: Candidate) -> bool:
    """The extended key usage is the decided one (RFC 5280, 4.2.1.12)."""
    return candidate.extended_key_usage == candidate.contents.extended_key_usage


def extended_key_usage_is_within_the_profile(candidate: Candidate) -> bool:
    """No purpose is there that the profile does not issue."""
    return set(candidate.extended_key_usage).issubset(candidate.contents.profile.extended_key_usage)


def alternative_name_is_as_asked(candidate: Candidate) -> bool:
    """The subject alternative name is copied exactly, never added to (Cisco 217138, 118855)."""
    return candidate.alternative_name == candidate.contents.subject_alternative_name


def alternative_name_is_there(candidate: Candidate) -> bool:
    """A leaf names its hosts in the subject alternative name (RFC 9525, 2); no authority and no responder has one."""
    profile = candidate.contents.profile
    return bool(candidate.alternative_name) is not (profile.is_authority or profile.is_responder)


def wildcards_follow_the_profile(candidate: Candidate) -> bool:
    """Cisco's nodes support no wildcards (CUCM security guide 14)."""
    if candidate.contents.profile.allows_wildcard:
        return True
    hosts = candidate.alternative_name.get_values_for_type(x509.DNSName) if candidate.alternative_name else ()
    return not any(map(names.is_wildcard, hosts))


def subject_key_identifier_names_the_key(candidate: Candidate) -> bool:
    """The subject key identifier is the SHA-1 of the public key (RFC 5280, 4.2.1.2, method 1)."""
    wanted = keys.subject_key_identifier(candidate.contents.subject_public_key_info)
    return candidate.extensions.get(x509.SubjectKeyIdentifier) == x509.SubjectKeyIdentifier(wanted)


def authority_key_identifier_names_the_issuer(candidate: Candidate) -> bool:
    """The authority key identifier is the issuer's subject key identifier (RFC 5280, 4.2.1.1)."""
    wanted = x509.AuthorityKeyIdentifier(candidate.issuer.subject_key_identifier, None, None)
    return candidate.extensions.get(x509.AuthorityKeyIdentifier) == wanted


def information_access_is_plain_http(candidate: Candidate) -> bool:
    """Issuer and OCSP answers are fetched over plain HTTP, which needs no other certificate (RFC 5280, 4.2.2.1)."""
    found = candidate.extensions.get(x509.AuthorityInformationAccess)
    if not isinstance(found, x509.AuthorityInformationAccess):
        return True  # an issuer without an address of its own writes none
    methods = [access.access_method for access in found]
    return (
        set(methods) <= {AuthorityInformationAccessOID.CA_ISSUERS, AuthorityInformationAccessOID.OCSP}
        and len(set(methods)) == len(methods)
        and all(_is_plain_http(access.access_location) for access in found)
    )


def distribution_point_is_one_over_plain_http(candidate: Candidate) -> bool:
    """The list is at one address (CUCM 14SU3 reads no more), over plain HTTP (RFC 5280, 8), for all reasons."""
    found = candidate.extensions.get(x509.CRLDistributionPoints)
    if not isinstance(found, x509.CRLDistributionPoints):
        return True
    [place, *others] = found
    names_ = place.full_name or []
    has_limits = place.reasons is not None or place.crl_issuer is not None
    return not others and not has_limits and len(names_) == 1 and _is_plain_http(names_[0])


def locations_are_the_issuers(candidate: Candidate) -> bool:
    """It says where its issuer's certificate, answers and list are as far as the issuer has addresses, and no other."""
    issuer, told = candidate.issuer, set[str]()
    access = candidate.extensions.get(x509.AuthorityInformationAccess)
    if isinstance(access, x509.AuthorityInformationAccess):
        told |= {str(each.access_location.value) for each in access}
    points = candidate.extensions.get(x509.CRLDistributionPoints)
    if isinstance(points, x509.CRLDistributionPoints):
        told |= {str(name.value) for point in points for name in point.full_name or ()}
    return told == {issuer.certificate_url, issuer.ocsp_url, issuer.crl_url} - {""}


def _is_plain_http(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith("http://")


def no_check_is_for_responders(candidate: Candidate) -> bool:
    """Exempt the OCSP responder, and no other certificate, from OCSP (RFC 6960, 4.2.2.2.1)."""
    return (x509.OCSPNoCheck in candidate.extensions) is candidate.contents.profile.is_responder


RULES: Final[tuple[Lint, ...]] = (
    version_is_3,
    serial_number_is_positive_and_short,
    serial_number_is_as_meant,
    signature_follows_the_curve,
    issuer_is_the_signer,
    issuer_may_sign_it,
    validity_is_as_meant,
    validity_is_forward,
    validity_is_within_the_issuer,
    validity_is_within_the_profile,
    subject_is_as_asked,
    subject_is_not_the_issuer,
    public_key_is_as_asked,
    public_key_is_allowed,
    public_key_is_not_the_issuers,
    extensions_are_known,
    only_two_extensions_are_critical,
    basic_constraints_follow_the_profile,
    key_usage_is_as_decided,
    key_usage_is_within_the_profile,
    extended_key_usage_is_as_decided,
    extended_key_usage_is_within_the_profile,
    alternative_name_is_as_asked,
    alternative_name_is_there,
    wildcards_follow_the_profile,
    subject_key_identifier_names_the_key,
    authority_key_identifier_names_the_issuer,
    information_access_is_plain_http,
    distribution_point_is_one_over_plain_http,
    locations_are_the_issuers,
    no_check_is_for_responders,
)
DECLARED: Final = {rule: _declared(rule) for rule in RULES}
