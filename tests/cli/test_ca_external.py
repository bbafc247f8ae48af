"""`ca import`, `ca request`, `ca install`: authorities that openssl has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.authorities import OpenSSL, certify, make_intermediate, make_root
from tests.cli.command_line import CommandLine

_BOTH = ("--certificate", "intermediate.pem", "--certificate", "root.pem")


def _verifies(ca: CommandLine, csr: Path, openssl: OpenSSL) -> bool:
    assert ca("sign", csr, "--format", "pem", "--out", "chain.pem").exit_code == 0
    return "chain.pem: OK" in openssl("verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "chain.pem")


def test_an_external_root_certifies_the_request_and_leaves_verify_below_it(
    new_ca: CommandLine, csr: Path, openssl: OpenSSL
) -> None:
    make_root(openssl)
    result = new_ca("ca", "request", "--name", "Example Lab", "--curve", "P-256", "--out", "intermediate.csr")
    assert result.stdout == "Written: intermediate.csr\n"
    said = openssl("req", "-in", "intermediate.csr", "-verify", "-subject", "-nameopt", "RFC2253")
    assert "CN=Example Lab EC Intermediate CA G1" in said
    certify(openssl, "intermediate.csr", "intermediate.pem")
    installed = new_ca("ca", "install", "intermediate.pem", "root.pem")
    assert installed.stdout == "Installed root: Outer Root\nInstalled intermediate: Example Lab EC Intermediate CA G1\n"
    assert new_ca.answer("ca", "show")["authorities"][0]["has_key"] is False
    assert _verifies(new_ca, csr, openssl)


def test_a_request_goes_to_standard_output_and_is_for_one_key_each_time(
    new_ca: CommandLine, openssl: OpenSSL, here: Path
) -> None:
    first = new_ca("ca", "request")
    assert first.stdout.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert "ca-service ca install" in first.stderr
    (here / "first.csr").write_text(first.stdout)
    (here / "second.csr").write_text(new_ca.answer("ca", "request")["pem"])
    keys = {openssl("req", "-in", name, "-noout", "-pubkey") for name in ("first.csr", "second.csr")}
    assert len(keys) == 1


def test_a_request_in_json_can_go_to_a_file_as_well(new_ca: CommandLine, here: Path) -> None:
    answer = new_ca.answer("ca", "request", "--out", "intermediate.csr")
    assert answer == {"pem": (here / "intermediate.csr").read_text(), "file": "intermediate.csr"}


def test_a_request_can_go_to_a_folder(new_ca: CommandLine, here: Path) -> None:
    assert new_ca("ca", "request", "--out", here).stdout == f"Written: {here}/intermediate.csr\n"


def test_a_request_and_json_cannot_both_have_standard_output(new_ca: CommandLine) -> None:
    assert new_ca.rule("ca", "request", "--out", "-", code=2) == "output.twice"


def test_an_existing_file_is_not_replaced_by_a_request(new_ca: CommandLine, here: Path) -> None:
    (here / "intermediate.csr").write_text("precious")
    assert new_ca.rule("ca", "request", "--out", "intermediate.csr", code=1) == "file.exists"
    assert not new_ca.folder.exists()
    assert new_ca("ca", "request", "--out", "intermediate.csr", "--force").exit_code == 0


def test_a_request_beside_an_authority_is_a_conflict(ca: CommandLine) -> None:
    assert ca.rule("ca", "request", code=1) == "authority.exists"


@pytest.mark.parametrize(("option", "rule"), [("--name=\u00e4", "authority.name"), ("--curve=P-521", "usage")])
def test_a_request_that_cannot_be_made_is_a_usage_error(new_ca: CommandLine, option: str, rule: str) -> None:
    assert new_ca.rule("ca", "request", option, code=2) == rule


def test_an_rsa_root_is_refused_with_the_consequence(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl, kind="rsa")
    new_ca("ca", "request", "--out", "intermediate.csr")
    certify(openssl, "intermediate.csr", "intermediate.pem")
    assert new_ca.rule("ca", "install", "intermediate.pem", "root.pem", code=4) == "chain.rsa-link"
    assert "CSCvb58580" in new_ca("ca", "install", "intermediate.pem", "root.pem").stderr


def test_an_incomplete_chain_is_refused(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    new_ca("ca", "request", "--out", "intermediate.csr")
    certify(openssl, "intermediate.csr", "intermediate.pem")
    assert new_ca.rule("ca", "install", "intermediate.pem", code=4) == "chain.incomplete"


def test_a_certificate_for_another_key_is_refused(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    new_ca("ca", "request")
    assert new_ca.rule("ca", "install", "intermediate.pem", "root.pem", code=4) == "authority.key-mismatch"


def test_nothing_is_installed_that_was_not_requested(ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    assert ca.rule("ca", "install", "root.pem", code=1) == "authority.exists"


def test_what_is_no_certificate_cannot_be_installed(new_ca: CommandLine, csr: Path) -> None:
    new_ca("ca", "request")
    assert new_ca.rule("ca", "install", csr, code=2) == "certificate.is-request"


def test_an_existing_authority_is_imported_with_both_keys(new_ca: CommandLine, csr: Path, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    answer = new_ca.answer("ca", "import", *_BOTH, "--key", "intermediate.key", "--root-key", "root.key")
    assert [(found["name"], found["has_key"]) for found in answer["authorities"]] == [
        ("Outer Root", True),
        ("Outer Intermediate", True),
    ]
    assert _verifies(new_ca, csr, openssl)


def test_encrypted_and_open_keys_can_be_imported_together(new_ca: CommandLine, openssl: OpenSSL, here: Path) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    (here / "passphrase").write_text("correct horse battery\n")
    openssl("pkey", "-in", "intermediate.key", "-aes256", "-passout", "file:passphrase", "-out", "encrypted.key")
    keys = ("--key", "encrypted.key", "--root-key", "root.key", "--passphrase-file", "passphrase")
    assert new_ca("ca", "import", *_BOTH, *keys).stdout.startswith("Imported root: Outer Root\n")


@pytest.mark.parametrize("passphrase", ["correct horse battery", ""])
def test_a_pkcs12_file_brings_key_and_certificates(
    new_ca: CommandLine, csr: Path, openssl: OpenSSL, here: Path, passphrase: str
) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    pair = ("-inkey", "intermediate.key", "-in", "intermediate.pem", "-certfile", "root.pem")
    (here / "passphrase").write_text(passphrase + "\n")
    openssl("pkcs12", "-export", *pair, "-out", "ca.p12", "-passout", f"pass:{passphrase}")
    assert new_ca("ca", "import", "--pkcs12", "ca.p12", "--passphrase-file", "passphrase").exit_code == 0
    assert _verifies(new_ca, csr, openssl)


def test_a_root_that_the_pkcs12_file_lacks_can_be_given_beside_it(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    pair = ("-inkey", "intermediate.key", "-in", "intermediate.pem", "-keypbe", "NONE", "-certpbe", "NONE", "-nomac")
    openssl("pkcs12", "-export", *pair, "-out", "ca.p12", "-passout", "pass:")
    assert new_ca("ca", "import", "--pkcs12", "ca.p12", "--certificate", "root.pem").exit_code == 0


def test_a_wrong_passphrase_is_a_usage_error(new_ca: CommandLine, openssl: OpenSSL, here: Path) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    openssl("pkey", "-in", "intermediate.key", "-aes256", "-passout", "pass:right", "-out", "encrypted.key")
    (here / "passphrase").write_text("wrong")
    given = (*_BOTH, "--key", "encrypted.key")
    assert new_ca.rule("ca", "import", *given, code=2) == "private-key.unreadable"
    assert new_ca.rule("ca", "import", *given, "--passphrase-file", "passphrase", code=2) == "private-key.unreadable"


def test_an_rsa_key_is_refused(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl, kind="rsa")
    given = ("--certificate", "root.pem", "--key", "root.key")
    assert new_ca.rule("ca", "import", *given, code=4) == "private-key.not-ec"


def test_a_root_alone_is_refused(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    given = ("--certificate", "root.pem", "--key", "root.key")
    assert new_ca.rule("ca", "import", *given, code=4) == "chain.no-intermediate"


def test_nothing_is_imported_over_an_authority(ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl)
    assert ca.rule("ca", "import", *_BOTH, "--key", "intermediate.key", code=1) == "authority.exists"


@pytest.mark.parametrize("given", [(), ("--key", "a.key", "--pkcs12", "a.p12")])
def test_one_key_has_to_be_given_in_one_form(new_ca: CommandLine, given: tuple[str, ...]) -> None:
    assert new_ca.rule("ca", "import", *given, code=2) == "usage"


def test_the_import_says_which_names_and_purposes_may_be_signed(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    limits = "nameConstraints=critical,permitted;DNS:lab.example\nextendedKeyUsage=serverAuth,clientAuth\n"
    make_intermediate(openssl, f"authorityKeyIdentifier=keyid\n{limits}")
    said = new_ca("ca", "import", *_BOTH, "--key", "intermediate.key").stderr
    assert "Permitted: DNS:lab.example. Excluded: none." in said
    assert "limits the certificates below it to serverAuth, clientAuth." in said
    assert "strict." not in said


def test_a_csr_with_other_names_is_refused_under_an_imported_authority_with_constraints(
    new_ca: CommandLine, csr: Path, openssl: OpenSSL
) -> None:
    make_root(openssl)
    make_intermediate(openssl, "nameConstraints=critical,permitted;DNS:lab.example\n")
    assert new_ca("ca", "import", *_BOTH, "--key", "intermediate.key").exit_code == 0
    assert new_ca.rule("sign", csr, code=4) == "chain.name-not-permitted"


def test_an_authority_without_an_authority_key_identifier_is_imported_with_a_warning(
    new_ca: CommandLine, openssl: OpenSSL
) -> None:
    make_root(openssl)
    new_ca("ca", "request", "--out", "intermediate.csr")
    certify(openssl, "intermediate.csr", "intermediate.pem", "authorityKeyIdentifier=none\n")
    assert "strict.authority-key-identifier" in new_ca("ca", "install", "intermediate.pem", "root.pem").stderr


def test_an_authority_without_server_authentication_is_refused(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl, "extendedKeyUsage=emailProtection\n")
    refused = new_ca.rule("ca", "import", *_BOTH, "--key", "intermediate.key", code=4)
    assert refused == "chain.nothing-to-sign"


def test_a_script_gets_the_limits_of_an_import_in_its_answer(new_ca: CommandLine, openssl: OpenSSL) -> None:
    make_root(openssl)
    make_intermediate(openssl, "nameConstraints=critical,permitted;DNS:lab.example\n")
    answer = new_ca.answer("ca", "import", *_BOTH, "--key", "intermediate.key")
    assert [(found["rule"], found["severity"]) for found in answer["findings"]] == [("chain.names-limited", "warning")]
