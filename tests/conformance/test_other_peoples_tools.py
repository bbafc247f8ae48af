"""The certificates of a contact centre, as OpenSSL, GnuTLS, Java and pkilint see them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from ca_service.pki import csr, encodings, names
from tests.conformance import pkix_linter
from tests.support import certificates, requests
from tests.support.programs import Tool
from tests.support.requests import Request

STARTED = datetime.now(UTC).replace(microsecond=0)  # GnuTLS can judge nothing but the present
NODES = (*requests.THREE_NODES, requests.CUCM_MULTI, requests.ALTERNATE_ADDRESS)
CURVES = pytest.mark.parametrize("curve", ["P-256", "P-384"])


def issued(request: Request, curve: str = "P-384") -> x509.Certificate:
    wanted = replace(
        certificates.requested(request.data, start=STARTED),
        key_usage=requests.OLD_USAGE,
        extended_key_usage=requests.OLD_PURPOSES,
    )
    return certificates.intermediate(curve).issue(wanted)


@CURVES
def test_pkilint_finds_nothing_in_root_and_intermediate(curve: str) -> None:
    assert [pkix_linter.findings(authority) for authority in certificates.intermediate(curve, curve).chain] == [
        set()
    ] * 2


@CURVES
@pytest.mark.parametrize("request_", NODES, ids=lambda request: request.name)
def test_pkilint_finds_nothing_in_a_leaf(request_: Request, curve: str) -> None:
    assert pkix_linter.findings(issued(request_, curve)) == set()


def test_pkilint_objects_to_junk_only_because_it_is_copied_as_it_is() -> None:
    leaf = issued(requests.JUNK_COUNTRY)

    assert pkix_linter.findings(leaf) == {"itu.invalid_asn1_syntax"}
    assert leaf.subject.public_bytes() == csr.read_request(requests.JUNK_COUNTRY.data).subject_der


def test_each_accepted_finding_of_pkilint_is_really_found() -> None:
    assert pkix_linter.all_findings(issued(requests.UCCX_PUBLISHER)) == set(pkix_linter.ACCEPTED)


@CURVES
def test_openssl_verifies_the_bundle_of_a_node(openssl: Tool, tmp_path: Path, curve: str) -> None:
    leaf, chain = issued(requests.UCCX_PUBLISHER, curve), certificates.intermediate(curve).chain
    paths = [tmp_path / name for name in ("leaf.pem", "intermediate.pem", "root.pem")]
    for path, certificate in zip(paths, (leaf, *chain), strict=True):
        path.write_bytes(encodings.pem(certificate))

    said = openssl(
        *("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "uccx1.example.com"),
        *("-CAfile", paths[2], "-untrusted", paths[1], paths[0]),
    )

    assert said.endswith(": OK\n")


@pytest.mark.parametrize("request_", requests.UNUSUAL, ids=lambda request: request.name)
def test_openssl_verifies_what_an_unusual_request_got(openssl: Tool, tmp_path: Path, request_: Request) -> None:
    leaf, chain = issued(request_), certificates.intermediate().chain
    paths = [tmp_path / name for name in ("leaf.pem", "intermediate.pem", "root.pem")]
    for path, certificate in zip(paths, (leaf, *chain), strict=True):
        path.write_bytes(encodings.pem(certificate))

    said = openssl(
        *("verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "odd1.example.com"),
        *("-CAfile", paths[2], "-untrusted", paths[1], paths[0]),
    )

    assert said.endswith(": OK\n")
    assert leaf.subject.public_bytes() == csr.read_request(request_.data).subject_der


def test_openssl_prints_what_the_node_asked_for(openssl: Tool, tmp_path: Path) -> None:
    path = tmp_path / "leaf.pem"
    path.write_bytes(encodings.pem(issued(requests.UCCX_PUBLISHER)))

    text = openssl("x509", "-noout", "-text", "-in", path)

    assert "Key Usage: critical\n" in text
    assert "Digital Signature, Key Encipherment, Data Encipherment, Key Agreement\n" in text
    assert "TLS Web Server Authentication, TLS Web Client Authentication, IPSec End System" in text
    assert "DNS:example.com, DNS:uccx1.example.com\n" in text
    assert "CA:FALSE" in text


@CURVES
def test_gnutls_verifies_the_chain(certtool: Tool, tmp_path: Path, curve: str) -> None:
    path = tmp_path / "chain.pem"
    path.write_bytes(
        encodings.pem_chain([issued(requests.SOCIALMINER, curve), *certificates.intermediate(curve).chain])
    )

    assert "Chain verification output: Verified." in certtool("--verify-chain", "--infile", path)


def test_java_reads_the_trust_store(keytool: Tool, tmp_path: Path) -> None:
    store, root = tmp_path / "trust.p12", certificates.intermediate().chain[-1]
    store.write_bytes(encodings.trust_store(root, "changeit"))

    said = keytool("-list", "-keystore", store, "-storetype", "PKCS12", "-storepass", "changeit")

    assert "contains 1 entry" in said
    assert said.count("trustedCertEntry") == 1
    digits = encodings.fingerprint(root).upper()
    assert ":".join(digits[place : place + 2] for place in range(0, 64, 2)) in said
    assert (names.common_name(root.subject) or "?").lower() in said  # Java's aliases are in lower case
