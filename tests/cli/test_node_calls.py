"""`node plan` and `node apply` with --server, whose server reaches an emulated node: the answers of its machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result

from ca_service.authority.access.permissions import Role
from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.cli.api import API
from ca_service.cli.failures import ExitCode
from ca_service.cli.node_calls import NodeCall, run_there
from ca_service.cli.server import ServerOptions
from ca_service.errors import CAServiceError
from ca_service.lab.serving import serving
from tests.cli.command_line import CommandLine, Keyboard
from tests.cli.desk import Desk, desk, token_of
from tests.cli.served_node import HOST, PASSWORD, SECRET, ServedNode, lab_node
from tests.cli.test_connection import TOKEN, answering
from tests.support.request_records import NOBODY_WAITS
from tests.support.requests import UCCX_PUBLISHER

PRODUCT: Final = ("--product", "cucm", "--version-of", "15")
NODES_HERE: Final = {
    "CA_SERVICE_PROBE__NAMES": HOST,
    "CA_SERVICE_PROBE__NETWORKS": "127.0.0.0/8,::1/128",
    "CA_SERVICE_PROBE__API_PORTS": "",
}


@dataclass(frozen=True, slots=True)
class Lab(ServedNode):
    """A node, and a desk whose server can reach it."""

    at: Desk

    def words(self, name: str, *more: str) -> list[str]:
        """The arguments of a command on this node, which probes the port where it serves."""
        port = ("--probe-port", str(self.ports.served)) if name == "apply" else ()
        return self.arguments(name, *port, *more)

    def both(self, name: str, *more: str) -> Result:
        """The answer, which is the same on the machine and at the desk."""
        return self.at.both(*self.words(name, *more), data=SECRET)


@pytest.fixture
def lab(ca: CommandLine, tmp_path: Path) -> Iterator[Lab]:
    """A publisher with a self-signed certificate; no request waits."""
    node = lab_node()
    with serving(node) as ports, desk(ca.folder, tmp_path / "nowhere", NOBODY_WAITS | NODES_HERE) as at:
        yield Lab(node, ports, at)


def test_a_certificate_that_was_not_compared_is_shown(lab: Lab) -> None:
    result = lab.both("plan")
    assert (result.exit_code, lab.fingerprint in result.stdout) == (ExitCode.PENDING, True)
    assert lab.both("plan", "--fingerprint", "ab" * 32).exit_code == ExitCode.REFUSED


def test_the_plan_is_the_same_with_the_steps_before_it(lab: Lab) -> None:
    assert lab.both("plan", "--fingerprint", lab.fingerprint).stdout.startswith(f"{HOST}, tomcat-ECDSA: no CSR\n")
    result = lab.both("plan", "--fingerprint", lab.fingerprint, *PRODUCT, "--curve", "P-256", "--days", "30")
    assert "Before that:" in result.stdout
    assert "EC key on P-256" in result.stdout
    assert lab.node.calls == {}


def test_the_whole_loop_from_csr_to_probe(lab: Lab) -> None:
    compared = ("--fingerprint", lab.fingerprint, *PRODUCT)
    assert lab.both("apply", *compared).exit_code == ExitCode.USAGE  # not confirmed
    assert lab.node.calls == {}
    first = lab.at.there(*lab.words("apply", *compared, "--confirm", HOST), data=SECRET)
    assert first.exit_code == ExitCode.PENDING, first.output
    assert [line[:2] for line in first.stderr.splitlines()] == ["- "] * 5
    assert "utils service restart Cisco Tomcat" in first.stdout

    assert lab.both("apply", *compared, "--confirm", HOST).stdout == first.stdout
    lab.node.restart()
    last = lab.both("apply", *PRODUCT)  # without a fingerprint: the certificate was issued here
    assert (last.exit_code, "It presents the certificate that was issued here." in last.stdout) == (ExitCode.OK, True)
    assert lab.node.calls == {"csr": 1, "trust": 2, "identity": 1}


def test_a_request_that_waits_is_pending(ca: CommandLine, tmp_path: Path) -> None:
    node = lab_node()
    waiting = {"CA_SERVICE_POLICY__RULES": "[]", **NODES_HERE}
    with serving(node) as ports, desk(ca.folder, tmp_path / "nowhere", waiting) as at:
        lab = Lab(node, ports, at)
        words = lab.words("apply", "--fingerprint", lab.fingerprint, "--confirm", HOST)
        result = at.there(*words, data=SECRET)
    assert (result.exit_code, "waits for an approver" in result.stdout) == (ExitCode.PENDING, True)


def test_at_a_terminal_fingerprint_password_and_name_are_asked_for(lab: Lab) -> None:
    words = [word for word in lab.words("apply") if word != "--password-stdin"]
    declined = lab.at.there(*words, data=Keyboard(b"n\n"))
    assert (declined.exit_code, "Nothing was sent." in declined.stdout) == (ExitCode.PENDING, True)
    agreed = lab.at.there(*words, data=Keyboard(b"y\n" + SECRET + HOST.encode() + b"\n"))
    assert agreed.exit_code == ExitCode.PENDING, agreed.output
    assert f"Type {HOST} to go on" in agreed.stderr
    assert lab.node.calls == {"csr": 1, "trust": 2, "identity": 1}
    assert PASSWORD not in agreed.output


def test_a_finding_that_is_an_error_prevents_the_run(lab: Lab) -> None:
    lab.node.generate_csr("tomcat-ECDSA", "stranger.example.com", 384)
    assert lab.both("plan", "--fingerprint", lab.fingerprint).exit_code == ExitCode.REFUSED
    refused = lab.both("apply", "--fingerprint", lab.fingerprint, "--confirm", HOST)
    assert (refused.exit_code, "node.csr-names" in refused.stderr) == (ExitCode.REFUSED, True)


def test_a_lifetime_that_cannot_be_signed_is_refused(lab: Lab) -> None:
    result = lab.both("plan", "--fingerprint", lab.fingerprint, "--days", "9999")
    assert result.exit_code == ExitCode.REFUSED


def test_a_wrong_password_is_not_allowed_and_in_no_output(lab: Lab) -> None:
    words = ("--traceback", *lab.words("plan", "--fingerprint", lab.fingerprint))
    result = lab.at.there(*words, data=b"not the password\n")
    assert (result.exit_code, "node.sign-in" in result.stderr) == (ExitCode.NOT_ALLOWED, True)
    assert "not the password" not in result.output


def test_the_password_is_in_no_file_of_the_server_and_in_no_log(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    lab.at.there(*lab.words("apply", "--fingerprint", lab.fingerprint, "--confirm", HOST), data=SECRET)
    files = [each for each in lab.at.here.folder.rglob("*") if each.is_file()]
    assert [each for each in files if PASSWORD.encode() in each.read_bytes()] == []
    assert PASSWORD not in caplog.text


def test_lines_for_the_command_line_are_the_same(lab: Lab, here: Path) -> None:
    at, words = lab.at, ("node", "lines", "uccx1.example.com", "--product", "uccx", "--version-of", "15")
    assert "set csr gen tomcat-ECDSA" in at.both(*words).stdout
    (here / "uccx1.csr").write_bytes(UCCX_PUBLISHER.data)
    at.there.answer("sign", "uccx1.csr")
    assert "set cert import own tomcat-ECDSA" in at.both(*words).stdout
    assert "set csr gen tomcat-ECDSA" in at.both(*words, "--new-csr").stdout


@pytest.mark.parametrize("words", [("lines", "http://x/"), ("plan", "http://x/", "--user", "x", "--password-stdin")])
def test_what_is_no_host_is_a_usage_error(lab: Lab, words: tuple[str, ...]) -> None:
    assert lab.at.both("node", *words, data=SECRET).exit_code == ExitCode.USAGE


def test_a_token_without_the_permission_contacts_no_node(lab: Lab) -> None:
    token = token_of(lab.at.installation, Role.AUDITOR)
    auditor = CommandLine(lab.at.there.folder, variables={**lab.at.there.variables, "CA_SERVICE_TOKEN": token})
    assert auditor.rule(*lab.words("plan"), data=SECRET, code=ExitCode.NOT_ALLOWED) == "permission.missing"


@pytest.mark.parametrize("name", ["plan", "apply"])
def test_a_password_does_not_leave_the_machine_unencrypted_even_if_a_token_may(tmp_path: Path, name: str) -> None:
    at = CommandLine(tmp_path / "nowhere", variables={"CA_SERVICE_TOKEN": TOKEN})
    words = ("--server", "http://ca.example.com", "--allow-http", "node", name, "cucm1.example.com", "--user", "x")
    assert at.rule(*words, data=Keyboard(SECRET), code=ExitCode.USAGE) == "server.plain-password"


CALL: Final = NodeCall(HOST, "", Credentials("administrator", PASSWORD), Order())
CHANGE: Final[dict[str, Any]] = {"kind": "csr", "key": "csr", "text": "t", "fingerprint": None, "is_confirmed": True}


def run_against(*lines: object) -> tuple[str, list[str]]:
    """The rule that ends a run where a server answers with these lines, and the changes that were told."""
    told = list[str]()
    body = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    with answering(200, body, Content_Type="application/x-ndjson") as (url, _):
        api = API(ServerOptions(url, TOKEN))
        with pytest.raises(CAServiceError) as caught:
            run_there(api, CALL, ["csr"], [], told=lambda change: told.append(change.key))
        api.close()
    return caught.value.findings[0].rule, told


def test_an_answer_that_is_cut_off_is_no_end_of_a_run() -> None:
    assert run_against(CHANGE) == ("server.answer", ["csr"])


def test_a_problem_in_the_middle_ends_the_run_with_its_error() -> None:
    finding = {"pointer": "", "rule": "node.changed", "severity": "error", "detail": "Changed.", "remedy": ""}
    problem = {"type": "x", "title": "x", "detail": "x", "code": "conflict", "status": 409, "errors": [finding]}
    assert run_against(CHANGE, problem) == ("node.changed", ["csr"])
