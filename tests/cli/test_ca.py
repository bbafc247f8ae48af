"""`ca show` and `ca export`: the authority as it is."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support.programs import Tool
from tests.support.requests import UCCX_PUBLISHER


def test_a_finished_authority_is_shown_with_its_fingerprints(
    ca: CommandLine, here: Path, openssl: Callable[..., str]
) -> None:
    answer = ca.answer("ca", "show")
    assert answer["state"] == "ready"
    root, intermediate = answer["authorities"]
    (here / "root.pem").write_text(root["certificate"]["pem"])
    printed = openssl("x509", "-in", "root.pem", "-noout", "-fingerprint", "-sha256").strip().rpartition("=")[2]
    assert printed.replace(":", "").lower() == root["certificate"]["fingerprint"]
    text = ca("ca", "show").stdout
    assert text.startswith("The authority can sign.\nroot-g1: Example Lab\n")
    assert f"SHA-256   {intermediate['certificate']['fingerprint']}" in text


def test_nothing_ends_with_1_and_says_what_to_do(new_ca: CommandLine) -> None:
    new_ca("db", "upgrade")
    result = new_ca("ca", "show")
    assert result.exit_code == 1
    assert result.stdout == "There is no authority yet: run `ca-service init`.\n"


def test_half_an_authority_ends_with_1_and_init_finishes_it(ca: CommandLine) -> None:
    with contextlib.closing(sqlite3.connect(ca.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("DELETE FROM issuer WHERE role = 'intermediate'")
    result = ca("ca", "show", "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (1, "incomplete")
    assert ca("init", "--intermediate-curve", "P-256").stdout.startswith("Created: intermediate.\n")
    assert ca.answer("ca", "show")["state"] == "ready"


def test_a_pending_intermediate_ends_with_3(new_ca: CommandLine) -> None:
    new_ca("ca", "request", "--name", "Example Lab")
    result = new_ca("ca", "show", "--json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert answer["state"] == "pending"
    [pending] = answer["authorities"]
    assert (pending["is_pending"], pending["has_key"], "pem" in pending) == (True, True, False)
    assert "waits for its certificate" in new_ca("ca", "show").stdout


def test_a_revoked_intermediate_cannot_sign_and_show_ends_with_1(ca: CommandLine) -> None:
    ca("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise", "--confirm", "intermediate-g1")
    result = ca("ca", "show")
    assert result.exit_code == 1
    assert result.stdout.startswith("The intermediate is revoked or on hold, and signs nothing.")
    assert "(issues)" not in result.stdout


def test_the_chain_goes_to_standard_output_issuing_one_first(ca: CommandLine) -> None:
    root, intermediate = ca.answer("ca", "show")["authorities"]
    result = ca("ca", "export")
    assert result.stdout == intermediate["certificate"]["pem"] + root["certificate"]["pem"]
    assert result.stderr == ""


@pytest.mark.parametrize(("only", "name"), [("root", "Root"), ("intermediate", "Intermediate")])
def test_one_certificate_can_be_exported_as_der(
    ca: CommandLine, openssl: Callable[..., str], only: str, name: str
) -> None:
    result = ca("ca", "export", "--only", only, "--format", "der")
    assert result.stdout == f"Written: example-lab-{only}.der\n"
    names = ("-noout", "-subject", "-nameopt", "RFC2253")
    subject = openssl("x509", "-inform", "DER", "-in", f"example-lab-{only}.der", *names)
    assert f"CN=Example Lab EC {name} CA G1" in subject


def test_openssl_reads_the_p7b(ca: CommandLine, openssl: Callable[..., str]) -> None:
    answer = ca.answer("ca", "export", "--format", "p7b")
    assert answer["file"] == "example-lab-ca-chain.p7b"
    assert openssl("pkcs7", "-in", answer["file"], "-print_certs", "-noout").count("subject=") == 2
    assert len(answer["certificates"]) == 2


@pytest.mark.parametrize("only", [(), ("--only", "root")])
def test_keytool_finds_the_root_alone_in_the_trust_store(
    ca: CommandLine, here: Path, keytool: Tool, only: tuple[str, ...]
) -> None:
    assert ca("ca", "export", *only, "--format", "p12", "--out", "truststore.p12").exit_code == 0
    said = keytool("-list", "-keystore", here / "truststore.p12", "-storepass", "changeit")
    assert "contains 1 entry" in said
    assert "example lab ec root ca g1" in said


def test_a_revoked_intermediate_is_not_exported(ca: CommandLine) -> None:
    serial = ca.answer("sign", "-", data=UCCX_PUBLISHER.data)["certificates"][0]["serial_number"]
    ca("crl", "revoke-authority", "intermediate-g1", "--reason", "cACompromise", "--confirm", "intermediate-g1")
    exported = ca.answer("ca", "export", "--format", "p7b")["certificates"]
    assert exported == ca.answer("ca", "export", "--only", "root", "--force")["certificates"]
    assert len(exported) == 1
    assert ca.rule("ca", "export", "--only", "intermediate", code=1) == "authority.not-trusted"
    assert ca.rule("show", serial, "--format", "zip", code=1) == "authority.not-trusted"


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("--format", "der"), 2, "format.single"),
        (("--out", "-"), 2, "output.twice"),
        (("--format", "zip"), 2, "usage"),
        (("--only", "leaf"), 2, "usage"),
        (("--only", "intermediate", "--format", "p12"), 2, "usage"),
    ],
)
def test_what_cannot_be_exported_is_a_usage_error(
    ca: CommandLine, arguments: tuple[str, ...], code: int, rule: str
) -> None:
    assert ca.rule("ca", "export", *arguments, code=code) == rule


def test_an_existing_file_is_not_replaced_unless_forced(ca: CommandLine, here: Path) -> None:
    (here / "chain.pem").write_text("precious")
    assert ca.rule("ca", "export", "--out", "chain.pem", code=1) == "file.exists"
    assert ca("ca", "export", "--out", "chain.pem", "--force").exit_code == 0
    assert (here / "chain.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_without_an_authority_there_is_nothing_to_export(new_ca: CommandLine) -> None:
    new_ca("db", "upgrade")
    assert new_ca.rule("ca", "export", code=1) == "authority.missing"
