"""The tables changed behind the program's back: `audit verify`, `doctor` and the job find it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ca_service import web
from ca_service.authority.access.permissions import Role
from ca_service.authority.installation import Installation
from ca_service.storage.schema import certificate
from tests.cli.command_line import CommandLine, tamper
from tests.support.factories import OPERATOR, PASSWORD
from tests.web.html import read
from tests.web.visitor import visit


@pytest.fixture
def signed(ca: CommandLine, csr: Path) -> CommandLine:
    """An installation with a certificate whose key was lost, all of it sealed."""
    serial = ca.answer("sign", csr, "--format", "json")["certificates"][0]["serial_number"]
    ca.answer("revoke", serial, "--reason", "keyCompromise", "--yes")
    ca.answer("audit", "seal")
    return ca


def test_an_untouched_database_agrees(signed: CommandLine) -> None:
    signed.answer("audit", "verify")
    assert json.loads(signed("jobs", "run", "agreement", "--json").stdout)["outcome"] == "done"


@pytest.mark.fault("database", "Another program changes rows", "`audit verify` and `doctor` name each difference")
@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("DELETE FROM revocation", "agreement.status-other"),
        ("UPDATE revocation SET state = 'released'", "agreement.status-other"),
        ("UPDATE revocation SET issuer_id = 'root-g1'", "agreement.status-other"),
        ("UPDATE revocation SET not_after = '2020-01-01 00:00:00.000000+00:00'", "agreement.status-other"),
        ("UPDATE revocation SET reason = 'superseded'", "agreement.reason-other"),
        ("UPDATE revocation SET entry_der = x'3000'", "agreement.entry-other"),
        ("UPDATE revocation SET entry_der = x'3003020105'", "agreement.entry-other"),
        ("UPDATE certificate SET key_fingerprint = 'f00d'", "agreement.columns-other"),
        ("UPDATE certificate SET der = x'30'", "agreement.certificate-other"),
        ("UPDATE certificate SET serial_number = '00'", "agreement.certificate-lost"),
        ("UPDATE issuer SET certificate_der = (SELECT certificate_der FROM issuer WHERE role = 'root')", "agreement"),
    ],
    ids=[
        "a revocation is gone",
        "a revocation is ended",
        "a revocation of another issuer",
        "a revocation that has expired",
        "another reason",
        "an entry that is none",
        "an entry of another certificate",
        "another key",
        "other bytes",
        "other number",
        "other authority",
    ],
)
def test_what_was_changed_is_named(signed: CommandLine, statement: str, rule: str) -> None:
    tamper(signed, statement)
    assert signed.rule("audit", "verify", code=4).startswith(rule)
    assert rule in signed("jobs", "run", "agreement", "--json").stdout
    result = signed("doctor", "--json")
    assert rule in result.stdout
    assert result.exit_code == 1


DERIVED = {
    "host": "'other.example.com'",
    "profile": "'server'",
    "purpose": "'tomcat'",
    "subject": "'CN=other'",
    "names": """'["DNS:other.example.com"]'""",
    "not_before": "'2020-01-01 00:00:00.000000+00:00'",
    "not_after": "'2099-01-01 00:00:00.000000+00:00'",
    "issued_at": "'2020-01-01 00:00:00.000000+00:00'",
    "issued_by": "'mallory'",
    "issuer_id": "'root-g1'",
    "request_fingerprint": "'f00d'",
    "key_fingerprint": "'f00d'",
    "csr_der": "x'3000'",
    "search_text": "'other'",
    "host_start": "'zz'",
    "ends_month": "1",
}


@pytest.mark.fault("database", "Another program changes a column of a certificate", "`audit verify` names the column")
@pytest.mark.parametrize("column", DERIVED)
def test_each_column_of_a_certificate_is_compared_with_its_bytes_and_its_event(
    ca: CommandLine, csr: Path, column: str
) -> None:
    ca.answer("sign", csr, "--format", "json")
    tamper(ca, f"UPDATE certificate SET {column} = {DERIVED[column]}")  # noqa: S608
    refused = ca("audit", "verify")
    assert refused.exit_code == 4
    assert "agreement.columns-other" in refused.stderr
    named = {"csr_der": "request_fingerprint"}.get(column, column)
    assert named in refused.stderr.partition(" in: ")[2].partition(".\n")[0].partition(". ")[0]


def test_an_authority_that_there_is_not_is_found(ca: CommandLine, csr: Path) -> None:
    ca.answer("sign", csr, "--format", "json")
    tamper(ca, "UPDATE certificate SET issuer_id = 'root-g9'")
    refused = ca("audit", "verify")
    assert (refused.exit_code, "issuer_id" in refused.stderr) == (4, True)


def test_no_column_of_a_certificate_is_left_out() -> None:
    assert {*DERIVED, "id", "serial_number", "der"} == set(certificate.c.keys())  # these two: of what the event names


_COPIED = """profile, host, subject, names, search_text, not_before, not_after, issued_at, issued_by, issuer_id,
    request_fingerprint, key_fingerprint, der, csr_der, host_start, ends_month"""
COPY = f"INSERT INTO certificate (serial_number, {_COPIED}) SELECT 'ff', {_COPIED} FROM certificate"  # noqa: S608
REFUSAL = """
    INSERT INTO audit_event (at, event, actor, subject, details, origin)
    SELECT submitted_at, 'request.submitted', submitted_by, id,
        json_object('host', host, 'profile', profile, 'request', request_fingerprint), ''
    FROM application
    UNION ALL
    SELECT submitted_at, 'request.refused', decided_by, id, json_object('requested_by', submitted_by), ''
    FROM application
