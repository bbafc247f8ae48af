"""`probe`: what a port of this machine presents, with the exit code of what was seen."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_service.cli.console import Console
from ca_service.cli.failures import ExitCode
from ca_service.cli.probe import report_lines, watched
from ca_service.documents.probes import ProbeDocument
from ca_service.vos.served import PortReport, Target, Verdict
from tests.cli.command_line import CommandLine
from tests.support import pkcs10, tls_servers
from tests.support.requests import key, node
from tests.support.tls_servers import Answer, certified, files, listening

START: Final = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def issued(ca: CommandLine, tmp_path: Path) -> tuple[Path, Path]:
    """Chain and key of a certificate for localhost from this authority."""
    csr = tmp_path / "tomcat-ECDSA.csr"
    csr.write_bytes(pkcs10.pem(node("localhost-EC.localdomain", "localhost").der()))
    assert ca("sign", csr, "--out", tmp_path / "bundle.zip").exit_code == 0
    with zipfile.ZipFile(tmp_path / "bundle.zip") as bundle:
        names = [name for name in bundle.namelist() if name.endswith(".pem") and "/" not in name]
        parts = {name[0]: bundle.read(name) for name in names}
    chain, private = tmp_path / "chain.pem", tmp_path / "chain.key"
    chain.write_bytes(parts["3"] + parts["2"])
    found = key("localhost-EC.localdomain", ec.SECP384R1)
    private.write_bytes(found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, private


@pytest.fixture
def other(tmp_path: Path) -> tuple[Path, Path]:
    """Chain and key of a self-signed certificate."""
    private = ec.generate_private_key(ec.SECP256R1())
    return files(tmp_path, "own", private, [certified(private, "localhost", start=START, days=3650)])


def look(ca: CommandLine, answer: Answer) -> tuple[int, dict[str, Any]]:
    """Return the exit code, and what the command says of a port with this answer."""
    with listening(answer) as port:
        result = ca("probe", f"localhost:{port}", "--json")
    return result.exit_code, json.loads(result.stdout)


def test_a_port_that_serves_what_was_issued_works(ca: CommandLine, issued: tuple[Path, Path]) -> None:
    code, found = look(ca, tls_servers.tls(issued))
    (port,) = found["ports"]
    assert (code, found["works"], port["verdict"], port["remarks"]) == (ExitCode.OK, True, "issued", [])
    assert [each["ending"] for each in port["handshakes"]] == ["served", "served", "declined", "declined"]


def test_a_port_without_the_intermediate_is_wrong(ca: CommandLine, issued: tuple[Path, Path], tmp_path: Path) -> None:
    leaf = x509.load_pem_x509_certificates(issued[0].read_bytes())[0]
    alone = tmp_path / "alone.pem"
    alone.write_bytes(leaf.public_bytes(Encoding.PEM))
    code, found = look(ca, tls_servers.tls((alone, issued[1])))
    assert (code, found["ports"][0]["remarks"]) == (ExitCode.REFUSED, ["incomplete-chain"])


def test_a_self_signed_certificate_is_not_there_yet(ca: CommandLine, other: tuple[Path, Path]) -> None:
    code, found = look(ca, tls_servers.tls(other))
    assert (code, found["ports"][0]["verdict"]) == (ExitCode.PENDING, "self-signed")


def test_a_port_that_is_no_tls_does_not_answer(ca: CommandLine) -> None:
    code, found = look(ca, tls_servers.saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert (code, found["ports"][0]["verdict"]) == (ExitCode.UNREACHABLE, "not-tls")


def test_the_answer_for_a_person_has_a_line_for_each_port(ca: CommandLine, other: tuple[Path, Path]) -> None:
    with listening(tls_servers.tls(other)) as port:
        lines = ca("probe", f"localhost:{port}").stdout.splitlines()
    assert lines[0] == f"localhost:{port}  self-signed"
    assert lines[1].startswith("  It presents a self-signed certificate.")


def test_a_name_that_dns_does_not_know_is_said_once_and_how_to_fix_it(ca: CommandLine) -> None:
    result = ca("probe", "nowhere.invalid")
    first, sentence, _, summary = result.stdout.splitlines()
    assert (result.exit_code, first) == (ExitCode.UNREACHABLE, "nowhere.invalid  unknown-host")
    assert "DNS gives no address for nowhere.invalid" in sentence
    assert "Check the spelling" in sentence
    assert summary == "Not every port presents a certificate from here that clients accept."


def test_a_terminal_shows_each_port_as_soon_as_it_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def reports() -> Iterator[PortReport]:
        for port in (1, 2):
            yield PortReport(Target("localhost", port), Verdict.REFUSED, (), ())
            shown.append(capsys.readouterr().err)

    shown = list[str]()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert len(watched(Console([]), reports()).ports) == 2
    assert shown == ["localhost:1 refused\n", "localhost:2 refused\n"]


def test_a_node_that_was_not_restarted_is_named() -> None:
    found = ProbeDocument(works=False, summary="Said.", experience="", not_restarted=["uccx2.example.com"], ports=[])
    *_, summary, named = report_lines(found)
    assert (summary, named.endswith("If it was uploaded, restart: uccx2.example.com")) == ("Said.", True)


def test_an_ipv6_address_has_brackets_before_its_port(ca: CommandLine) -> None:
    assert ca("probe", "[::1]:1").stdout.splitlines()[0] == "[::1]:1  refused"
    plan = ca("node", "plan", "[::1]:1", "--user", "x", "--password-stdin", data=b"x")
    assert "[::1]:1 does not answer" in plan.output


def test_what_is_no_host_is_a_usage_error(ca: CommandLine) -> None:
    assert ca.rule("probe", "http://localhost/", code=ExitCode.USAGE) == "probe.target"
