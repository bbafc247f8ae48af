"""Whatever `openssl verify -x509_strict` refuses, for servers or for clients, the fit checks never call fitting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ca_service.vos.fit import Files, Fit, judge_files
from tests.support import pkcs10, programs, requests
from tests.support.fakes import NOON
from tests.support.paths import AUTHORITY, ISSUING, LEAF, OTHER_NAME, PROXY, ROOT, UNKNOWN, Step, path

DNS, IP, DN = x509.DNSName, x509.IPAddress, x509.DirectoryName
UPPER = Step("Path Upper CA G1")
Changes = dict[str, Any]


def organisation(value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, value)])


SUBTREES = [
    DNS("example.com"),
    DNS(".example.com"),
    DNS("uccx1.example.com"),
    DNS("example.org"),
    DNS(""),
    IP(ip_network("192.0.2.0/24")),
    IP(ip_network("2001:db8::/32")),
    DN(organisation("Example Lab")),
    DN(organisation("EXAMPLE  LAB")),
    DN(organisation("Other")),
    x509.RFC822Name("example.com"),
    x509.UniformResourceIdentifier("example.com"),
]
HOSTS = [
    DNS("example.com"),
    DNS("uccx1.example.com"),
    DNS("UCCX1.EXAMPLE.COM"),
    DNS("a.example.org"),
    DNS("*.example.com"),
    IP(ip_address("192.0.2.7")),
    IP(ip_address("198.51.100.7")),
    IP(ip_address("2001:db8::7")),
    x509.UniformResourceIdentifier("https://example.com/"),
    x509.RFC822Name("voice@example.com"),
    OTHER_NAME,
]
TIMES = [
    {},
    {},
    {},
    {"not_after": NOON - timedelta(days=1)},
    {"not_before": NOON + timedelta(days=1)},
]
NETSCAPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
EXTRA = [
    (),
    (),
    (),
    ((UNKNOWN, True),),
    ((UNKNOWN, False),),
    ((x509.UnrecognizedExtension(NETSCAPE, bytes.fromhex("03020780")), False),),
    ((x509.UnrecognizedExtension(NETSCAPE, bytes.fromhex("030206c0")), False),),
    ((x509.InhibitAnyPolicy(0), True),),
    ((x509.PolicyConstraints(0, None), True),),
    ((x509.OCSPNoCheck(), True),),
    ((x509.IssuerAlternativeName([DNS("example.com")]), True),),
]


def mostly(good: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The good value in most examples, so that whole paths are right often enough."""
    return st.one_of(st.just(good), st.just(good), st.just(good), st.sampled_from(others))


AUTHORITIES = st.fixed_dictionaries(
    {
        "constraints": mostly(
            x509.BasicConstraints(True, None),
            x509.BasicConstraints(True, 0),
            x509.BasicConstraints(True, 1),
            x509.BasicConstraints(False, None),
            None,
        ),
        "critical_constraints": mostly(True, False),
        "usage": mostly(AUTHORITY, ("keyCertSign",), ("cRLSign",), ("digitalSignature",), None),
        "purposes": mostly(
            (), ("serverAuth", "clientAuth"), ("serverAuth",), ("clientAuth",), ("anyExtendedKeyUsage",)
        ),
        "permitted": mostly((), *[[each] for each in SUBTREES], [DNS("example.com"), IP(ip_network("192.0.2.0/24"))]),
        "excluded": mostly((), *[[each] for each in SUBTREES]),
        "extra": st.sampled_from(EXTRA),
        "has_subject_identifier": mostly(True, False),
        "authority_identifier": mostly("right", "none", "wrong"),
    }
)
LEAVES = st.fixed_dictionaries(
    {
        "constraints": mostly(LEAF.constraints, None, x509.BasicConstraints(True, None)),
        "usage": mostly(LEAF.usage, None, ("digitalSignature",), ("keyEncipherment",), ("keyAgreement",), AUTHORITY),
        "purposes": mostly(
            LEAF.purposes, (), ("serverAuth",), ("clientAuth",), ("anyExtendedKeyUsage",), ("codeSigning",)
        ),
        "hosts": st.one_of(st.just(LEAF.hosts), st.lists(st.sampled_from(HOSTS), max_size=2, unique=True)),
        "name": mostly(LEAF.name, x509.Name([]), organisation("Example Lab"), "a.example.org"),
        "extra": st.sampled_from(EXTRA),
        "has_subject_identifier": mostly(True, False),
        "authority_identifier": mostly("right", "none", "wrong"),
    }
)


