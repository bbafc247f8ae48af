"""`check`, `sign` and `requests` with --server: they ask the API of a real server, and answer as on its machine."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.cli.failures import ExitCode
from tests.cli.command_line import CommandLine
from tests.cli.desk import Desk, signed, token_of
from tests.support.requests import THREE_NODES


@pytest.mark.parametrize("options", [(), ("--days", "30"), ("--days", "9999"), ("--profile", "nope")])
def test_check_answers_the_same(at: Desk, folder: Path, options: tuple[str, ...]) -> None:
    (folder / "CallManager-ECDSA.csr").write_bytes(b"hello")
    at.both("check", folder, *options)


def test_what_standard_input_brings_is_checked_and_named(at: Desk) -> None:
    text = at.both("check", "-", data=THREE_NODES[0].data + b"\n" + THREE_NODES[1].data).stdout
    assert "standard input (2): can be signed" in text


@pytest.mark.parametrize("format_", ["zip", "pem", "der", "p7b", "json"])
def test_sign_writes_the_same_file_and_says_the_same(at: Desk, csr: Path, here: Path, format_: str) -> None:
    first = at.there("sign", csr, "--format", format_, "--out", "there")
    assert first.stdout.startswith("Signed.\n")
    assert at.here("sign", csr, "--format", format_, "--out", "here").exit_code == 0
    if format_ != "json":
        assert (here / "here").read_bytes() == (here / "there").read_bytes()
    again = at.both("sign", csr, "--format", format_, "--out", "again", "--force")
    assert "Signed before" in again.stdout


def test_sign_has_a_bundle_with_receipts_and_the_steps_of_the_product(at: Desk, folder: Path, here: Path) -> None:
    options = ("--product", "uccx", "--version-of", "11.5")
    at.there.answer("sign", folder / "uccx1-tomcat-ECDSA.csr", *options, "--out", "there.zip")
    at.here.answer("sign", folder / "uccx1-tomcat-ECDSA.csr", *options, "--out", "here.zip")
    assert "receipt.json" in zipfile.ZipFile(here / "there.zip").namelist()
    assert (here / "here.zip").read_bytes() == (here / "there.zip").read_bytes()


def test_pem_goes_to_standard_output(at: Desk, csr: Path) -> None:
    signed(at, csr)
    result = at.both("sign", csr, "--format", "pem")
    assert result.stdout.count("BEGIN CERTIFICATE") == 3
    assert "Signed before" in result.stderr


def test_several_are_signed_all_or_none(at: Desk, folder: Path, here: Path) -> None:
    (folder / "zz.csr").write_bytes(b"hello")
    refused = at.both("sign", folder, "--out", "bundle.zip")
    assert refused.exit_code == ExitCode.REFUSED
    assert f"where  {folder / 'zz.csr'}\n" in refused.stderr
    (folder / "zz.csr").unlink()
    assert at.there("sign", folder, "--out", "there.zip").exit_code == 0
    at.here("sign", folder, "--out", "here.zip")
    assert (here / "here.zip").read_bytes() == (here / "there.zip").read_bytes()


def test_partially_what_can_be_signed_is_signed(at: Desk, folder: Path, here: Path) -> None:
    (folder / "a.csr").write_bytes(b"hello")
    first = at.there("sign", folder, "--partial", "--out", "there.zip")
    assert first.exit_code == ExitCode.REFUSED
    assert "error: 3 of 4 CSRs were signed; 1 were refused." in first.stderr
    at.both("sign", folder, "--partial", "--out", "again.zip", "--force")
    assert (here / "again.zip").read_bytes() == (here / "there.zip").read_bytes()
    at.both("sign", folder / "a.csr", "--partial")
    at.both("sign", folder, "--partial", "--new")


def test_new_makes_another_certificate_with_its_own_bundle(at: Desk, csr: Path, here: Path) -> None:
    first = signed(at, csr)
    [second] = at.there.answer("sign", csr, "--new", "--out", "new.zip")["certificates"]
    assert second["serial_number"] != first
    text = zipfile.ZipFile(here / "new.zip").read("UPLOAD.txt").decode()
    assert second["serial_number"] in text
    assert len(at.here.answer("list")["certificates"]) == 2


def test_what_was_issued_and_cannot_be_written_is_told(at: Desk, csr: Path, here: Path) -> None:
    (here / "uccx1.example.com-tomcat-ECDSA.zip").write_text("precious")
    result = at.there("sign", csr, "--json")
    assert [each["rule"] for each in json.loads(result.stderr)["errors"]] == ["file.exists", "certificate.unwritten"]


def test_a_request_that_waits_is_pending_and_can_be_decided_by_another_person(waiting: Desk, csr: Path) -> None:
    result = waiting.there("sign", csr)
    assert result.exit_code == ExitCode.PENDING
    assert "an approver has to decide: ca-service requests show 1" in result.stdout
    assert waiting.there("sign", csr, "--partial").exit_code == ExitCode.PENDING
    assert waiting.there.answer("requests", "list")["requests"][0]["id"] == 1
    assert waiting.there.rule("requests", "approve", "1", code=5) == "request.own"
    other = CommandLine(
        waiting.there.folder,
        variables={**waiting.there.variables, "CA_SERVICE_TOKEN": token_of(waiting.installation, Role.APPROVER)},
    )
    assert other.answer("requests", "approve", "1", "--note", "as agreed")["state"] == "issued"
    waiting.both("requests", "list", "--state", "all")
    shown = waiting.there("requests", "show", "1").stdout
    assert "as agreed" in shown
    assert "approved" in shown
    assert other.rule("requests", "refuse", "1", "--note", "no", code=1) == "request.decided"
    waiting.both("requests", "show", "7")


def test_partially_some_wait_and_some_are_refused(waiting: Desk, folder: Path) -> None:
    (folder / "a.csr").write_bytes(b"hello")
    result = waiting.there("sign", folder, "--partial")
    assert result.exit_code == ExitCode.REFUSED
    assert result.stdout.count("an approver has to decide") == 3
    assert f"where  {folder / 'a.csr'}\n" in result.stdout
    assert "0 of 4 CSRs were signed; 1 were refused." in result.stderr
    waiting.here("sign", folder / "uccx1-tomcat-ECDSA.csr")
    (folder / "a.csr").unlink()
    mixed = waiting.there("sign", folder, "--partial", "--out", "mixed.zip")
    assert (mixed.exit_code, mixed.stderr.count("an approver has to decide")) == (ExitCode.PENDING, 2)
