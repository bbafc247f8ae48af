"""`node`: plans and runs against an emulated node on this machine, and lines for nodes without the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ca_service.cli.failures import ExitCode
from ca_service.lab.console import Console
from ca_service.lab.node import LabNode
from ca_service.lab.serving import serving
from tests.cli.answers import require_document
from tests.cli.command_line import CommandLine, Keyboard
from tests.cli.served_node import HOST, PASSWORD, SECRET, ServedNode, lab_node
from tests.support import tomcat
from tests.support.factories import OPERATOR


@dataclass(frozen=True, slots=True)
class Lab(ServedNode):
    """A node, and the command that can reach it."""

    ca: CommandLine

    def answer(self, name: str, *more: str, code: int) -> Any:
        """The answer in JSON, where the command ends with this exit code."""
        arguments = self.arguments(name, *more)
        result = self.ca(*arguments, "--json", data=SECRET)
        assert result.exit_code == code, result.output
        found = json.loads(result.stdout)
        require_document(arguments, found)
        return found

    def apply(self, *more: str, code: int) -> Any:
        """The answer of a confirmed run."""
        port = str(self.ports.served)
        return self.answer("apply", "--confirm", HOST, "--probe-port", port, *more, code=code)

    def refusal(self, *, code: int) -> str:
        """What a plan says that ends with this exit code."""
        result = self.ca(*self.arguments("plan", "--fingerprint", self.fingerprint), data=SECRET)
        assert result.exit_code == code, result.output
        return result.output


@pytest.fixture
def lab(ca: CommandLine) -> Iterator[Lab]:
    """A publisher with a self-signed certificate."""
    node = lab_node()
    with serving(node) as ports:
        yield Lab(node, ports, ca)


def test_the_plan_is_shown_and_nothing_is_changed(lab: Lab) -> None:
    found = lab.answer("plan", "--fingerprint", lab.fingerprint, code=ExitCode.OK)
    assert [each["kind"] for each in found["changes"]] == ["csr", "sign", "trust", "trust", "identity"]
    assert (found["stage"], found["contact"]["believed"]) == ("no CSR", "pinned")
    assert lab.node.calls == {}


def test_the_plan_for_a_person_says_what_is_inferred(lab: Lab) -> None:
    lines = lab.ca(*lab.arguments("plan", "--fingerprint", lab.fingerprint), data=SECRET).stdout.splitlines()
    assert lines[0] == f"{HOST}, tomcat-ECDSA: no CSR"
    number = next(number for number, line in enumerate(lines) if "Generate a CSR" in line)
    assert lines[number + 1].strip() == "(Not confirmed by Cisco\u2019s documents.)"


def test_the_plan_names_what_is_done_before_it_on_this_product(lab: Lab) -> None:
    product = ("--product", "cucm", "--version-of", "15", "--fingerprint", lab.fingerprint)
    titles = [each["title"] for each in lab.answer("plan", *product, code=ExitCode.OK)["steps"]]
    assert titles[-2:] == ["Install the root on the computers of users", "Switch single sign-on off, where it is on"]
    lines = lab.ca(*lab.arguments("plan", *product), data=SECRET).stdout.splitlines()
    assert "Before that:" in lines


def test_the_whole_loop_from_csr_to_probe(lab: Lab) -> None:
    first = lab.apply("--fingerprint", lab.fingerprint, code=ExitCode.PENDING)
    assert [each["kind"] for each in first["made"]] == ["csr", "sign", "trust", "trust", "identity"]
    assert first["probe"]["ports"][0]["verdict"] == "self-signed"
    assert first["probe"]["summary"] == "Restart: not every port presents the new certificate yet."
    assert first["steps"][0]["commands"] == ["utils service restart Cisco Tomcat"]

    lab.node.restart()
    last = lab.apply(code=ExitCode.OK)  # without a fingerprint: the certificate was issued here
    assert (last["made"], last["probe"]["works"], last["steps"]) == ([], True, [])
    assert last["plan"]["contact"]["believed"] == "issued"
    assert lab.node.calls == {"csr": 1, "trust": 2, "identity": 1}


def test_the_same_loop_with_a_real_tomcat_ends_after_its_restart(lab: Lab, tmp_path: Path) -> None:
    with tomcat.presenting(tmp_path / "before", lab.node) as port:
        real = replace(lab, ports=replace(lab.ports, served=port))
        first = real.apply("--fingerprint", lab.fingerprint, code=ExitCode.PENDING)
        again = real.apply("--fingerprint", lab.fingerprint, code=ExitCode.PENDING)
    assert [each["probe"]["ports"][0]["verdict"] for each in (first, again)] == ["self-signed"] * 2

    lab.node.restart()
    with tomcat.presenting(tmp_path / "after", lab.node) as port:
        last = replace(lab, ports=replace(lab.ports, served=port)).apply(code=ExitCode.OK)
    assert (last["made"], last["probe"]["works"], last["probe"]["ports"][0]["verdict"]) == ([], True, "issued")
    assert [each["ending"] for each in last["probe"]["ports"][0]["handshakes"]] == ["served"] * 4


def test_a_password_that_one_command_had_refused_is_not_sent_by_the_next_one(lab: Lab) -> None:
    lab.node._password = "another"
    assert "node.sign-in" in lab.refusal(code=ExitCode.NOT_ALLOWED)
    assert "node.wait" in lab.refusal(code=ExitCode.NOT_ALLOWED)
    assert lab.node._failures == 1


def test_the_product_makes_the_steps_exact(lab: Lab) -> None:
    product = ("--product", "cucm", "--version-of", "15", "--fingerprint", lab.fingerprint)
    steps = lab.apply(*product, code=ExitCode.PENDING)["steps"]
    assert len(steps) > 1
    assert "utils service restart Cisco Tomcat" in [line for step in steps for line in step["commands"]]


def test_a_certificate_that_nobody_has_compared_ends_the_command_before_the_password_is_sent(lab: Lab) -> None:
    found = lab.answer("apply", "--confirm", HOST, code=ExitCode.PENDING)
    assert (found["fingerprint"], found["believed"]) == (lab.fingerprint, "")
    assert lab.node.calls == {}


def test_at_a_terminal_the_fingerprint_is_asked_for(lab: Lab) -> None:
    arguments = lab.arguments("plan")[:-1]
    said = lab.ca(*arguments, data=Keyboard(b"n\n"))
    assert (said.exit_code, "Nothing was sent." in said.stdout) == (ExitCode.PENDING, True)
    agreed = lab.ca(*arguments, data=Keyboard(b"y\n" + SECRET))
    assert agreed.exit_code == ExitCode.OK, agreed.output
    assert lab.fingerprint in agreed.stderr


def test_another_fingerprint_is_refused(lab: Lab) -> None:
    wrong = lab.arguments("plan", "--fingerprint", "ab" * 32)
    assert lab.ca.rule(*wrong, data=SECRET, code=ExitCode.REFUSED) == "node.fingerprint"


def test_a_plan_that_nobody_has_confirmed_is_not_applied(lab: Lab) -> None:
    arguments = lab.arguments("apply", "--fingerprint", lab.fingerprint)
    assert lab.ca.rule(*arguments, data=SECRET, code=ExitCode.USAGE) == "confirmation.missing"
    assert lab.node.calls == {}


def test_a_wrong_password_is_not_allowed_and_not_shown(lab: Lab) -> None:
    arguments = lab.arguments("plan", "--fingerprint", lab.fingerprint)
    result = lab.ca(*arguments, data=b"not the password\n")
    assert (result.exit_code, "not the password" in result.output) == (ExitCode.NOT_ALLOWED, False)


def test_an_empty_password_is_not_sent(lab: Lab) -> None:
    arguments = lab.arguments("plan", "--fingerprint", lab.fingerprint)
    assert lab.ca.rule(*arguments, data=b"\n", code=ExitCode.USAGE) == "node.password"
    assert lab.answer("plan", "--fingerprint", lab.fingerprint, code=ExitCode.OK)["stage"] == "no CSR"  # and no wait


def test_the_password_is_in_no_file_of_the_installation(lab: Lab) -> None:
    lab.apply("--fingerprint", lab.fingerprint, code=ExitCode.PENDING)
    found = [file for file in lab.ca.folder.rglob("*") if file.is_file() and PASSWORD.encode() in file.read_bytes()]
    assert found == []


def test_a_node_that_does_not_answer_is_unreachable(ca: CommandLine) -> None:
    arguments = ("node", "plan", "127.0.0.1:1", "--user", "x", "--password-stdin")
    assert ca.rule(*arguments, data=SECRET, code=ExitCode.UNREACHABLE) == "node.unreachable"


def pasted(node: LabNode, answer: Any) -> str:
    """What the command line prints when all lines of the answer are pasted."""
    lines = [line for step in answer["steps"] for line in step["commands"]]
    typed = [each for line in lines for each in ((line, "y") if "cert_type" in line else (line,))]
    text = iter([*(f"{line}\n" for line in typed), ""])
    return "".join(Console(node, lambda: next(text)).run())


@pytest.mark.parametrize(
    ("product", "version", "cert_type", "before"),
    [
        ("socialminer", "11.5", "", "self-signed"),
        ("uccx", "15", "rsa", "no-ecdsa"),
        ("cucm", "12.5", "", "self-signed"),
    ],
)
def test_the_lines_do_the_whole_loop_at_the_command_line_of_a_node(
    ca: CommandLine, here: Path, product: str, version: str, cert_type: str, before: str
) -> None:
    node = lab_node(HOST, cert_type)
    asked = ("node", "lines", HOST, "--product", product, "--version-of", version)
    with serving(node, has_api=False) as ports:
        probe = ("probe", f"{HOST}:{ports.served}", "--json")
        assert json.loads(ca(*probe).stdout)["ports"][0]["verdict"] == before
        printed = pasted(node, ca.answer(*asked))
        assert "Successfully Generated CSR for tomcat-ECDSA." in printed
        (here / "tomcat-ECDSA.csr").write_text(printed)
        assert ca("sign", "tomcat-ECDSA.csr").exit_code == 0

        printed = pasted(node, ca.answer(*asked))
        assert printed.count("Successfully imported certificate for tomcat.\n") == 2
        assert "Successfully imported certificate for tomcat-ECDSA." in printed
        assert "unsuccessfully" not in printed
        result = ca(*probe)
        assert (result.exit_code, json.loads(result.stdout)["ports"][0]["verdict"]) == (ExitCode.OK, "issued")


@pytest.mark.parametrize("text", ["UCCX1.example.com.", " uccx1.example.com:443"])
def test_the_lines_name_the_host_as_every_other_answer_does(ca: CommandLine, text: str) -> None:
    assert ca.answer("node", "lines", text)["host"] == "uccx1.example.com"


def test_the_lines_for_a_person_are_numbered_steps(ca: CommandLine) -> None:
    lines = ca("node", "lines", "uccx1.example.com").stdout.splitlines()
    assert lines[0] == "1. Generate the CSR for tomcat-ECDSA on uccx1.example.com"
    assert "      set csr gen tomcat-ECDSA" in lines


@pytest.mark.parametrize(
    ("product", "version", "question"),
    [
        ("", "", "If the node asks whether to include the OU, as CUCM does from 14SU1 on, answer no. "),
        ("cucm", "12.5", ""),
        ("cucm", "14", "If the node asks whether to include the OU, as CUCM does from 14SU1 on, answer no. "),
        ("cucm", "14SU1", "The node asks whether to include the OU: answer no before you paste the next line. "),
        ("cucm", "15SU3", "The node asks whether to include the OU: answer no before you paste the next line. "),
        ("imp", "14SU2", "If the node asks whether to include the OU, as CUCM does from 14SU1 on, answer no. "),
        ("uccx", "15", ""),
        ("socialminer", "11.5", ""),
    ],
)
def test_the_ou_is_spoken_of_where_the_node_may_ask_for_it(
    ca: CommandLine, product: str, version: str, question: str
) -> None:
    given = ("--product", product, "--version-of", version) if product else ()
    (step,) = ca.answer("node", "lines", "node1.example.com", *given)["steps"]
    assert step["text"] == (
        f"A new CSR silently replaces the one before and its key. {question}"
        "Save what is printed from BEGIN to END as a file, and have it signed."
    )


def test_the_line_that_signs_has_product_and_version_as_a_shell_takes_them(ca: CommandLine) -> None:
    (step,) = ca.answer("node", "lines", HOST, "--product", "cucm", "--version-of", "12.5(1)SU6")["steps"]
    (line,) = step["terminal"]
    assert line == "ca-service sign tomcat-ECDSA.csr --purpose tomcat-ECDSA --product cucm --version-of '12.5(1)SU6'"


def test_apply_leads_to_the_lines_where_there_is_no_api(ca: CommandLine) -> None:
    arguments = ("node", "plan", "uccx1.localhost", "--user", "x", "--password-stdin")
    with ca.opened() as opened:
        opened.host_products.assign(OPERATOR, "uccx1.localhost", "uccx", "11.5")
    assert ca.rule(*arguments, code=ExitCode.REFUSED) == "node.no-api"