@pytest.fixture(scope="module")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> programs.Tool:
    """The command, in a folder of its own."""
    return programs.Tool(programs.find("openssl"), tmp_path_factory.mktemp("paths"))


def accepts(openssl: programs.Tool, chain: Sequence[x509.Certificate]) -> bool:
    """Whether OpenSSL accepts leaf and path strictly, for both ends of TLS."""
    folder = openssl.folder or Path()
    leaf, *between = chain
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (folder / "root.pem").write_bytes(between.pop().public_bytes(Encoding.PEM))
    (folder / "between.pem").write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in between) or b"\n")
    common = ("-x509_strict", "-attime", str(int(NOON.timestamp())), "-CAfile", "root.pem")
    between_option = ("-untrusted", "between.pem") if between else ()
    return all(
        openssl.run("verify", *common, *between_option, "-purpose", purpose, "leaf.pem")[0] == 0
        for purpose in ("sslserver", "sslclient")
    )


def fit(chain: Sequence[x509.Certificate], csr: bytes | None = None) -> Fit:
    leaf, *above = (each.public_bytes(Encoding.PEM) for each in chain)
    return judge_files(Files(csr, leaf, tuple(above)), NOON)


def test_a_good_path_is_accepted_by_both(openssl: programs.Tool) -> None:
    for chain in (path(LEAF, ISSUING, ROOT), path(LEAF, ISSUING, UPPER, ROOT), path(LEAF, ROOT)):
        assert accepts(openssl, chain)
        assert fit(chain).is_fitting


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(leaf=LEAVES, issuing=AUTHORITIES, root=AUTHORITIES, times=st.tuples(*[st.sampled_from(TIMES)] * 3))
@example(leaf={"authority_identifier": "none"}, issuing={}, root={}, times=({}, {}, {}))
@example(leaf={"hosts": []}, issuing={"excluded": [DNS("example.com")]}, root={}, times=({}, {}, {}))
def test_what_openssl_refuses_is_never_called_fitting(
    openssl: programs.Tool, leaf: Changes, issuing: Changes, root: Changes, times: tuple[Changes, Changes, Changes]
) -> None:
    steps = [
        replace(step, **changes, **time)
        for step, changes, time in zip((LEAF, ISSUING, ROOT), (leaf, issuing, root), times, strict=True)
    ]
    chain = path(*steps)
    if not accepts(openssl, chain):
        assert not fit(chain).is_fitting


