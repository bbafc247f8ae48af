"""`sign`: requests in, certificates out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support import pkcs10, requests

_ZIP = "uccx1.example.com-tomcat-ECDSA.zip"


def _unpacked(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
        return archive.namelist()


def test_the_zip_has_its_own_name_and_openssl_verifies_what_is_in_it(
    ca: CommandLine, csr: Path, here: Path, openssl: Callable[..., str]
) -> None:
    result = ca("sign", csr)
    assert result.exit_code == 0
    assert _unpacked(here / _ZIP)[:3] == [
        "1-root.tomcat-trust.pem",
        "2-intermediate.tomcat-trust.pem",
        "3-uccx1.example.com.tomcat-ECDSA.pem",
    ]
    leaf = "3-uccx1.example.com.tomcat-ECDSA.pem"
    verdict = openssl(
        "verify", "-CAfile", "1-root.tomcat-trust.pem", "-untrusted", "2-intermediate.tomcat-trust.pem", leaf
    )
    assert verdict.strip() == f"{leaf}: OK"
    assert "DNS:uccx1.example.com" in openssl("x509", "-in", leaf, "-noout", "-ext", "subjectAltName")


def test_what_to_do_next_names_the_file_and_each_upload_with_its_purpose(ca: CommandLine, csr: Path) -> None:
    lines = ca("sign", csr).stdout.splitlines()
    assert f"Written: {_ZIP}" in lines
    steps = [line.split() for line in lines if " as " in line]
    assert steps == [
        ["1-root.tomcat-trust.pem", "as", "tomcat-trust"],
        ["2-intermediate.tomcat-trust.pem", "as", "tomcat-trust"],
        ["3-uccx1.example.com.tomcat-ECDSA.pem", "as", "tomcat-ECDSA"],
    ]


def test_json_tells_certificate_file_and_uploads(ca: CommandLine, csr: Path) -> None:
    answer = ca.answer("sign", csr)
    [certificate] = answer["certificates"]
    assert certificate["host"] == "uccx1.example.com"
    assert certificate["subject_alternative_name"] == ["DNS:example.com", "DNS:uccx1.example.com"]
    assert certificate["key_usage"] == list(requests.OLD_USAGE)
    assert certificate["key"] == "EC P-384"
    assert certificate["issued_by"].startswith("cli:")
    assert certificate["not_after"].endswith("Z")
    assert len(certificate["chain"]) == 2
    assert answer["created"] is True
    assert answer["file"] == _ZIP
    assert [upload["purpose"] for upload in answer["uploads"]] == ["tomcat-trust", "tomcat-trust", "tomcat-ECDSA"]


@pytest.mark.parametrize(
    ("format_", "arguments"),
    [
        ("pem", ["x509", "-noout", "-subject"]),
        ("der", ["x509", "-inform", "DER", "-noout", "-subject"]),
        ("p7b", ["pkcs7", "-noout", "-print_certs"]),
    ],
)
def test_openssl_reads_each_format(
    ca: CommandLine, csr: Path, openssl: Callable[..., str], format_: str, arguments: list[str]
) -> None:
    assert ca("sign", csr, "--format", format_, "--out", "signed").exit_code == 0
    assert "uccx1-EC.example.com" in openssl(*arguments, "-in", "signed")


def test_pem_goes_to_standard_output_leaf_first_and_remarks_elsewhere(ca: CommandLine, csr: Path) -> None:
    result = ca("sign", csr, "--format", "pem")
    document = ca.answer("sign", csr, "--out", "again.zip")
    [certificate] = document["certificates"]
    assert result.stdout == "".join([certificate["pem"], *certificate["chain"]])
    assert "Signed." in result.stderr


def test_der_goes_to_a_file_of_its_own_name(ca: CommandLine, csr: Path, here: Path) -> None:
    assert ca("sign", csr, "--format", "der").exit_code == 0
    assert (here / "uccx1.example.com-tomcat-ECDSA.der").read_bytes()[0] == 0x30


def test_pem_with_json_goes_to_a_file_of_its_own_name(ca: CommandLine, csr: Path, here: Path) -> None:
    answer = ca.answer("sign", csr, "--format", "pem")
    assert (here / answer["file"]).read_text().startswith(answer["certificates"][0]["pem"])


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_the_format_json_is_the_document_itself(ca: CommandLine, csr: Path, flags: list[str]) -> None:
    document = json.loads(ca("sign", csr, "--format", "json", *flags).stdout)
    assert document["certificates"][0]["host"] == "uccx1.example.com"


def test_the_format_json_can_go_to_a_file(ca: CommandLine, csr: Path, here: Path) -> None:
    assert ca("sign", csr, "--format", "json", "--out", "signed.json").exit_code == 0
    assert json.loads((here / "signed.json").read_text())["created"] is True


def test_standard_input_and_output_are_hyphens(ca: CommandLine) -> None:
    result = ca("sign", "-", "--out", "-", data=requests.UCCX_PUBLISHER.data)
    assert result.exit_code == 0
    assert "3-uccx1.example.com.tomcat-ECDSA.pem" in zipfile.ZipFile(io.BytesIO(result.stdout_bytes)).namelist()


def test_several_requests_make_one_zip_with_a_folder_a_node(ca: CommandLine, here: Path) -> None:
    result = ca("sign", *requests.write_three_nodes(here / "csrs"))
    assert result.exit_code == 0
    assert "uccx2.example.com/3-uccx2.example.com.tomcat-ECDSA.pem" in _unpacked(here / "3-certificates.zip")


def test_several_certificates_are_listed_in_a_line_each(ca: CommandLine, here: Path) -> None:
    lines = ca("sign", *requests.write_three_nodes(here / "csrs")).stdout.splitlines()
    assert lines[1].split() == ["host", "serial", "valid", "until"]
    assert [line.split()[0] for line in lines[2:5]] == ["uccx1.example.com", "uccx2.example.com", "sm1.example.com"]


def test_pem_of_several_has_the_leaves_first_and_each_authority_once(ca: CommandLine, here: Path) -> None:
    result = ca("sign", *requests.write_three_nodes(here / "csrs"), "--format", "pem")
    assert result.stdout.count("BEGIN CERTIFICATE") == 5


def test_der_of_several_is_a_usage_error(ca: CommandLine, here: Path) -> None:
    files = requests.write_three_nodes(here / "csrs")
    assert ca.rule("sign", *files, "--format", "der", code=2) == "format.single"


def test_an_existing_folder_gets_the_named_file(ca: CommandLine, csr: Path, here: Path) -> None:
    (here / "bundles").mkdir()
    assert ca.answer("sign", csr, "--out", "bundles")["file"] == f"bundles/{_ZIP}"
    assert (here / "bundles" / _ZIP).stat().st_mode & 0o777 & ~0o644 == 0


def test_a_folder_that_ends_with_a_slash_is_made(ca: CommandLine, csr: Path, here: Path) -> None:
    assert ca.answer("sign", csr, "--out", "new/bundles/")["file"] == f"new/bundles/{_ZIP}"
    assert ca("audit", "export", "--out", "logs/").exit_code == 0
    assert len(list((here / "logs").iterdir())) == 1


def test_a_file_is_no_folder_even_with_a_slash(ca: CommandLine, csr: Path, here: Path) -> None:
    (here / "bundles").write_text("mine")
    assert ca.rule("sign", csr, "--out", "bundles/", code=1) == "file.exists"
    assert ca.rule("sign", csr, "--out", "bundles/", "--force", code=2) == "file.unwritable"
    assert (here / "bundles").read_text() == "mine"


def test_the_same_request_gets_the_same_certificate_again(ca: CommandLine, csr: Path) -> None:
    first, second = ca.answer("sign", csr, "--out", "1.zip"), ca.answer("sign", csr, "--out", "2.zip")
    assert second["created"] is False
    assert first["certificates"] == second["certificates"]
    assert "Signed before" in ca("sign", csr, "--out", "3.zip").stdout


def test_new_makes_another_certificate(ca: CommandLine, csr: Path) -> None:
    first, second = ca.answer("sign", csr, "--out", "1.zip"), ca.answer("sign", csr, "--new", "--out", "2.zip")
    assert first["certificates"][0]["serial_number"] != second["certificates"][0]["serial_number"]


def test_days_are_the_lifetime(ca: CommandLine, csr: Path, openssl: Callable[..., str]) -> None:
    assert ca("sign", csr, "--days", "2", "--format", "pem", "--out", "leaf.pem").exit_code == 0
    day = 24 * 60 * 60
    assert "will not expire" in openssl("x509", "-in", "leaf.pem", "-checkend", str(day))
    assert ca("sign", csr, "--days", "2").exit_code == 0


def test_the_profile_server_has_no_uploads_on_a_node(ca: CommandLine, csr: Path) -> None:
    result = ca("sign", csr, "--profile", "server")
    assert result.exit_code == 0
    assert "in this order" not in result.stdout
    assert "note: The profile server issues" in result.stdout


def test_a_missing_host_name_is_added_when_that_is_asked(ca: CommandLine) -> None:
    data = requests.BLANK_PARENT_DOMAIN.data
    assert ca.rule("sign", "-", data=data, code=4) == "san.missing"
    answer = ca.answer("sign", "-", "--add-host-name", data=data)
    assert answer["certificates"][0]["subject_alternative_name"] == ["DNS:fin1.example.com"]
    assert "san.added" in {found["rule"] for found in answer["findings"]}


def test_an_existing_file_is_not_replaced_and_nothing_is_issued(ca: CommandLine, csr: Path, here: Path) -> None:
    (here / "out.zip").write_text("precious")
    assert ca.rule("sign", csr, "--out", "out.zip", code=1) == "file.exists"
    assert (here / "out.zip").read_text() == "precious"
    assert ca.answer("sign", csr)["created"] is True


@pytest.mark.parametrize("format_", ["zip", "der"])
def test_signing_again_finds_its_own_file_and_counts_it_as_written(
    ca: CommandLine, csr: Path, here: Path, format_: str
) -> None:
    first = ca.answer("sign", csr, "--format", format_)
    before = (here / first["file"]).stat()
    second = ca.answer("sign", csr, "--format", format_)
    assert (first["created"], second["created"], second["file"]) == (True, False, first["file"])
    assert (here / first["file"]).stat().st_mtime_ns == before.st_mtime_ns


def test_what_was_issued_before_is_not_told_as_issued_when_it_cannot_be_written(
    ca: CommandLine, csr: Path, here: Path
) -> None:
    name = ca.answer("sign", csr)["file"]
    (here / name).write_text("precious")
    errors = json.loads(ca("sign", csr, "--json").stderr)["errors"]
    assert [error["rule"] for error in errors] == ["file.exists", "certificate.unwritten-again"]
    assert errors[1]["detail"].startswith("The certificate was issued before, and was not written now: ")


def test_force_replaces_an_existing_file(ca: CommandLine, csr: Path, here: Path) -> None:
    (here / "out.zip").write_text("old" * 10_000)
    assert ca("sign", csr, "--out", "out.zip", "--force").exit_code == 0
    assert zipfile.is_zipfile(here / "out.zip")


def test_a_certificate_that_could_not_be_written_is_told_with_its_serial_number(
    ca: CommandLine, csr: Path, here: Path
) -> None:
    (here / _ZIP).write_text("precious")
    result = ca("sign", csr, "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stderr)["errors"]
    assert (first["rule"], second["rule"]) == ("file.exists", "certificate.unwritten")
    assert second["detail"].startswith("The certificate was issued but not written: ")
    serial = second["detail"].split()[-1].rstrip(".")
    assert ca.answer("show", serial)["host"] == "uccx1.example.com"
    assert (here / _ZIP).read_text() == "precious"


def test_a_folder_that_is_not_there_is_a_usage_error_and_nothing_is_issued(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", csr, "--out", "nowhere/out.zip", code=2) == "file.unwritable"
    assert ca.answer("list")["certificates"] == []


@pytest.mark.fault("disk", "The disk is full while a bundle is written", "reports it; leaves no partial file")
def test_a_full_disk_leaves_no_half_a_file(ca: CommandLine, csr: Path, here: Path) -> None:
    (here / "out.zip").symlink_to("/dev/full")
    assert ca.rule("sign", csr, "--out", "out.zip", "--force", code=2) == "file.unwritable"


def test_json_and_certificates_cannot_both_have_standard_output(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", csr, "--out", "-", code=2) == "output.twice"


def test_another_certificate_for_the_same_key_is_warned_of(ca: CommandLine, csr: Path) -> None:
    ca("sign", csr)
    again = pkcs10.pem(requests.node("uccx1-EC.example.com", "uccx1.example.com").der())
    answer = ca.answer("sign", "-", "--out", "2.zip", data=again)
    [warning] = [found for found in answer["findings"] if found["severity"] == "warning"]
    assert warning["rule"] == "csr.key.reused"
    assert warning["pointer"] == "/csr/0/public_key"


def folder_of(here: Path, **files: bytes) -> Path:
    """A folder with these CSRs, and a file that is none of them."""
    folder = here / "requests"
    folder.mkdir()
    for name, data in files.items():
        (folder / f"{name}.csr").write_bytes(data)
    (folder / "notes.txt").write_text("not a CSR")
    return folder


def test_a_folder_stands_for_the_csrs_in_it(ca: CommandLine, here: Path) -> None:
    folder = folder_of(here, **{each.name: each.data for each in requests.THREE_NODES})
    found = ca.answer("sign", folder, "--out", here)
    assert [each["host"] for each in found["certificates"]] == sorted(
        f"{each.name}.example.com" for each in requests.THREE_NODES
    )


def test_a_text_with_several_csrs_is_taken_apart_and_a_bad_one_is_named(ca: CommandLine) -> None:
    good, bad = (each.data for each in requests.THREE_NODES[:2])
    result = ca("sign", "-", data=good + bad.replace(b"MII", b"M?II", 1))
    assert result.exit_code == 4
    assert "where  standard input (2)\n" in result.stderr


def test_partially_what_can_be_signed_is_signed_and_the_others_are_named(ca: CommandLine, here: Path) -> None:
    folder = folder_of(here, a=b"hello", **{each.name: each.data for each in requests.THREE_NODES})
    result = ca("sign", folder, "--partial", "--out", "three.zip")
    assert result.exit_code == 4
    assert "Written: three.zip" in result.stdout
    assert f"where  {folder / 'a.csr'}\n" in result.stdout
    assert "error: 3 of 4 CSRs were signed; 1 were refused." in result.stderr
    (folder / "a.csr").unlink()
    again = ca("sign", folder, "--partial", "--out", "again.zip")
    assert again.exit_code == 0, again.output
    assert (here / "again.zip").read_bytes() == (here / "three.zip").read_bytes()


def test_partially_nothing_is_written_if_nothing_can_be_signed(ca: CommandLine, here: Path) -> None:
    folder = folder_of(here, a=b"hello")
    assert ca.rule("sign", folder, "--partial", code=4) == "csr.unreadable"
    assert not list(here.glob("*.zip"))


def test_a_partial_signing_asks_for_no_new_certificates(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", csr, "--partial", "--new", code=2) == "batch.new"


def test_the_file_name_and_the_options_say_where_a_certificate_goes(ca: CommandLine, csr: Path) -> None:
    named = csr.with_name("CallManager-ECDSA.csr")
    csr.rename(named)
    assert ca.answer("sign", named)["certificates"][0]["purpose"] == "CallManager-ECDSA"
    given = ("--purpose", "tomcat-ECDSA", "--product", "uccx", "--version-of", "11.5")
    answer = ca.answer("sign", named, *given, "--out", "tomcat.zip")
    assert answer["certificates"][0]["purpose"] == "tomcat-ECDSA"
    assert answer["uploads"][0]["purpose"] == "tomcat-trust"


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (("--purpose", "mail"), "purpose.unknown"),
        (("--purpose", "CAPF"), "purpose.unsigned"),
        (("--product", "uccx"), "product.without-version"),
        (("--version-of", "11.5"), "version.without-product"),
    ],
)
@pytest.mark.parametrize("command", ["sign", "check"])
def test_a_destination_that_cannot_be_is_refused(
    ca: CommandLine, csr: Path, command: str, given: tuple[str, ...], rule: str
) -> None:
    result = ca(command, csr, *given, "--json")
    assert result.exit_code == 2
    assert rule in result.output
