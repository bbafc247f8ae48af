"""Public files: CA certificates, the page about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service.app import create_app
from ca_service.authority.installation import Installation
from ca_service.pki import encodings
from ca_service.settings import Settings
from tests.support.factories import OPERATOR
from tests.support.instances import write_ready
from tests.support.programs import judged
from tests.web.visitor import Visitor, visit

FILES = {
    "root.pem": ("application/x-pem-file", "openssl x509 -in {} -noout -subject"),
    "root.der": ("application/pkix-cert", "openssl x509 -inform der -in {} -noout -subject"),
    "root.crt": ("application/pkix-cert", "openssl x509 -inform der -in {} -noout -subject"),
    "intermediate.pem": ("application/x-pem-file", "openssl x509 -in {} -noout -subject"),
    "intermediate.der": ("application/pkix-cert", "openssl x509 -inform der -in {} -noout -subject"),
    "chain.pem": ("application/x-pem-file", "openssl storeutl -noout -certs {}"),
    "chain.p7b": ("application/x-pkcs7-certificates", "openssl pkcs7 -inform {form} -in {} -noout -print_certs"),
    "truststore.p12": ("application/x-pkcs12", "openssl pkcs12 -in {} -nokeys -passin pass:changeit"),
}


@pytest.mark.parametrize("name", FILES)
def test_openssl_reads_every_file(visitor: Visitor, tmp_path: Path, name: str) -> None:
    content_type, command = FILES[name]
    answer = visitor.get(f"/ca/{name}")
    (tmp_path / name).write_bytes(answer.data)

    assert answer.content_type == content_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    judged(command.format(name, form="pem" if answer.data.startswith(b"-----") else "der"), tmp_path)


@pytest.mark.parametrize("name", ["root.pem", "intermediate.pem"])
def test_the_files_are_the_certificates_of_this_authority(
    visitor: Visitor, installation: Installation, name: str
) -> None:
    chain = installation.hierarchy.active().chain

    assert visitor.get(f"/ca/{name}").data == encodings.pem(chain[0 if name.startswith("inter") else -1])


def test_java_trusts_the_root_in_the_trust_store(visitor: Visitor, tmp_path: Path, installation: Installation) -> None:
    (tmp_path / "truststore.p12").write_bytes(visitor.get("/ca/truststore.p12").data)

    listing = judged("keytool -list -keystore truststore.p12 -storepass changeit", tmp_path)

    root = encodings.fingerprint(installation.hierarchy.active().chain[-1])
    assert root.replace(":", "").upper() in listing.replace(":", "")
    assert "trustedCertEntry" in listing


def test_the_address_in_the_certificates_is_answered(visitor: Visitor, installation: Installation) -> None:
    for record in installation.hierarchy.list_issuers():
        answer = visitor.get(f"/ca/{record.id}.der")
        assert answer.content_type == "application/pkix-cert"
        assert answer.data == record.certificate_der


@pytest.mark.parametrize("name", ["nothing", "nothing.der", "..%2froot.pem", "root.key", "ROOT.PEM", "\u00e4"])
def test_there_is_no_other_file(visitor: Visitor, name: str) -> None:
    answer = visitor.get(f"/ca/{name}")

    assert answer.status_code == 404
    assert "http://localhost/ca/" in answer.text or "%2f" in name


def test_a_file_that_has_not_changed_is_not_sent_again(visitor: Visitor) -> None:
    first = visitor.get("/ca/root.pem")

    again = visitor.get("/ca/root.pem", headers={"If-None-Match": first.headers["ETag"]})
    other = visitor.get("/ca/intermediate.pem", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert other.status_code == 200


def test_the_page_shows_both_fingerprints(visitor: Visitor, installation: Installation) -> None:
    page = visitor.page("/ca/")

    for certificate in installation.hierarchy.active().chain:
        assert encodings.fingerprint_text(certificate) in page.text.replace(": ", ":")


def test_the_page_shows_the_key_that_seals_receipts_once_there_is_one(
    visitor: Visitor, installation: Installation
) -> None:
    installation.sealing.seal_pending()
    head = installation.audit_log.head(OPERATOR)
    assert head is not None
    page = visitor.page("/ca/")

    assert f"python3 verify_receipt.py --key {head.key}" in page.text


def test_before_the_first_seal_the_page_says_nothing_about_receipts(
    empty_installation: Installation, settings: Settings
) -> None:
    write_ready(settings.instance_path)

    assert "verify_receipt" not in visit(create_app(settings, empty_installation)).get("/ca/").text


def test_the_page_can_be_found_without_the_slash(visitor: Visitor) -> None:
    assert visitor.get("/ca", follow_redirects=True).status_code == 200


@pytest.mark.parametrize("path", ["/ca/", "/ca/root.pem"])
def test_without_an_authority_the_answer_is_503_with_the_reason(
    migrated_installation: Installation, settings: Settings, path: str
) -> None:
    answer = visit(create_app(settings, migrated_installation)).get(path)

    assert answer.status_code == 503
    assert "ca-service init" in answer.text
