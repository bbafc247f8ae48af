"""Certificates for servers and clients, and those with an empty subject, as OpenSSL and GnuTLS judge them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_service.authority.issuance.examination import Options
from ca_service.pki import encodings
from ca_service.pki.contents import find_value, serial_text
from ca_service.vos.bundle import node_bundle
from tests.support import pkcs10, requests
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import FixedClock
from tests.support.pkcs10 import Recipe
from tests.support.programs import Tool


@pytest.fixture
def signing() -> Lab:
    """A lab of today, because the tools judge the present."""
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    return Lab(clock=FixedClock(now)).initialised()


def issue(lab: Lab, folder: Path, profile: str, *purposes: str, subject: bytes | None = None) -> x509.Certificate:
    """A certificate for these purposes, in leaf.pem, with its authorities beside it."""
    asked = (pkcs10.extended_key_usage(*purposes), pkcs10.hosts("host.example.com"))
    data = Recipe(requests.key("host"), subject or requests.subject("host.example.com"), asked).der()
    [record] = lab.issuance.issue(OPERATOR, [data], Options(profile=profile)).certificates
    [leaf] = encodings.load_certificates(record.der)
    intermediate, root = lab.hierarchy.active().chain
    for name, certificate in (("leaf", leaf), ("intermediate", intermediate), ("root", root)):
        (folder / f"{name}.pem").write_bytes(encodings.pem(certificate))
    (folder / "path.pem").write_bytes(encodings.pem_chain((leaf, intermediate, root)))
    return leaf


@pytest.mark.parametrize(
    ("profile", "purposes", "good_for"),
    [
        ("server", ("serverAuth",), {"sslserver"}),
        ("server", ("serverAuth", "clientAuth"), {"sslserver", "sslclient"}),
        ("client", ("clientAuth",), {"sslclient"}),
    ],
)
def test_openssl_accepts_a_leaf_for_its_purposes_alone(
    openssl: Tool, tmp_path: Path, signing: Lab, profile: str, purposes: tuple[str, ...], good_for: set[str]
) -> None:
    issue(signing, tmp_path, profile, *purposes)
    path = ("-x509_strict", "-CAfile", "root.pem", "-untrusted", "intermediate.pem", "leaf.pem")
    accepted = {each for each in ("sslserver", "sslclient") if openssl.run("verify", "-purpose", each, *path)[0] == 0}
    assert accepted == good_for


@pytest.mark.parametrize("profile", ["server", "client"])
def test_under_an_empty_subject_the_alternative_name_is_critical_and_others_accept_it(
    openssl: Tool, certtool: Tool, tmp_path: Path, signing: Lab, profile: str
) -> None:
    leaf = issue(signing, tmp_path, profile, "serverAuth", "clientAuth", subject=pkcs10.name())
    assert leaf.subject == x509.Name([])
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    path = ("-x509_strict", "-CAfile", "root.pem", "-untrusted", "intermediate.pem", "leaf.pem")
    openssl("verify", "-purpose", f"ssl{profile}", "-verify_hostname", "host.example.com", *path)
    assert "Chain verification output: Verified." in certtool("--verify-chain", "--infile", "path.pem")


def test_beside_a_subject_the_alternative_name_is_not_critical(tmp_path: Path, signing: Lab) -> None:
    leaf = issue(signing, tmp_path, "server", "serverAuth")
    assert not leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_the_bundle_of_a_client_is_called_so_and_has_its_own_steps(tmp_path: Path, signing: Lab) -> None:
    leaf = issue(signing, tmp_path, "client", "clientAuth")
    record = signing.issuance.get_certificate(OPERATOR, serial_text(leaf.serial_number))
    bundle = node_bundle(signing.issuance.delivery(record))
    assert bundle.name == "host.example.com-client.zip"
    text = next(file.data for file in bundle.extras if file.path == "UPLOAD.txt").decode()
    assert "on the client" in text
    assert "server that needs a separate file" not in text
    usage = find_value(leaf.extensions, x509.ExtendedKeyUsage)
    assert list(usage or ()) == [ExtendedKeyUsageOID.CLIENT_AUTH]
