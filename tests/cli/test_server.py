"""Commands with --server: they ask the API of a real server, and answer as on its machine."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.cli.failures import ExitCode
from tests.cli.command_line import CommandLine, Keyboard, deciding_rule
from tests.cli.desk import Desk, desk, token_of
from tests.support import requests
from tests.support.ports import free_port
from tests.support.requests import THREE_NODES

NODES = (
    *("--node", "uccx1.example.com", "uccx", "11.5", "publisher"),
    *("--node", "uccx2.example.com", "uccx", "11.5", "subscriber"),
    *("--node", "sm1.example.com", "socialminer", "11.5", "single server"),
)


@pytest.fixture
def at(ca: CommandLine, tmp_path: Path) -> Iterator[Desk]:
    """The installation of the test, served; no request waits."""
    with desk(ca.folder, tmp_path / "nowhere") as made:
        yield made


@pytest.fixture
def waiting(ca: CommandLine, tmp_path: Path) -> Iterator[Desk]:
    """The same, where each request waits for an approver."""
    with desk(ca.folder, tmp_path / "nowhere", {"CA_SERVICE_POLICY__RULES": "[]"}) as made:
        yield made


@pytest.fixture
def folder(here: Path) -> Path:
    """The CSRs of three nodes, and a file that is none."""
    requests.write_three_nodes(here / "csrs")
    return here / "csrs"


def signed(at: Desk, csr: Path, *options: str) -> str:
    """Sign from the desk; return the serial number."""
    [made] = at.there.answer("sign", csr, "--out", "signed.zip", "--force", *options)["certificates"]
    return str(made["serial_number"])


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
    monkeypatch.setattr("ca_service.cli.listing.MAX_PAGE", 2)
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


def test_a_cluster_is_created_filled_signed_marked_and_removed(at: Desk, folder: Path, here: Path) -> None:
    made = at.there("cluster", "create", "Lab", *NODES)
    assert made.exit_code == 0, made.output
    at.both("cluster", "create", "Lab", *NODES)
    at.both("cluster", "list")
    at.both("cluster", "list", "--limit", "1", "--search", "uccx1")
    at.both("cluster", "show", "lab")
    at.both("cluster", "show", "7")
    at.both("cluster", "show", "Nowhere")
    at.both("cluster", "add", "Lab", folder, "--preview")
    assert at.there("cluster", "add", "Lab", folder).stdout.endswith("Sign them: ca-service cluster sign 1\n")
    assert at.there("cluster", "sign", "LAB", folder).exit_code == 0
    at.both("cluster", "sign", "Lab", folder)
    at.both("cluster", "show", "1")
    step = at.there.answer("cluster", "show", "1")["slots"][0]["upload_step"]
    at.there.answer("cluster", "mark", "Lab", step)
    at.both("cluster", "mark", "Lab", step)
    at.both("cluster", "mark", "Lab", step, "--undo")
    at.both("cluster", "mark", "Lab", "nothing")
    at.both("cluster", "runbook", "Lab")
    at.there.answer("cluster", "bundle", "Lab", "--out", "there.zip")
    at.here.answer("cluster", "bundle", "Lab", "--out", "here.zip")
    assert (here / "here.zip").read_bytes() == (here / "there.zip").read_bytes()
    at.both("revoke", "--cluster", "1", "--reason", "superseded", "--dry-run")
    at.both("cluster", "remove", "Lab", "--confirm", "Labs")
    assert at.there.answer("cluster", "remove", "Lab", "--confirm", "Lab") == {"removed": "Lab"}
    assert at.here.answer("cluster", "list")["clusters"] == []


def test_a_cluster_without_certificates_has_none_to_revoke(at: Desk) -> None:
    at.there.answer("cluster", "create", "Lab", *NODES)
    at.both("revoke", "--cluster", "1", "--reason", "superseded", "--dry-run")


def test_csrs_of_a_cluster_that_wait_are_pending(waiting: Desk, folder: Path) -> None:
    waiting.there.answer("cluster", "create", "Lab", *NODES)
    result = waiting.there("cluster", "sign", "Lab", folder)
    assert result.exit_code == ExitCode.PENDING
    assert "An approver has to decide: ca-service requests show 1" in result.stdout


def test_probes_are_made_by_the_server(at: Desk) -> None:
    result = at.both("probe", f"localhost:{free_port()}")
    assert result.exit_code == ExitCode.UNREACHABLE
    assert "Nothing listens on this port." in result.stdout
    at.there.answer("cluster", "create", "Lab", *NODES[:5])
    assert at.both("cluster", "probe", "Lab").exit_code != ExitCode.OK


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


@pytest.mark.parametrize(
    "arguments",
    [
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
    ],
    ids=" ".join,
)
def test_what_the_api_lacks_is_said_in_one_sentence(at: Desk, arguments: tuple[str, ...]) -> None:
    result = at.there(*arguments, "--json", data=b"secret\n")
    assert (result.exit_code, deciding_rule(result)) == (ExitCode.USAGE, "command.local")
    detail = json.loads(result.stderr)["errors"][0]["detail"]
    assert detail.startswith(f"ca-service {arguments[0]}")
    assert detail.endswith("does not work with --server.")
    assert "accounts and tokens are never managed with a token" in json.loads(result.stderr)["errors"][0]["remedy"]
    assert not at.there.folder.exists()


def test_a_token_without_the_permission_is_not_allowed(at: Desk, csr: Path) -> None:
    variables = {**at.there.variables, "CA_SERVICE_TOKEN": token_of(at.installation, Role.AUDITOR)}
    auditor = CommandLine(at.there.folder, variables=variables)
    assert auditor.rule("sign", csr, code=5) == "permission.missing"
    assert auditor.answer("list")["certificates"] == []
