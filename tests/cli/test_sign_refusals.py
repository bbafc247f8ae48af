"""What `sign` refuses, by which rule, and with which exit code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ca_service.authority.issuance.issuance import MAX_REQUESTS
from tests.cli.command_line import CommandLine
from tests.support import requests
from tests.support.refused_requests import SAME_KEY_TWICE


def test_a_request_that_is_refused_ends_with_4_and_says_where_and_how_to_mend(ca: CommandLine, csr: Path) -> None:
    bad = csr.with_name("bad.csr")
    bad.write_bytes(b"hello")
    result = ca("sign", csr, bad)
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "error: No signing request was found in it." in result.stderr
    assert f"where  {bad}\n" in result.stderr
    assert "fix    Upload a PKCS#10 request" in result.stderr
    assert "rule   csr.unreadable" in result.stderr


def test_a_part_of_a_request_is_named_behind_its_file(ca: CommandLine) -> None:
    result = ca("sign", "-", "--days", "9999", data=requests.UCCX_PUBLISHER.data)
    assert result.exit_code == 4
    assert "where  standard input, --days" in result.stderr


def test_one_key_in_two_requests_is_refused(ca: CommandLine, here: Path) -> None:
    for request in SAME_KEY_TWICE:
        (here / request.name).write_bytes(request.data)
    assert ca.rule("sign", *(request.name for request in SAME_KEY_TWICE), code=4) == "csr.repeated"


def test_too_many_requests_are_a_usage_error(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", *[csr] * (MAX_REQUESTS + 1), code=2) == "csr.count"


@pytest.mark.parametrize("days", ["0", "-1", "826", "9" * 40])
def test_a_lifetime_out_of_range_is_refused(ca: CommandLine, csr: Path, days: str) -> None:
    assert ca.rule("sign", csr, f"--days={days}", code=4) == "validity.range"


def test_an_unknown_profile_is_a_usage_error(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", csr, "--profile", "nope", code=2) == "profile.unknown"


def test_an_unknown_format_is_a_usage_error(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("sign", csr, "--format", "p12", code=2) == "usage"


def test_without_an_authority_nothing_is_signed(new_ca: CommandLine, csr: Path) -> None:
    new_ca("db", "upgrade")
    assert new_ca.rule("sign", csr, code=1) == "authority.missing"


def test_an_old_database_is_told_before_anything_else(new_ca: CommandLine, csr: Path) -> None:
    new_ca.folder.mkdir(mode=0o700)
    (new_ca.folder / "ca.sqlite3").touch()
    assert new_ca.rule("sign", csr, code=1) == "schema.old"


def test_a_folder_without_an_installation_is_told_and_left_alone(new_ca: CommandLine, csr: Path) -> None:
    assert new_ca.rule("sign", csr, code=1) == "installation.missing"
    assert not new_ca.folder.exists()


def test_a_missing_file_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("sign", "nothing.csr", code=2) == "file.missing"


def test_a_file_that_cannot_be_read_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("sign", "/proc/self/mem", code=2) == "file.unreadable"


def test_standard_input_can_be_given_once_only(ca: CommandLine) -> None:
    assert ca.rule("sign", "-", "-", data=b"x", code=2) == "file.stdin-twice"


@pytest.mark.parametrize(("size", "code"), [(70_000, 4), (4 * 1024 * 1024 + 1, 2)])
def test_too_much_is_refused_by_one_rule_whatever_its_size(ca: CommandLine, size: int, code: int) -> None:
    assert ca.rule("sign", "-", data=b"\n" * size, code=code) == "csr.too-large"


def test_input_without_end_is_refused(ca: CommandLine) -> None:
    assert ca.rule("sign", "/dev/zero", code=2) == "csr.too-large"


@pytest.mark.parametrize(
    "arguments",
    [
        ("ca", "install", "/dev/zero"),
        ("ca", "import", "--key", "/dev/zero"),
        ("ca", "import", "--pkcs12", "/dev/zero"),
        ("ca", "import", "--pkcs12", "x.p12", "--passphrase-file", "/dev/zero"),
        ("ca", "root-key", "verify", "/dev/zero"),
    ],
    ids=" ".join,
)
def test_a_file_without_end_that_is_no_request_is_refused_as_a_file(
    ca: CommandLine, arguments: tuple[str, ...]
) -> None:
    assert ca.rule(*arguments, code=2) == "file.too-large"


def test_a_name_that_would_steer_a_terminal_is_made_harmless(ca: CommandLine, here: Path) -> None:
    name = os.fsdecode(b"\x1b[2Jbad\xff.csr")
    (here / name).write_bytes(b"hello")
    result = ca("sign", name)
    assert result.exit_code == 4
    assert "\x1b" not in result.output
    assert "\\u001b[2Jbad\\udcff.csr" in result.output


def test_no_request_at_all_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("sign", code=2) == "usage"


def test_a_folder_without_csrs_is_a_usage_error(ca: CommandLine, here: Path) -> None:
    (here / "empty").mkdir()
    assert ca.rule("sign", "empty", code=2) == "file.folder-empty"