#: After the cases of x509-limbo that concern EC paths: changes of root, upper, issuing authority and leaf.
LIMBO: dict[str, tuple[Changes, Changes, Changes, Changes]] = {
    "rfc5280::ca-empty-subject": ({}, {}, {"name": x509.Name([])}, {}),
    "rfc5280::unknown-critical-extension-ee": ({}, {}, {}, {"extra": ((UNKNOWN, True),)}),
    "rfc5280::unknown-critical-extension-root": ({"extra": ((UNKNOWN, True),)}, {}, {}, {}),
    "rfc5280::unknown-critical-extension-intermediate": ({}, {"extra": ((UNKNOWN, True),)}, {}, {}),
    "rfc5280::ee-empty-issuer": ({}, {}, {"name": x509.Name([])}, {}),
    "rfc5280::root-missing-basic-constraints": ({"constraints": None}, {}, {}, {}),
    "rfc5280::root-non-critical-basic-constraints": ({"critical_constraints": False}, {}, {}, {}),
    "rfc5280::intermediate-ca-missing-basic-constraints": ({}, {}, {"constraints": None}, {}),
    "rfc5280::leaf-ku-keycertsign": ({}, {}, {}, {"usage": AUTHORITY}),
    "rfc5280::intermediate-ca-without-ca-bit": ({}, {}, {"constraints": x509.BasicConstraints(False, None)}, {}),
    "rfc5280::root-inconsistent-ca-extensions": ({"usage": ("digitalSignature",)}, {}, {}, {}),
    "rfc5280::ski::root-missing-ski": ({"has_subject_identifier": False}, {}, {}, {}),
    "rfc5280::ski::intermediate-missing-ski": ({}, {"has_subject_identifier": False}, {}, {}),
    "rfc5280::aki::leaf-missing-aki": ({}, {}, {}, {"authority_identifier": "none"}),
    "rfc5280::aki::intermediate-missing-aki": ({}, {}, {"authority_identifier": "none"}, {}),
    "rfc5280::aki::root-mismatched-key-identifier": (
        {"extra": ((x509.AuthorityKeyIdentifier(b"x" * 20, None, None), False),)},
        {},
        {},
        {},
    ),
    "rfc3820::authority-with-proxy-certificate-information": ({}, {}, {"extra": ((PROXY, False),)}, {}),
    "rfc5280::aki::mismatched-key-identifier": ({}, {}, {}, {"authority_identifier": "wrong"}),
    "rfc5280::validity::expired-root": ({"not_after": NOON - timedelta(days=1)}, {}, {}, {}),
    "rfc5280::validity::expired-intermediate": ({}, {"not_after": NOON - timedelta(days=1)}, {}, {}),
    "rfc5280::validity::expired-leaf": ({}, {}, {}, {"not_after": NOON - timedelta(days=1)}),
    "rfc5280::validity::future-leaf": ({}, {}, {}, {"not_before": NOON + timedelta(days=1)}),
    "rfc5280::pc::exceeded-root": ({"constraints": x509.BasicConstraints(True, 1)}, {}, {}, {}),
    "rfc5280::pc::exceeded-intermediate": ({}, {"constraints": x509.BasicConstraints(True, 0)}, {}, {}),
    "rfc5280::nc::permitted-dns-mismatch": ({"permitted": [DNS("example.org")]}, {}, {}, {}),
    "rfc5280::nc::excluded-dns-match": ({"excluded": [DNS("example.com")]}, {}, {}, {}),
    "rfc5280::nc::excluded-dns-match-sub": ({}, {"excluded": [DNS("uccx1.example.com")]}, {}, {}),
    "rfc5280::nc::intermediate-permitted-mismatch": ({}, {}, {"permitted": [DNS("uccx1.example.com")]}, {}),
    "rfc5280::nc::permitted-ip-mismatch": (
        {"permitted": [IP(ip_network("192.0.2.0/24"))]},
        {},
        {},
        {"hosts": (DNS("example.com"), IP(ip_address("198.51.100.7")))},
    ),
    "rfc5280::nc::excluded-ip-match": (
        {"excluded": [IP(ip_network("192.0.2.0/24"))]},
        {},
        {},
        {"hosts": (DNS("example.com"), IP(ip_address("192.0.2.7")))},
    ),
    "rfc5280::nc::permitted-dn-mismatch": ({}, {}, {"permitted": [DN(organisation("Other"))]}, {}),
    "rfc5280::nc::excluded-dn-match": ({}, {}, {"excluded": [DN(organisation("Example Lab"))]}, {}),
    "rfc5280::nc::dn-of-the-intermediate": ({"permitted": [DN(organisation("Example Lab"))]}, {}, {}, {}),
    "rfc5280::eku::ee-without-server": ({}, {}, {}, {"purposes": ("clientAuth",)}),
    "rfc5280::eku::ee-anyeku": ({}, {}, {}, {"purposes": ("anyExtendedKeyUsage",)}),
    "webpki::eku::intermediate-server-only": ({}, {}, {"purposes": ("serverAuth",)}, {}),
    "webpki::eku::root-without-server": ({"purposes": ("clientAuth",)}, {}, {}, {}),
}


@pytest.mark.parametrize("name", LIMBO)
def test_a_case_after_x509_limbo_is_refused_by_openssl_and_is_not_fitting(openssl: programs.Tool, name: str) -> None:
    root, upper, issuing, leaf = LIMBO[name]
    chain = path(replace(LEAF, **leaf), replace(ISSUING, **issuing), replace(UPPER, **upper), replace(ROOT, **root))

    assert not accepts(openssl, chain)
    assert not fit(chain).is_fitting


def test_a_csr_that_requests_less_does_not_make_it_an_error() -> None:
    csr = pkcs10.pem(requests.node("uccx1-EC.example.com", "example.com", "uccx1.example.com").der())

    assert "fit.purposes-requested" not in {found.rule for found in fit(path(LEAF, ISSUING, ROOT), csr).findings}
