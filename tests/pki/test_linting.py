"""Each rule fails on a certificate with just that fault, and on no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, SignatureAlgorithmOID

from ca_service.errors import SigningError
from ca_service.pki import der, keys, linting, profiles
from ca_service.pki.contents import Contents, Issuer, Validity, to_extended_key_usage, to_key_usage
from ca_service.pki.profiles import Profile
from tests.support import asn1, certificates
from tests.support.certificates import NOW, common_name

AUTHORITY = certificates.intermediate("P-256")
ISSUER = Issuer.of(AUTHORITY.certificate)
KEY = keys.generate_key("P-256").public_key()
OTHER_KEY = keys.generate_key("P-256").public_key()
CRL_URL = "http://ca.example.com/ca/ca.crl"


def wanted(profile: Profile = profiles.VOS, **changes: Any) -> Contents:
    hosts = () if profile.is_authority else ("example.com", "uccx1.example.com")
    return replace(certificates.contents(profile, common_name("uccx1-EC.example.com"), KEY, *hosts, days=30), **changes)


@dataclass(frozen=True)
class Case:
    """What is meant, who signs, and how the certificate differs from it; by default not at all."""

    contents: Contents = field(default_factory=wanted)
    issuer: Issuer = ISSUER
    certificate: dict[str, Any] = field(default_factory=dict)
    extensions: dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]] = field(default_factory=dict)
    hash: keys.SignatureHash = field(default_factory=hashes.SHA256)
    edit: Callable[[bytes], bytes] = bytes

    def broken_rules(self) -> list[str]:
        try:
            candidate = linting.taken_apart(self.edit(self._certificate()), self.contents, self.issuer)
        except SigningError as error:
            found = error.findings
        else:
            found = linting.lint(candidate)
        return [finding.rule.removeprefix("lint.").replace("-", "_") for finding in found]

    def _certificate(self) -> bytes:
        meant = self.contents
        parts: dict[str, Any] = {
            "issuer_name": self.issuer.subject,
            "subject_name": meant.subject,
            "public_key": meant.public_key,
            "serial_number": meant.serial_number,
            "not_valid_before": _naive(meant.validity.not_before),
            "not_valid_after": _naive(meant.validity.not_after),
        }
        extensions = [
            x509.Extension(value.oid, critical, value)
            for value, critical in (_extensions(meant, self.issuer) | self.extensions).values()
        ]
        builder = x509.CertificateBuilder(**(parts | self.certificate), extensions=extensions)
        return builder.sign(AUTHORITY.key, self.hash).public_bytes(Encoding.DER)


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def _extensions(meant: Contents, issuer: Issuer) -> dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]]:
    values: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(meant.profile.is_authority, meant.profile.path_length), True),
        (to_key_usage(meant.key_usage), True),
        (x509.SubjectKeyIdentifier(keys.subject_key_identifier(meant.subject_public_key_info)), False),
        (x509.AuthorityKeyIdentifier(issuer.subject_key_identifier, None, None), False),
    ]
    if meant.extended_key_usage:
        values.append((to_extended_key_usage(meant.extended_key_usage), False))
    if meant.subject_alternative_name:
        values.append((meant.subject_alternative_name, False))
    return {type(value): (value, critical) for value, critical in values}


def hosts(*names: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])


def instead(value: x509.ExtensionType, *, critical: bool = False) -> dict[str, Any]:
    return {"extensions": {type(value): (value, critical)}}


def access(location: x509.GeneralName, method: x509.ObjectIdentifier | None = None) -> dict[str, Any]:
    method = method or AuthorityInformationAccessOID.CA_ISSUERS
    extension = x509.AuthorityInformationAccess([x509.AccessDescription(method, location)])
    return instead(extension) | {"issuer": replace(ISSUER, certificate_url=location.value)}


def points(*places: x509.DistributionPoint, url: str = CRL_URL) -> dict[str, Any]:
    return instead(x509.CRLDistributionPoints(places)) | {"issuer": replace(ISSUER, crl_url=url)}


def point(*urls: str, **limits: Any) -> x509.DistributionPoint:
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return x509.DistributionPoint(names, None, limits.get("reasons"), limits.get("crl_issuer"))


def without_version(certificate: bytes) -> bytes:
    tbs, *rest = der.read(certificate)[0].children
    fields = asn1.sequence(*(part.der for part in tbs.children[1:]))
    return asn1.sequence(fields, *(part.der for part in rest))


def with_an_extension_twice(certificate: bytes) -> bytes:
    tbs, *rest = der.read(certificate)[0].children
    *fields, extensions = tbs.children
    each = [part.der for part in extensions.children[0].children]
    twice = asn1.context(3, asn1.sequence(*each, each[0]))
    return asn1.sequence(asn1.sequence(*(part.der for part in fields), twice), *(part.der for part in rest))


def validity(start: datetime, end: datetime) -> dict[str, Any]:
    return {"contents": wanted(validity=Validity(start, end))}


NAMELESS = wanted(profiles.SERVER, subject=x509.Name([]), subject_der=x509.Name([]).public_bytes())
RESPONDER = wanted(profiles.OCSP, subject_alternative_name=None)
P521 = keys.generate_key("P-521").public_key()
FAULTS: dict[str, list[dict[str, Any]]] = {
    "certificate_is_readable": [{"edit": with_an_extension_twice}],
    "version_is_3": [{"edit": without_version}],
    "serial_number_is_positive_and_short": [
        {"contents": wanted(serial_number=2**159)},
        {"contents": wanted(serial_number=2**200)},
    ],
    "serial_number_is_as_meant": [{"certificate": {"serial_number": 4711}}],
    "signature_follows_the_curve": [{"hash": hashes.SHA384()}, {"hash": hashes.SHA512()}],
    "issuer_is_the_signer": [{"certificate": {"issuer_name": common_name("Somebody Else")}}],
    "issuer_may_sign_it": [{"contents": wanted(profiles.INTERMEDIATE)}],
    "validity_is_as_meant": [
        {"certificate": {"not_valid_before": _naive(NOW) + timedelta(seconds=1)}},
        {"certificate": {"not_valid_after": _naive(NOW) + timedelta(days=29)}},
    ],
    "validity_is_forward": [validity(NOW + timedelta(days=2), NOW + timedelta(days=1))],
    "validity_is_within_the_issuer": [
        validity(NOW - timedelta(seconds=1), NOW + timedelta(days=1)),
        validity(ISSUER.validity.not_after, ISSUER.validity.not_after + timedelta(seconds=1)),
    ],
    "validity_is_within_the_profile": [{"contents": wanted(validity=Validity.of_days(NOW, 826))}],
    "subject_is_as_asked": [
        {"certificate": {"subject_name": common_name("uccx2-EC.example.com")}},
        {"contents": wanted(subject_der=common_name("uccx1-EC.example.com").public_bytes().replace(b"\x0c", b"\x13"))},
    ],
    "subject_is_not_the_issuer": [
        {"contents": wanted(subject=ISSUER.subject, subject_der=ISSUER.subject.public_bytes())}
    ],
    "public_key_is_as_asked": [{"certificate": {"public_key": OTHER_KEY}}],
    "public_key_is_allowed": [
        {
            "contents": wanted(
                profiles.INTERMEDIATE, public_key=P521, subject_public_key_info=keys.public_key_der(P521)
            ),
            "issuer": replace(ISSUER, path_length=1),
        }
    ],
    "public_key_is_not_the_issuers": [
        {
            "contents": wanted(
                public_key=ISSUER.public_key, subject_public_key_info=keys.public_key_der(ISSUER.public_key)
            )
        },
        {"issuer": replace(ISSUER, is_self=True)},
    ],
    "extensions_are_known": [
        instead(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")),
    ],
    "only_two_extensions_are_critical": [
        instead(hosts("example.com", "uccx1.example.com"), critical=True),
        instead(to_key_usage(wanted().key_usage), critical=False),
        instead(x509.BasicConstraints(ca=False, path_length=None), critical=False),
        {"contents": NAMELESS},
    ],
    "basic_constraints_follow_the_profile": [
        instead(x509.BasicConstraints(ca=True, path_length=0), critical=True),
        {
            "contents": wanted(profiles.INTERMEDIATE),
            "issuer": replace(ISSUER, path_length=1),
            **instead(x509.BasicConstraints(ca=True, path_length=None), critical=True),
        },
    ],
    "key_usage_is_as_decided": [
        instead(to_key_usage(["digitalSignature", "keyAgreement"]), critical=True),
        {"contents": wanted(key_usage=())},
    ],
    "key_usage_is_within_the_profile": [
        {"contents": wanted(key_usage=("digitalSignature", "keyCertSign"))},
        {"contents": wanted(profiles.SERVER, key_usage=("digitalSignature", "keyEncipherment"))},
    ],
    "extended_key_usage_is_as_decided": [
        instead(to_extended_key_usage(["clientAuth", "serverAuth"])),
        instead(to_extended_key_usage(["serverAuth"])),
    ],
    "extended_key_usage_is_within_the_profile": [
        {"contents": wanted(extended_key_usage=("serverAuth", "codeSigning"))}
    ],
    "alternative_name_is_as_asked": [
        instead(hosts("example.com", "uccx1.example.com", "www.example.com")),
        instead(hosts("uccx1.example.com")),
    ],
    "alternative_name_is_there": [
        {"contents": wanted(subject_alternative_name=None)},
        {
            "contents": wanted(profiles.INTERMEDIATE, subject_alternative_name=hosts("ca.example.com")),
            "issuer": replace(ISSUER, path_length=1),
        },
    ],
    "wildcards_follow_the_profile": [{"contents": wanted(subject_alternative_name=hosts("*.example.com"))}],
    "subject_key_identifier_names_the_key": [instead(x509.SubjectKeyIdentifier.from_public_key(OTHER_KEY))],
    "authority_key_identifier_names_the_issuer": [
        instead(x509.AuthorityKeyIdentifier.from_issuer_public_key(OTHER_KEY))
    ],
    "information_access_is_plain_http": [
        access(x509.UniformResourceIdentifier("https://ca.example.com/ca.crt")),
        access(x509.DNSName("ca.example.com")),
        access(x509.UniformResourceIdentifier("http://ca.example.com/"), x509.ObjectIdentifier("1.2.3.4")),
    ],
    "distribution_point_is_one_over_plain_http": [
        points(point("https://ca.example.com/ca.crl"), url="https://ca.example.com/ca.crl"),
        points(point(CRL_URL), point(CRL_URL)),
        points(point(CRL_URL, CRL_URL)),
        points(point(CRL_URL, reasons=frozenset([x509.ReasonFlags.key_compromise]))),
        points(point(CRL_URL, crl_issuer=[x509.DirectoryName(ISSUER.subject)])),
    ],
    "locations_are_the_issuers": [
        points(point(CRL_URL), url=""),
        points(point(CRL_URL), url="http://ca.example.com/other.crl"),
        {"issuer": replace(ISSUER, crl_url=CRL_URL)},
        {"issuer": replace(ISSUER, certificate_url=CRL_URL)},
        {"issuer": replace(ISSUER, ocsp_url=CRL_URL)},
    ],
    "no_check_is_for_responders": [instead(x509.OCSPNoCheck()), {"contents": RESPONDER}],
}
CASES = [
    pytest.param(rule, Case(**case), id=f"{rule}-{number}")
    for rule, cases in FAULTS.items()
    for number, case in enumerate(cases, 1)
]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_single_fault_breaks_a_single_rule(rule: str, case: Case) -> None:
    assert case.broken_rules() == [rule]


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_a_serial_number_of_0_is_not_positive() -> None:
    assert Case(contents=wanted(serial_number=0)).broken_rules() == ["serial_number_is_positive_and_short"]


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    assert {rule.__name__ for rule in linting.RULES} == FAULTS.keys() - {"certificate_is_readable"}


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case(contents=wanted(profiles.SERVER, subject_alternative_name=hosts("*.example.com"))),
        Case(contents=wanted(serial_number=2**159 - 1)),
        Case(contents=NAMELESS, **instead(hosts("example.com", "uccx1.example.com"), critical=True)),
        Case(contents=wanted(profiles.INTERMEDIATE), issuer=replace(ISSUER, path_length=1)),
        Case(contents=wanted(profiles.INTERMEDIATE), issuer=replace(ISSUER, path_length=None)),
        Case(**access(x509.UniformResourceIdentifier("http://ca.example.com/ca.crt"))),
        Case(**points(point(CRL_URL))),
        Case(contents=RESPONDER, **instead(x509.OCSPNoCheck())),
    ],
    ids=[
        "vos",
        "server",
        "longest-serial",
        "empty-subject",
        "intermediate",
        "intermediate-below-no-limit",
        "information-access",
        "list",
        "responder",
    ],
)
def test_a_certificate_without_a_fault_breaks_no_rule(case: Case) -> None:
    assert case.broken_rules() == []


def test_each_rule_says_in_one_line_what_it_wants() -> None:
    assert all(rule.__doc__ and rule.__doc__.endswith(".") for rule in linting.RULES)


def test_a_signer_on_p521_has_no_signature_that_is_allowed() -> None:
    issuer = replace(ISSUER, public_key=P521)

    assert Case(issuer=issuer).broken_rules() == ["signature_follows_the_curve"]


def test_the_signatures_are_those_of_ecdsa() -> None:
    assert isinstance(AUTHORITY.key.curve, ec.SECP256R1)
    assert AUTHORITY.certificate.signature_algorithm_oid == SignatureAlgorithmOID.ECDSA_WITH_SHA384
