"""Commands with --server: they ask the API of a real server, and answer as on its machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.cli.failures import ExitCode
from tests.cli.command_line import CommandLine, Keyboard, deciding_rule
from tests.cli.desk import Desk, signed, token_of


def test_lists_are_the_same(at: Desk, folder: Path) -> None:
    at.there("sign", folder)
    at.both("list")
    at.both("list", "host:uccx1", "--sort", "host")
    at.both("list", "--limit", "2")
    at.both("list", "nothing")
    at.both("list", "colour:red")
    assert at.here("list", "--csv").stdout == at.there("list", "--csv").stdout
    assert at.there.rule("list", "--csv", "--limit", "1", code=2) == "usage"


def test_lists_of_several_pages_are_whole(at: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at.there("sign", folder)
    monkeypatch.setattr("ca_service.cli.naming.MAX_PAGE", 2)
    assert len(at.there.answer("list")["certificates"]) == 3


def test_show_takes_a_beginning_and_every_format(at: Desk, csr: Path, here: Path) -> None:
    serial = signed(at, csr)
    at.both("show", serial)
    at.both("show", serial[:6])
    at.both("show", "uccx1")
    at.both("show", "1234567")
    for format_ in ("zip", "pem", "der", "p7b"):
        at.both("show", serial, "--format", format_, "--out", f"shown.{format_}", "--force")
        at.here("show", serial, "--format", format_, "--out", f"here.{format_}")
        assert (here / f"shown.{format_}").read_bytes() == (here / f"here.{format_}").read_bytes()


def test_renew_makes_a_certificate_with_the_same_key(at: Desk, csr: Path) -> None:
    serial = signed(at, csr, "--profile", "server")
    [again] = at.there.answer("renew", serial[:8], "--out", "renewed.zip")["certificates"]
    assert again["serial_number"] != serial
    at.both("renew", serial, "--out", "again.zip", "--force")


def test_a_certificate_is_revoked_and_a_hold_released(at: Desk, csr: Path) -> None:
    serial = signed(at, csr)
    at.both("revoke", serial[:8], "--reason", "certificateHold", "--dry-run")
    at.both("revoke", serial[:8], "--reason", "whim", "--dry-run")
    at.both("release", serial, "--yes")
    held = at.there.answer("revoke", serial, "--reason", "certificateHold", "--note", "lost", "--yes")
    assert (held["done"], held["certificates"][0]["state"]) == (True, "held")
    at.both("revoke", serial, "--reason", "certificateHold", "--yes")
    assert at.there.answer("release", "--host", "uccx1.example.com", "--yes")["certificates"][0]["state"] == "released"
    typed = at.there("revoke", serial[:8], "--reason", "superseded", data=Keyboard(b"other\n"))
    assert "confirmation.wrong" in typed.stderr
    typed = at.there("revoke", serial[:8], "--reason", "superseded", data=Keyboard(b"uccx1.example.com\n"))
    assert typed.exit_code == 0, typed.output
    assert at.here.answer("show", serial)["status"] == "revoked"


def test_fit_sends_the_files(at: Desk, csr: Path, here: Path) -> None:
    signed(at, csr, "--format", "pem")
    (here / "trust.txt").write_text("")
    at.both("fit", "--csr", csr, "--cert", "signed.zip", "--chain", "signed.zip")
    at.both("fit", "--cert", "signed.zip", "--trust", "trust.txt")
    assert at.both("fit", "--csr", csr, "--cert", csr).exit_code != ExitCode.OK


def test_the_audit_log_is_listed_page_by_page(at: Desk, csr: Path) -> None:
    signed(at, csr)
    at.both("audit", "list")
    at.both("audit", "list", "--event", "certificates", "--oldest")
    at.both("audit", "list", "--event", "nonsense")
    first = at.there.answer("audit", "list", "--limit", "1")
    assert first == at.here.answer("audit", "list", "--limit", "1") | {"next": first["next"]}
    following = at.there.answer("audit", "list", "--limit", "1", "--cursor", first["next"])
    assert following["events"][0]["id"] < first["events"][0]["id"]


@pytest.mark.parametrize("only", [(), ("--only", "root"), ("--only", "intermediate")])
def test_the_chain_is_exported(at: Desk, only: tuple[str, ...]) -> None:
    at.both("ca", "export", *only)
    at.both("ca", "export", *only, "--format", "der", "--out", "chain.der", "--force")
    at.both("ca", "export", "--format", "p12", "--force")


def test_an_intermediate_that_is_revoked_is_not_exported(at: Desk) -> None:
    with at.here.opened() as installation:
        issuer = installation.hierarchy.active().record.id
    revoked = at.here("crl", "revoke-authority", issuer, "--reason", "cACompromise", "--confirm", issuer)
    assert revoked.exit_code == 0, revoked.output
    at.both("ca", "export")
    at.both("ca", "show")
    assert at.there("ca", "show").exit_code == 1
    assert at.there.rule("ca", "export", "--only", "intermediate", code=6) == "server.answer"


def test_the_trust_kit_is_written_from_the_root_of_the_server(at: Desk) -> None:
    at.both("trust-kit", "--force")


def test_what_is_known_of_products_needs_no_server(at: Desk) -> None:
    for arguments in (
        ("products",),
        ("products", "uccx"),
        ("matrix",),
        ("questions",),
        ("explain", "CSR SAN and Certificate SAN"),
    ):
        at.both(*arguments)


LOCAL: Final = (
    ("init",),
    ("serve",),
    ("config", "show"),
    ("doctor", "--confirm-clock"),
    ("user", "list"),
    ("token", "list", "--account", "anna"),
    ("crl", "publish"),
    ("jobs", "run", "outbox"),
    ("jobs", "loop"),
    ("notices", "retry", "1"),
    ("notices", "test"),
    ("db", "current"),
    ("lab-node", "cucm1.example.com", "--password-stdin"),
    ("cluster", "sign", "Lab"),
)


def test_what_the_api_lacks_is_said_in_one_sentence(at: Desk) -> None:
    said = {arguments: at.there(*arguments, "--json", data=b"secret\n") for arguments in LOCAL}
    assert {each: (result.exit_code, deciding_rule(result)) for each, result in said.items()} == dict.fromkeys(
        LOCAL, (ExitCode.USAGE, "command.local")
    )
    for arguments, result in said.items():
        [error] = json.loads(result.stderr)["errors"]
        assert error["detail"].startswith(f"ca-service {arguments[0]}")
        assert error["detail"].endswith("does not work with --server.")
        assert "accounts and tokens are never managed with a token" in error["remedy"]
    assert not at.there.folder.exists()


def test_a_token_without_the_permission_is_not_allowed(at: Desk, csr: Path) -> None:
    variables = {**at.there.variables, "CA_SERVICE_TOKEN": token_of(at.installation, Role.AUDITOR)}
    auditor = CommandLine(at.there.folder, variables=variables)
    assert auditor.rule("sign", csr, code=5) == "permission.missing"
    assert auditor.answer("list")["certificates"] == []
