"""`renew`: the same key and names, a fresh validity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine


@pytest.fixture
def serial(ca: CommandLine, csr: Path) -> str:
    """The serial number of a certificate of a plain server."""
    return str(ca.answer("sign", csr, "--profile", "server", "--out", "first.zip")["certificates"][0]["serial_number"])


def test_a_plain_server_is_renewed_and_the_bundle_written(ca: CommandLine, serial: str, here: Path) -> None:
    result = ca("renew", serial, "--out", "second.zip")

    assert result.exit_code == 0, result.output
    assert "Signed." in result.stdout
    assert (here / "second.zip").exists()


def test_the_chain_goes_to_openssl(ca: CommandLine, serial: str, here: Path, openssl: Callable[..., str]) -> None:
    result = ca("renew", serial, "--days", "10", "--format", "pem", "--out", "-")
    (here / "chain.pem").write_text(result.stdout)

    assert "CN=uccx1-EC.example.com" in openssl("x509", "-in", "chain.pem", "-noout", "-subject", "-nameopt", "RFC2253")


@pytest.mark.parametrize(
    ("options", "code", "rule"), [((), 1, "renewal.followed"), (("--new", "--days", "0"), 4, "validity.range")]
)
def test_each_refusal_has_its_rule(
    ca: CommandLine, serial: str, options: tuple[str, ...], code: int, rule: str
) -> None:
    ca("renew", serial, "--out", "second.zip")

    assert ca.rule("renew", serial, *options, code=code) == rule


def test_a_nodes_certificate_is_renewed_only_if_it_was_never_uploaded(ca: CommandLine, csr: Path) -> None:
    serial = ca.answer("sign", csr, "--out", "first.zip")["certificates"][0]["serial_number"]

    assert ca.rule("renew", serial, code=4) == "renewal.node"
    assert ca.answer("renew", serial, "--never-uploaded", "--out", "second.zip")["created"] is True


def test_a_serial_number_that_there_is_not_is_an_error(ca: CommandLine) -> None:
    assert ca.rule("renew", "0000", code=1) == "certificate.unknown"
