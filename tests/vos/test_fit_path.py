"""Fit checks along the path, and of what TLS needs: cases that people have reported, each with its right answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError
from ca_service.pki import csr, der
from ca_service.vos.checks import STRICT_CLIENTS
from ca_service.vos.fit import Files, Fit, judge_files
from ca_service.vos.fit_request import judge_issued
from tests.support import pkcs10, requests, spoiled
from tests.support.factories import Lab, actor
from tests.support.fakes import NOON
from tests.support.paths import ISSUING, LEAF, ROOT, Step, path
from tests.support.requests import UCCX_PUBLISHER

DNS = x509.DNSName
NETSCAPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")


def fit(*steps: Step, csr: bytes | None = None) -> Fit:
    """The judgement about the certificate of the first step."""
    return judged(path(*steps), csr)


def judged(chain: tuple[x509.Certificate, ...], csr: bytes | None = None) -> Fit:
    leaf, *above = (each.public_bytes(Encoding.PEM) for each in chain)
    return judge_files(Files(csr, leaf, tuple(above)), NOON)


def failed(found: Fit) -> list[str]:
    """The rules of the checks that failed."""
    return [each.rule for each in found.findings if each.is_error]


@pytest.mark.parametrize(
    ("issuing", "leaf", "rule"),
    [
        ({"purposes": ("serverAuth",)}, {}, "chain.purpose"),
        ({"permitted": [DNS("other.example")]}, {}, "chain.name-not-permitted"),
        ({"excluded": [DNS("example.com")]}, {}, "chain.name-excluded"),
        ({"constraints": None}, {}, "chain.not-authority"),
        ({"usage": ("cRLSign", "digitalSignature")}, {}, "chain.key-usage"),
        ({}, {"authority_identifier": "wrong"}, "chain.key-identifier"),
        ({}, {"purposes": ("serverAuth",)}, "fit.purposes"),
        ({}, {"usage": ("keyEncipherment",)}, "fit.digital-signature"),
        ({}, {"extra": ((x509.UnrecognizedExtension(NETSCAPE, b"\x03\x02\x06\x40"), False),)}, "fit.netscape-type"),
        ({}, {"not_before": NOON + timedelta(days=400), "not_after": NOON + timedelta(days=500)}, "fit.not-yet-valid"),
        ({}, {"name": x509.Name([]), "hosts": ()}, "fit.no-names"),
    ],
)
def test_a_certificate_that_clients_refuse_does_not_work(
    issuing: dict[str, Any], leaf: dict[str, Any], rule: str
) -> None:
    found = fit(replace(LEAF, **leaf), replace(ISSUING, **issuing), ROOT)

    assert failed(found) == [rule]
    assert (found.is_taken, found.works, found.is_fitting) == (True, False, False)


def test_findings_about_authorities_point_to_the_chain_and_those_about_the_leaf_to_the_certificate() -> None:
    [of_chain] = [each for each in fit(LEAF, replace(ISSUING, constraints=None), ROOT).findings if each.is_error]
    of_leaf = [each for each in fit(LEAF, replace(ISSUING, purposes=("serverAuth",)), ROOT).findings if each.is_error]

    assert of_chain.pointer == "/chain"
    assert [each.pointer for each in of_leaf] == ["/certificate"]


def test_what_only_strict_clients_refuse_works_but_does_not_fit() -> None:
    found = fit(replace(LEAF, authority_identifier="none"), ISSUING, ROOT)
    [check] = [each for each in found.checks if each.topic == STRICT_CLIENTS]

    assert check.finding is not None
    assert check.finding.rule == "strict.authority-key-identifier"
    assert (found.works, found.is_fitting) == (True, False)
    assert found.verdict == "The node would take it and work with it, but some clients refuse it."


def test_constraints_that_the_library_does_not_process_are_no_second_opinion() -> None:
    permitted = [x509.DirectoryName(x509.Name(list(LEAF.subject)[:1]))]
    root = replace(ROOT, name=x509.Name([*list(LEAF.subject)[:1], *ROOT.subject]))
    issuing = replace(ISSUING, name=x509.Name([*list(LEAF.subject)[:1], *ISSUING.subject]), permitted=permitted)

    assert fit(LEAF, issuing, root).is_fitting


def test_of_several_paths_the_best_counts() -> None:
    expired = replace(ROOT, not_after=NOON - timedelta(days=1))
    old, new = expired.issued_by(expired), ROOT.issued_by(ROOT)
    leaf, issuing = LEAF.issued_by(ISSUING), ISSUING.issued_by(ROOT)
    files = Files(None, *(spoiled.Made(leaf).pem,), tuple(spoiled.Made(each).pem for each in (issuing, old, new)))
    topics = [each.topic for each in judge_files(files, NOON).checks]

    assert failed(judge_files(files, NOON)) == []
    assert topics.count("validity of the authorities") == 1


def test_a_purpose_that_the_csr_does_not_request_either_is_a_warning() -> None:
    csr_ = pkcs10.pem(
        requests.node(
            "uccx1-EC.example.com", "example.com", "uccx1.example.com",
            bits=("digitalSignature", "keyEncipherment", "dataEncipherment"), purposes=("serverAuth",),
        ).der()
    )  # fmt: skip
    found = fit(replace(LEAF, purposes=("serverAuth",)), ISSUING, ROOT, csr=csr_)

    assert "fit.purposes-requested" in [each.rule for each in found.findings if not each.is_error]
    assert "fit.purposes" not in failed(found)


def test_a_tls_purpose_that_is_missing_is_not_called_fitting_even_if_it_was_not_requested() -> None:
    """OpenSSL refuses it for that purpose (error 26)."""
    csr_ = pkcs10.pem(requests.node("uccx1-EC.example.com", "example.com", purposes=("serverAuth",)).der())
    found = fit(replace(LEAF, purposes=("serverAuth",)), ISSUING, ROOT, csr=csr_)

    assert not found.is_fitting
    assert "fit.purposes-requested" in [each.rule for each in found.findings]


def test_another_path_that_is_refused_is_told() -> None:
    """OpenSSL takes the first issuer that it finds, and does not try the next one."""
    leaf, good, root = path(LEAF, ISSUING, ROOT)
    limited = replace(ISSUING, permitted=[DNS("other.example")]).issued_by(ROOT)
    one, both = judged((leaf, good, root)), judged((leaf, limited, good, root))
    [told] = [each for each in both.findings if each.rule == "fit.other-path"]

    assert (one.is_fitting, both.works, both.is_fitting) == (True, True, False)
    assert "other.example" in told.detail
    assert "other paths" not in [each.topic for each in one.checks]


@pytest.mark.parametrize(
    ("issuing", "client"),
    [
        ({"permitted": [DNS("")]}, "Java"),
        ({"excluded": [x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]}, "GnuTLS"),
        ({"extra": ((x509.PolicyConstraints(5, None), True),)}, "GnuTLS"),
    ],
)
def test_what_one_client_does_not_process_is_not_called_fitting(issuing: dict[str, Any], client: str) -> None:
    found = fit(LEAF, replace(ISSUING, **issuing), ROOT)
    [told] = [each for each in found.findings if each.rule == "strict.client"]

    assert client in told.detail
    assert (found.works, found.is_fitting) == (True, False)


def test_a_certificate_that_signs_itself_is_not_called_fitting() -> None:
    found = fit(LEAF)

    assert "fit.self-signed" in [each.rule for each in found.findings]
    assert (found.works, found.is_fitting) == (True, False)


@pytest.mark.parametrize(
    ("network", "address", "is_told"),
    [
        ("::/0", "192.0.2.1", True),
        ("2000::/3", "34.1.2.3", True),
        ("2000::/3", "192.0.2.1", False),
        ("2001:db8::/32", "192.0.2.1", False),
        ("::/0", "2001:db8::1", False),
        ("10.0.0.0/8", "192.0.2.1", False),
    ],
)
def test_an_ipv6_network_that_java_cannot_compare_with_an_ipv4_address(
    network: str, address: str, *, is_told: bool
) -> None:
    """Java 17: IPAddressName.constrains, "Index 4 out of bounds for length 4"."""
    issuing = replace(ISSUING, excluded=[x509.IPAddress(ip_network(network))])
    found = fit(replace(LEAF, hosts=(*LEAF.hosts, x509.IPAddress(ip_address(address)))), issuing, ROOT)

    assert ("Java" in "".join(each.detail for each in found.findings if each.rule == "strict.client")) is is_told


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_a_negative_serial_number_is_read_and_said_and_the_library_refuses_it() -> None:
    chain = path(LEAF, ISSUING, ROOT)
    certificate = der.read(chain[0].public_bytes(Encoding.DER))[0]
    body, algorithm, _ = certificate.children
    version, _, *others = body.children
    negative = der.sequence(version.der, bytes.fromhex("0202ff01"), *(each.der for each in others))
    signature = ISSUING.private_key.sign(negative, ec.ECDSA(hashes.SHA256()))
    made = x509.load_der_x509_certificate(der.sequence(negative, algorithm.der, der.bit_string(signature)))
    found = judged((made, *chain[1:]))

    assert [each.rule for each in found.findings[-2:]] == ["fit.serial-number", "chain.second-opinion"]
    assert (found.works, found.is_fitting) == (True, False)


def with_explicit_false(certificate: x509.Certificate, plain: str, odd: str) -> bytes:
    """The certificate with a default value spelled out; its signature no longer matters, as it cannot be read."""
    whole = der.read(certificate.public_bytes(Encoding.DER))[0]
    body, *rest = whole.children
    *others, last = body.children
    extensions = [each.der for each in der.read(last.content)[0].children]
    changed = [each.replace(bytes.fromhex(plain), bytes.fromhex(odd)) for each in extensions]
    inner = der.sequence(
        *(der.sequence(*(part.der for part in der.read(_resized(each))[0].children)) for each in changed)
    )
    return der.sequence(
        der.sequence(*(each.der for each in others), der.explicit(3, inner)), *(each.der for each in rest)
    )


def _resized(extension: bytes) -> bytes:
    """The extension with the length that it now has."""
    return der.sequence(extension[2:])


def test_a_critical_mark_that_is_spelled_out_is_said() -> None:
    leaf, *above = path(LEAF, ISSUING, ROOT)
    data = with_explicit_false(leaf, "0603551d0e 04", "0603551d0e 010100 04")
    with pytest.raises(CAServiceError) as caught:
        judge_files(Files(None, data, tuple(spoiled.Made(each).pem for each in above)), NOON)
    assert (caught.value.rule, caught.value.findings[0].pointer) == ("certificate.not-der", "/certificate")


def test_a_ca_mark_that_is_spelled_out_is_read() -> None:
    leaf, *above = path(LEAF, ISSUING, ROOT)
    data = with_explicit_false(leaf, "0603551d13 0101ff 0402 3000", "0603551d13 0101ff 0405 3003010100")
    fit = judge_files(Files(None, data, tuple(spoiled.Made(each).pem for each in above)), NOON)
    assert "fit.authority" not in {finding.rule for finding in fit.findings}


def test_our_own_certificates_fit_also_by_path_validation(lab: Lab) -> None:
    lab.initialised()
    [record] = lab.issuance.issue(actor(Role.REQUESTER), [UCCX_PUBLISHER.data], Options()).certificates
    certificate = x509.load_der_x509_certificate(record.der)
    found = judge_issued(csr.read_request(record.csr_der), certificate, lab.hierarchy.active().chain, NOON)

    assert found.is_fitting
    assert "names along the path" in [each.topic for each in found.checks]