"""


@pytest.mark.fault("database", "Another program changes a column of a request", "`audit verify` names the column")
@pytest.mark.parametrize("column", ["request_fingerprint", "key_fingerprint", "subject", "names", "search_text"])
@pytest.mark.parametrize("state", ["issued", "refused"])
def test_each_column_of_a_request_is_compared_with_its_csr(ca: CommandLine, csr: Path, column: str, state: str) -> None:
    ca.answer("sign", csr, "--format", "json")
    if state == "refused":
        own = "serial_number = NULL, state = 'refused', csr_der = (SELECT csr_der FROM certificate)"
        tamper(ca, f"UPDATE application SET {own}")  # noqa: S608
        tamper(ca, REFUSAL)
    ca.answer("audit", "verify")
    tamper(ca, f"UPDATE application SET {column} = {DERIVED[column]}")  # noqa: S608
    if (state, column) == ("issued", "search_text"):  # finds a request, and proves nothing
        return
    refused = ca("audit", "verify")
    assert refused.exit_code == 4
    assert "agreement.request-other" in refused.stderr
    assert column in refused.stderr


@pytest.mark.fault("database", "Another program adds a certificate", "`audit verify` and `doctor` name it")
@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("UPDATE issuer SET is_issuing = 0, certificate_der = NULL WHERE role = 'intermediate'", "columns-other"),
        ("UPDATE issuer SET is_issuing = 0, certificate_der = x'3000' WHERE role = 'intermediate'", "row-unreadable"),
        ("UPDATE issuer SET certificate_der = x'3000' WHERE role = 'root'", "row-unreadable"),
        (
            "INSERT INTO issuer SELECT 'evil', role, 9, name, created_at, NULL, NULL, parent_id, 0 FROM issuer "
            "WHERE role = 'intermediate'; UPDATE certificate SET issuer_id = 'evil'",
            "columns-other",
        ),
    ],
    ids=["none", "one that cannot be read", "a root that cannot be read", "a new one without"],
)
def test_an_authority_without_its_certificate_hides_no_leaf(signed: CommandLine, change: str, rule: str) -> None:
    for statement in change.split("; "):
        tamper(signed, statement)
    assert signed.rule("audit", "verify", code=4) == f"agreement.{rule}"


def test_a_certificate_without_an_event_is_named(signed: CommandLine) -> None:
    tamper(signed, COPY)
    assert signed.rule("audit", "verify", code=4) == "agreement.issue-unrecorded"
    tamper(signed, "DELETE FROM certificate WHERE serial_number = 'ff'")
    tamper(signed, "PRAGMA foreign_keys = OFF")
    tamper(signed, "DELETE FROM certificate")
    assert "agreement.certificate-lost" in signed("audit", "verify").stderr


@pytest.mark.fault("database", "A row cannot be read", "`audit verify` names it, and compares the others")
@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE certificate SET names = '{'", "certificate"),
        ("UPDATE certificate SET der = 'text'", "certificate"),
        ("UPDATE certificate SET host = CAST(x'ff' AS TEXT)", "certificate"),
        ("UPDATE certificate SET not_after = 'never'", "certificate"),
        ("UPDATE audit_event SET details = '{' WHERE event = 'certificate.issued'", "audit_event"),
        ("UPDATE audit_event SET details = '[]' WHERE event = 'certificate.issued'", "audit_event"),
        ("UPDATE audit_event SET details = '{' WHERE event = 'certificate.revoked'", "audit_event"),
        ("UPDATE audit_event SET details = '{' WHERE event = 'request.refused'", "audit_event"),
        ("UPDATE revocation SET state = 'gone'", "revocation"),
        ("UPDATE revocation SET entry_der = 'text'", "revocation"),
        ("UPDATE application SET findings = '{'", "application"),
        ("UPDATE application SET submitted_at = 'never'", "application"),
        ("UPDATE issuer SET certificate_der = x'30' WHERE role = 'intermediate'", "issuer"),
        ("UPDATE issuer SET created_at = 'never' WHERE role = 'intermediate'", "issuer"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_compared(
    signed: CommandLine, statement: str, table: str
) -> None:
    own = "serial_number = NULL, state = 'refused', csr_der = (SELECT csr_der FROM certificate)"
    tamper(signed, f"UPDATE application SET {own}")  # noqa: S608
    tamper(signed, REFUSAL)
    tamper(signed, COPY)
    signed.answer("audit", "seal")
    tamper(signed, statement)
    verified = signed("audit", "verify")
    assert verified.exit_code == 4, verified.stderr
    named = [line for line in verified.stderr.splitlines() if "cannot be read" in line]
    assert any(f"of the table {table}" in line for line in named), verified.stderr
    assert "no event that certificate ff was issued" in verified.stderr
    health = signed("doctor", "--json").stdout
    assert "agreement.row-unreadable" in health
    assert "agreement.issue-unrecorded" in health


def test_a_job_fails_at_a_row_that_cannot_be_read(signed: CommandLine) -> None:
    tamper(signed, "UPDATE certificate SET names = '{'")
    answer = json.loads(signed("jobs", "run", "agreement", "--json").stdout)
    assert (answer["outcome"], answer["detail"]) == ("failed", "agreement.row-unreadable")


@pytest.mark.fault("database", "Another program changes the state of a request", "`audit verify` and `doctor` name it")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM application", "Request 1 is missing in the database, but refused in the audit log."),
        ("UPDATE application SET state = 'withdrawn'", "Request 1 is withdrawn in the database, but refused in"),
        ("UPDATE application SET state = 'submitted'", "Request 1 is submitted in the database, but refused in"),
        (
            "UPDATE application SET decided_by = 'mallory'",
            "request 1 differs from its CSR or its events in: decided_by",
        ),
        ("UPDATE application SET note = 'other'", "its events in: note"),
        ("UPDATE application SET submitted_by = 'mallory'", "its events in: submitted_by"),
        ("UPDATE application SET id = 2", "Request 2 is refused in the database, but missing in the audit log."),
        (
            "UPDATE audit_event SET subject = '1x' WHERE event = 'request.refused'",
            "Request 1x is missing in the database",
        ),
    ],
)
def test_a_request_that_was_changed_or_deleted_is_named(ca: CommandLine, csr: Path, statement: str, said: str) -> None:
    ca.answer("sign", csr, "--format", "json")
    own = "serial_number = NULL, state = 'refused', rule = '', csr_der = (SELECT csr_der FROM certificate)"
    tamper(ca, f"UPDATE application SET {own}")  # noqa: S608
    tamper(ca, REFUSAL)
    ca.answer("audit", "verify")
    tamper(ca, statement)
    refused = ca("audit", "verify")
    assert refused.exit_code == 4
    assert said in " ".join(refused.stderr.split())


UNREADABLE = {
    "state": "'other'",
    "names": """'[{"a": 1}]'""",
    "reasons": """'[{"a": 1}]'""",
    "findings": "'broken'",
    "submitted_at": "'broken'",
    "host": "CAST(x'fffe' AS TEXT)",
}


@pytest.mark.fault("database", "A request cannot be read", "its list names it, and has the others")
@pytest.mark.parametrize("column", UNREADABLE)
def test_a_request_that_cannot_be_read_is_named_in_its_list(ca: CommandLine, csr: Path, column: str) -> None:
    for _ in range(3):
        ca.answer("sign", csr, "--format", "json", "--new")
    tamper(ca, f"UPDATE application SET {column} = {UNREADABLE[column]} WHERE id = 2")  # noqa: S608

    first = ca.answer("requests", "list", "--state", "all", "--limit", "2")
    rest = ca.answer("requests", "list", "--state", "all", "--cursor", first["next"])

    assert [each["id"] for each in (*first["requests"], *rest["requests"])] == [1, 3]
    assert [(each["rule"], each["detail"].split()[1]) for each in first["findings"]] == [("request.unreadable", "2")]
    assert "Request 2 is not shown" in ca("requests", "list", "--state", "all").stdout
    assert ca.rule("requests", "show", "2", code=1) == "database.row-unreadable"


def test_a_request_that_cannot_be_read_is_named_on_the_page(ca: CommandLine, opened: Installation, csr: Path) -> None:
    opened.accounts.create(OPERATOR, "vera", Role.ADMINISTRATOR, PASSWORD)
    visitor = visit(web.create(opened, web.WebOptions(secret_key="x" * 32)))
    visitor.sign_in("vera")
    for _ in range(2):
        ca.answer("sign", csr, "--format", "json", "--new")
    tamper(ca, "UPDATE application SET findings = 'broken' WHERE id = 2")
    page = read(visitor.get("/requests?state=all").text)
    assert page.blocking == ["request.unreadable"]
    assert visitor.get("/requests/2").status_code == 503
