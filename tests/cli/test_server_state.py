"""The state of the service with --server: checks, jobs, notices, authorities and CRLs, as on its machine."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.examination import Options
from ca_service.authority.people.tokens import TokenLimits
from ca_service.cli.failures import ExitCode
from tests.cli.command_line import CommandLine
from tests.cli.desk import Desk, desk, token_of
from tests.support.factories import OPERATOR
from tests.support.ports import free_port
from tests.support.requests import UCCX_PUBLISHER

SECRET = "whsec_" + "QUFB" * 11


@pytest.fixture
def at(ca: CommandLine, tmp_path: Path) -> Iterator[Desk]:
    """The installation of the test, served; no request waits."""
    with desk(ca.folder, tmp_path / "nowhere") as made:
        yield made


def test_an_operator_sees_the_state_of_the_service(at: Desk) -> None:
    with at.here.opened() as installation:
        installation.issuance.issue(OPERATOR, [UCCX_PUBLISHER.data], Options(validity_days=40))
        installation.crl_publisher.publish_due()
        installation.jobs.run(OPERATOR, "statistics")
    assert "ok       tables of the database" in at.both("doctor").stdout
    assert "statistics" in at.both("jobs", "list").stdout
    assert "uccx1.example.com" in at.both("notices", "list", "--coming").stdout
    assert at.both("notices", "list", "--coming", "--search", "nothing").stdout == "Nothing expires soon.\n"
    assert "until" in at.both("crl", "show").stdout
    assert "root-g1: " in at.both("ca", "show").stdout


def test_an_authority_that_cannot_sign_is_the_exit_code_of_ca_show(at: Desk) -> None:
    with contextlib.closing(sqlite3.connect(at.here.folder / "ca.sqlite3")) as connection, connection:
        connection.execute("UPDATE issuer SET is_issuing = 0")
    result = at.both("ca", "show")
    assert (result.exit_code, result.stdout.partition("\n")[0]) == (
        ExitCode.ERROR,
        "The authority is not finished: run `ca-service init` again.",
    )


def test_the_newest_seal_can_be_stored_elsewhere(at: Desk) -> None:
    at.both("audit", "head")
    assert at.here("audit", "seal").exit_code == ExitCode.OK
    head = at.both("audit", "head").stdout.strip()
    assert at.here("audit", "verify", "--expect-head", head).exit_code == ExitCode.OK


def test_messages_are_the_same(ca: CommandLine, tmp_path: Path) -> None:
    hooks = {"CA_SERVICE_WEBHOOK__URL": f"https://127.0.0.1:{free_port()}/", "CA_SERVICE_WEBHOOK__SECRET": SECRET}
    with desk(ca.folder, tmp_path / "nowhere", hooks) as made:
        assert made.here("notices", "test").exit_code == ExitCode.UNREACHABLE
        assert "webhook" in json.loads(made.there("notices", "list", "--json").stdout)["messages"][0]["channel"]
        made.both("notices", "list")
        made.both("notices", "list", "--state", "sent")
        made.both("notices", "list", "--search", "nothing")


def test_a_fault_of_the_server_is_the_exit_code_of_doctor(at: Desk) -> None:
    (at.here.folder / "keys" / "intermediate-g1.key.pem").unlink()
    result = at.both("doctor")
    assert (result.exit_code, "error    keys of the authorities" in result.stdout) == (ExitCode.ERROR, True)


def test_the_state_of_the_service_needs_an_administrator_and_the_scope(at: Desk) -> None:
    def rule(token: str, *arguments: str) -> str:
        variables = {**at.there.variables, "CA_SERVICE_TOKEN": token}
        return CommandLine(at.there.folder, variables=variables).rule(*arguments, code=ExitCode.NOT_ALLOWED)

    approver = token_of(at.installation, Role.APPROVER)
    reading = at.installation.tokens.create(OPERATOR, "administrator-at-a-desk", "x", 30, TokenLimits(("read",))).secret
    assert _has_keys(at, approver) == _has_keys(at, reading) == [None, None]
    assert _has_keys(at, at.there.variables["CA_SERVICE_TOKEN"]) == [True, True]
    for arguments in (("doctor",), ("jobs", "list"), ("notices", "list"), ("notices", "list", "--coming")):
        assert rule(approver, *arguments) == "permission.missing"
        assert rule(reading, *arguments) == "token.scope"


def _has_keys(at: Desk, token: str) -> list[bool | None]:
    """Return whether the intermediate has its key here, as two commands tell the holder of this token."""
    there = CommandLine(at.there.folder, variables={**at.there.variables, "CA_SERVICE_TOKEN": token})
    found = there.answer("crl", "show")["lists"], there.answer("ca", "show")["authorities"]
    return [each[-1]["has_key"] for each in found]
