"""Revoking and releasing at the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support.requests import UCCX_PUBLISHER


@pytest.fixture
def serial(ca: CommandLine, tmp_path: Path) -> str:
    """The serial number of a certificate."""
    path = tmp_path / "uccx1.csr"
    path.write_bytes(UCCX_PUBLISHER.data)
    return str(
        ca.answer("sign", str(path), "--format", "pem", "--out", str(tmp_path / "x.pem"))["certificates"][0][
            "serial_number"
        ]
    )


def test_a_certificate_is_revoked(ca: CommandLine, serial: str) -> None:
    answer = ca.answer("revoke", serial, "--reason", "superseded", "--yes")
    assert (answer["done"], answer["changed"], answer["certificates"][0]["state"]) == (True, 1, "revoked")


def test_a_dry_run_does_nothing(ca: CommandLine, serial: str) -> None:
    for _ in range(2):
        answer = ca.answer("revoke", "--host", "uccx1.example.com", "--reason", "superseded", "--dry-run")
        assert (answer["done"], answer["changed"]) == (False, 1)
    assert ca("show", serial).exit_code == 0


def test_without_a_terminal_it_has_to_be_confirmed(ca: CommandLine, serial: str) -> None:
    assert ca.rule("revoke", serial, "--reason", "superseded", code=2) == "confirmation.no-terminal"
    assert ca.answer("revoke", serial, "--reason", "superseded", "--dry-run")["changed"] == 1


def test_what_follows_is_told(ca: CommandLine, serial: str) -> None:
    told = ca("revoke", serial, "--reason", "superseded", "--yes")
    assert "This cannot be undone." in told.stderr
    assert "revoked" in told.stdout


def test_a_dry_run_tells_what_would_follow(ca: CommandLine, serial: str) -> None:
    told = ca("revoke", serial, "--reason", "keyCompromise", "--dry-run")
    assert "No further certificate is issued for this key." in told.stderr
    assert "nothing was changed" in told.stderr
    assert "state after" in told.stdout


def test_why_nothing_changes_is_told(ca: CommandLine, serial: str) -> None:
    ca.answer("revoke", serial, "--reason", "superseded", "--yes")
    told = ca("revoke", serial, "--reason", "keyCompromise", "--yes")
    assert "The lost key is not recorded" in told.stderr
    assert "it is left unchanged" in told.stderr


def test_a_hold_is_released(ca: CommandLine, serial: str) -> None:
    ca.answer("revoke", serial, "--reason", "certificateHold", "--yes")
    assert ca.answer("release", serial, "--yes")["certificates"][0]["state"] == "released"
    assert ca.rule("release", serial, "--yes", code=1) == "revocation.not-held"


def test_a_cluster_without_certificates_is_refused(ca: CommandLine) -> None:
    assert ca.rule("revoke", "--cluster", "7", "--reason", "superseded", "--yes", code=1) == "cluster.unknown"


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--reason", "superseded"), "revocation.nothing"),
        (("ab", "--reason", "superseded"), "certificate.unknown"),
        (("xyz", "--reason", "superseded"), "revocation.serial-number"),
        (("--host", "uccx1.example.com", "--reason", "whim"), "revocation.reason"),
        (
            ("--host", "uccx1.example.com", "--reason", "superseded", "--invalid-since", "soon"),
            "revocation.invalid-since",
        ),
    ],
)
@pytest.mark.usefixtures("serial")
def test_what_cannot_be_is_refused(ca: CommandLine, arguments: tuple[str, ...], rule: str) -> None:
    code = 1 if rule == "certificate.unknown" else 2
    assert ca.rule("revoke", *arguments, "--yes", code=code) == rule
