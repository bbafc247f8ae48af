"""`show`: one certificate, decoded or as a file."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine


@pytest.fixture
def serial(ca: CommandLine, csr: Path) -> str:
    """The serial number of a certificate that was issued."""
    return str(ca.answer("sign", csr, "--out", "signed.zip")["certificates"][0]["serial_number"])


def test_it_decodes_the_certificate(ca: CommandLine, serial: str) -> None:
    result = ca("show", serial)
    assert result.exit_code == 0
    shown = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    assert shown["serial"].strip() == serial
    assert shown["key usage"].strip() == "digitalSignature, keyEncipherment, dataEncipherment, keyAgreement"
    assert shown["issuer"].strip() == "O=Example Lab, CN=Example Lab EC Intermediate CA G1"


def test_it_says_what_the_certificate_is_worth_now(ca: CommandLine, serial: str) -> None:
    assert status(ca, serial) == "active"
    ca.answer("revoke", serial, "--reason", "certificateHold", "--yes")
    assert re.fullmatch(r"held since \S+Z, certificateHold, by cli:\S+", status(ca, serial))
    ca.answer("release", serial, "--yes")
    assert status(ca, serial) == "active"
    ca.answer("revoke", serial, "--reason", "superseded", "--yes")
    assert re.fullmatch(r"revoked since \S+Z, superseded, by cli:\S+", status(ca, serial))


def status(ca: CommandLine, serial: str) -> str:
    """The line about the status."""
    [line] = [each for each in ca("show", serial).stdout.splitlines() if each.startswith("status")]
    return line.removeprefix("status").strip()


@pytest.mark.parametrize(
    "spell", [str.upper, lambda serial: serial.lstrip("0"), lambda serial: f"{serial[:2]}:{serial[2:]}"]
)
def test_a_serial_number_may_be_spelled_as_other_tools_do(ca: CommandLine, serial: str, spell: object) -> None:
    assert callable(spell)
    assert ca.answer("show", spell(serial))["serial_number"] == serial


def test_a_format_writes_it_again_byte_for_byte(ca: CommandLine, serial: str, here: Path) -> None:
    answer = ca.answer("show", serial, "--format", "zip", "--out", "again.zip")
    assert answer["file"] == "again.zip"
    assert (here / "again.zip").read_bytes() == (here / "signed.zip").read_bytes()
    assert zipfile.is_zipfile(here / "again.zip")


def test_pem_goes_to_standard_output_alone(ca: CommandLine, serial: str) -> None:
    result = ca("show", serial, "--format", "pem")
    assert result.stdout.startswith("-----BEGIN CERTIFICATE-----")
    assert result.stderr == ""


def test_the_written_file_is_named(ca: CommandLine, serial: str) -> None:
    assert ca("show", serial, "--format", "der", "--out", "leaf.der").stdout == "Written: leaf.der\n"


def test_an_unknown_serial_number_is_an_error(ca: CommandLine) -> None:
    assert ca.rule("show", "1234", code=1) == "certificate.unknown"


def test_out_without_format_is_a_usage_error(ca: CommandLine, serial: str) -> None:
    assert ca.rule("show", serial, "--out", "leaf.der", code=2) == "usage"


def test_an_existing_file_is_not_replaced(ca: CommandLine, serial: str) -> None:
    assert ca.rule("show", serial, "--format", "zip", "--out", "signed.zip", code=1) == "file.exists"
