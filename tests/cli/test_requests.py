"""`requests`: the operator sees what waits, and decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ca_service.authority.access.permissions import Actor, Role
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.examination import Options
from ca_service.vos.destinations import Destination
from tests.cli.command_line import CommandLine, tamper
from tests.cli.test_identity import make_older
from tests.support.factories import OPERATOR, PASSWORD
from tests.support.requests import THREE_NODES, UCCX_PUBLISHER, UCCX_SUBSCRIBER

ANNA = Actor(7, "anna", Role.REQUESTER, "192.0.2.1")


@pytest.fixture
def waiting(opened: Installation) -> int:
    """The number of a request that waits."""
    return opened.issuance.issue(ANNA, [UCCX_PUBLISHER.data], Options()).waiting[0].id


def test_what_waits_is_listed_oldest_first(ca: CommandLine, opened: Installation) -> None:
    for node in THREE_NODES:
        opened.issuance.issue(ANNA, [node.data], Options())
    ca("requests", "refuse", "2", "--note", "no")
    assert [each["id"] for each in ca.answer("requests", "list")["requests"]] == [1, 3]
    assert [each["id"] for each in ca.answer("requests", "list", "--state", "refused")["requests"]] == [2]
    first_page = ("requests", "list", "--state", "all", "--search", "UCCX", "--limit", "1")
    found = ca.answer(*first_page)
    assert [each["id"] for each in found["requests"]] == [1]
    more = ca.answer(
        "requests", "list", "--state", "all", "--search", "UCCX", "--limit", "1", "--cursor", found["next"]
    )
    assert ([each["id"] for each in more["requests"]], more["next"]) == ([2], None)
    shown = ca("requests", "list")
    assert shown.exit_code == 0
    assert "sm1.example.com" in shown.stdout
    assert "waiting for approval" in shown.stdout
    assert "There are more: --cursor " in ca("requests", "list", "--limit", "1").stderr


def test_where_nothing_waits_it_says_so(ca: CommandLine) -> None:
    assert ca("requests", "list").stdout == "There are no such requests.\n"


def test_a_request_is_shown_with_what_to_do_next(ca: CommandLine, waiting: int) -> None:
    shown = ca("requests", "show", str(waiting)).stdout
    assert "by anna (192.0.2.1)" in shown
    assert "waiting for approval" in shown.splitlines()[1]
    assert f"ca-service requests approve {waiting}" in shown
    assert ca.answer("requests", "show", str(waiting))["state"] == "submitted"


def test_who_decides_reads_purpose_and_requested_lifetime(ca: CommandLine, opened: Installation) -> None:
    options = Options(validity_days=90, destination=Destination("tomcat-ECDSA"))
    [request] = opened.issuance.issue(ANNA, [UCCX_PUBLISHER.data], options).waiting
    shown = ca("requests", "show", str(request.id)).stdout.splitlines()
    assert {"purpose    tomcat-ECDSA", "lifetime   90 days"} <= set(shown)


def test_what_is_approved_is_signed(ca: CommandLine, waiting: int) -> None:
    answer = ca.answer("requests", "approve", str(waiting), "--note", "fine")
    assert (answer["state"], answer["note"]) == ("issued", "fine")
    assert answer["decided_by"].startswith("cli:")
    assert ca.answer("show", answer["serial_number"])["host"] == "uccx1.example.com"
    assert "--format zip" in ca("requests", "show", str(waiting)).stdout


def test_what_is_refused_keeps_its_note(ca: CommandLine, waiting: int) -> None:
    shown = ca("requests", "refuse", str(waiting), "--note", "wrong domain").stdout
    assert "wrong domain" in shown
    assert "refused" in shown


def test_what_was_approved_by_a_rule_says_by_which(ca: CommandLine, csr: Path) -> None:
    ca.answer("sign", csr)
    assert (
        "by rule operator because the requester is the operator of this machine" in ca("requests", "show", "1").stdout
    )


def test_what_fails_is_told_and_ends_with_an_error(ca: CommandLine, waiting: int) -> None:
    for path in (ca.folder / "keys").glob("intermediate*"):
        path.unlink()
    result = ca("requests", "approve", str(waiting), "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (1, "failed")


def test_requests_of_every_end_agree_with_the_audit_log_also_in_a_database_of_an_earlier_version(
    ca: CommandLine, csr: Path, opened: Installation
) -> None:
    for node in THREE_NODES:
        opened.issuance.issue(ANNA, [node.data], Options())
    ca.answer("requests", "refuse", "1", "--note", "no")
    opened.requests.withdraw(ANNA, 2)
    [key] = (ca.folder / "keys").glob("intermediate*.key.pem")
    away = key.rename(ca.folder / "away")
    assert ca("requests", "approve", "3").exit_code == 1
    ca.answer("audit", "verify")
    away.rename(key)
    ca.answer("requests", "approve", "3", "--note", "now")
    ca.answer("sign", csr, "--new")
    opened.close()
    make_older(ca.folder)
    ca.answer("db", "upgrade")
    assert ca.answer("audit", "verify")["holds"] is True
    states = [each["state"] for each in ca.answer("requests", "list", "--state", "all")["requests"]]
    assert sorted(states) == ["issued", "issued", "refused", "withdrawn"]


def approve_and_crash(ca: CommandLine, number: int) -> None:
    """Leave this request as after a crash between its approval and its signature."""
    key = next((ca.folder / "keys").glob("intermediate*.key.pem"))
    away = key.rename(ca.folder / "away")
    assert ca("requests", "approve", str(number), "--note", "fine").exit_code == 1
    away.rename(key)
    tamper(ca, "DELETE FROM audit_event WHERE event = 'request.failed'")
    tamper(ca, f"UPDATE application SET state = 'approved' WHERE id = {number}")  # noqa: S608


@pytest.mark.fault("database", "Another program approves a request", "it fails, and is not signed")
def test_what_another_program_has_approved_is_not_signed(ca: CommandLine, waiting: int) -> None:
    decided = "state = 'approved', decided_by = 'mallory', decided_at = submitted_at"
    tamper(ca, f"UPDATE application SET {decided}")  # noqa: S608
    assert json.loads(ca("jobs", "run", "approved-requests", "--json").stdout)["outcome"] == "done"
    failed = ca.answer("requests", "show", str(waiting))
    assert (failed["state"], [each["rule"] for each in failed["failure"]]) == ("failed", ["request.unrecorded"])
    assert "audit log in: state" in failed["failure"][0]["detail"]
    assert ca.answer("list")["certificates"] == []
    assert ca.rule("audit", "verify", code=4) == "agreement.request-other"
    assert ca.answer("requests", "approve", str(waiting))["state"] == "issued"  # a person has looked at it
    ca.answer("audit", "verify")


@pytest.mark.fault("database", "Another program changes an approved request", "it fails, and is not signed")
@pytest.mark.parametrize("column", ["csr", "host", "profile", "submitted_by", "decided_by", "note"])
def test_what_is_not_what_was_approved_is_not_signed(
    ca: CommandLine, opened: Installation, waiting: int, column: str
) -> None:
    opened.requests.withdraw(ANNA, opened.issuance.issue(ANNA, [UCCX_SUBSCRIBER.data], Options()).waiting[0].id)
    approve_and_crash(ca, waiting)
    if column == "csr":
        columns = ("csr_der", "request_fingerprint", "key_fingerprint", "subject", "names")
        swapped = f"({', '.join(columns)}) = (SELECT {', '.join(columns)} FROM application WHERE id = 2)"  # noqa: S608
    else:
        swapped = f"{column} = 'server'"
    tamper(ca, f"UPDATE application SET {swapped} WHERE id = {waiting}")  # noqa: S608
    ca.answer("jobs", "run", "approved-requests")
    failed = ca.answer("requests", "show", str(waiting))
    named = {"csr": "request_fingerprint"}.get(column, column)
    assert (failed["state"], failed["failure"][0]["rule"]) == ("failed", "request.unrecorded")
    assert f"audit log in: {named}." in failed["failure"][0]["detail"]
    verified = ca("audit", "verify")
    assert (verified.exit_code, "agreement.request-other" in verified.stderr) == (4, True)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE application SET csr_der = (SELECT csr_der FROM application WHERE id = 2) WHERE id = 1", "csr_der"),
        ("UPDATE application SET csr_der = NULL WHERE id = 1", "csr_der"),
        ("UPDATE application SET decided_at = NULL WHERE id = 1", "decided_at"),
        ("UPDATE application SET validity_days = 825 WHERE id = 1", "validity_days"),
        ("UPDATE application SET make_new = 1, add_host_name = 1 WHERE id = 1", "make_new, add_host_name"),
        ("DELETE FROM audit_event WHERE event = 'request.submitted'", "submission"),
    ],
)
def test_one_row_that_another_program_has_changed_is_not_signed_and_keeps_no_other_from_it(
    ca: CommandLine, opened: Installation, waiting: int, statement: str, named: str
) -> None:
    other = opened.issuance.issue(ANNA, [UCCX_SUBSCRIBER.data], Options()).waiting[0].id
    approve_and_crash(ca, waiting)
    approve_and_crash(ca, other)
    tamper(ca, f"{statement} AND subject = '1'" if "audit_event" in statement else statement)
    assert json.loads(ca("jobs", "run", "approved-requests", "--json").stdout)["outcome"] == "done"
    listed = ca.answer("requests", "list", "--state", "all")["requests"]
    assert {each["id"]: each["state"] for each in listed} == {waiting: "failed", other: "issued"}
    failed = next(each for each in listed if each["id"] == waiting)["failure"][0]
    assert (failed["rule"], f"audit log in: {named}." in failed["detail"]) == ("request.unrecorded", True)
    assert ca("audit", "verify").exit_code == 4


def test_a_row_at_which_the_job_fails_keeps_no_other_from_being_signed(
    ca: CommandLine, opened: Installation, waiting: int
) -> None:
    numbers = [opened.issuance.issue(ANNA, [each.data], Options()).waiting[0].id for each in THREE_NODES]
    assert numbers == [waiting, 2, 3]
    approve_and_crash(ca, waiting)
    approve_and_crash(ca, 2)
    same = "request_fingerprint = (SELECT request_fingerprint FROM application WHERE id = 3)"  # one is open already
    tamper(ca, f"UPDATE application SET {same} WHERE id = {waiting}")  # noqa: S608
    assert json.loads(ca("jobs", "run", "approved-requests", "--json").stdout)["outcome"] == "failed"
    listed = ca.answer("requests", "list", "--state", "all")["requests"]
    assert {each["id"]: each["state"] for each in listed} == {1: "approved", 2: "issued", 3: "submitted"}


@pytest.mark.fault("database", "An approved request cannot be read", "the job issues the other ones")
def test_a_request_that_cannot_be_read_keeps_no_other_from_being_signed(
    ca: CommandLine, opened: Installation, waiting: int
) -> None:
    other = opened.issuance.issue(ANNA, [UCCX_SUBSCRIBER.data], Options()).waiting[0].id
    approve_and_crash(ca, waiting)
    approve_and_crash(ca, other)
    tamper(ca, f"UPDATE application SET findings = 'broken' WHERE id = {waiting}")  # noqa: S608
    assert json.loads(ca("jobs", "run", "approved-requests", "--json").stdout)["outcome"] == "done"
    listed = ca.answer("requests", "list", "--state", "all")["requests"]
    assert {each["id"]: each["state"] for each in listed} == {other: "issued"}


@pytest.mark.parametrize(
    ("arguments", "rule", "code"),
    [
        (("refuse", "1"), "request.note", 2),
        (("refuse", "1", "--note", "  "), "request.note", 2),
        (("approve", "2"), "request.unknown", 1),
        (("show", "-1"), "usage", 2),
        (("show", "99999999999999999999"), "request.unknown", 1),
        (("list", "--state", "done"), "usage", 2),
    ],
)
def test_what_cannot_be_done_is_told(
    ca: CommandLine, waiting: int, arguments: tuple[str, ...], rule: str, code: int
) -> None:
    assert waiting == 1
    assert ca.rule("requests", *arguments, code=code) == rule


def test_what_is_decided_cannot_be_decided_again(ca: CommandLine, waiting: int) -> None:
    ca.answer("requests", "approve", str(waiting))
    assert ca.rule("requests", "refuse", str(waiting), "--note", "x", code=1) == "request.decided"


@pytest.mark.fault("database", "An account cannot be read", "the notices go to all others")
@pytest.mark.parametrize("change", ["role = 'king'", "created_at = 'x'", "name = CAST(x'ff' AS TEXT)"])
@pytest.mark.usefixtures("waiting")
def test_an_account_that_cannot_be_read_stops_no_notice(ca: CommandLine, opened: Installation, change: str) -> None:
    for name in ("bob", "carol"):
        opened.accounts.create(OPERATOR, name, Role.APPROVER, PASSWORD, f"{name}@example.com")
    tamper(ca, f"UPDATE account SET {change} WHERE name = 'bob'")  # noqa: S608
    mail = {"HOST": "127.0.0.1", "PORT": "1", "SECURITY": "none", "SENDER": "a@b.c", "RECIPIENTS": "d@e.f"}
    ca = replace(ca, environ={f"CA_SERVICE_MAIL__{name}": value for name, value in mail.items()})

    for job in ("request-notices", "outbox"):
        assert ca("jobs", "run", job).exit_code == 0
    found = ca.answer("notices", "list")["messages"]
    assert sorted((each["recipient"], each["attempts"]) for each in found) == [("carol@example.com", 1), ("d@e.f", 1)]
