"""`audit`: the record at the command line; and that nobody rewrites it in the database without being found."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, tamper


@pytest.fixture
def signed(ca: CommandLine, csr: Path) -> CommandLine:
    """An instance that has signed, and sealed what happened."""
    ca.answer("sign", csr)
    return ca


def head(ca: CommandLine) -> str:
    found = ca.answer("audit", "head")["head"]
    return f"{found['number']}:{found['hash']}"


# Reading


def test_the_list_tells_who_did_what_when_and_from_where(signed: CommandLine) -> None:
    text = signed("audit", "list").stdout
    assert text.splitlines()[0].split() == ["event", "when", "who", "from", "what", "seal"]
    assert "A certificate for uccx1.example.com was issued." in text
    [found] = signed.answer("audit", "list", "--event", "certificates")["events"]
    assert (found["event"], found["category"], found["seal"]) == ("certificate.issued", "certificates", 1)
    assert (found["origin"], found["details"]["host"]) == ("command line", "uccx1.example.com")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--event", "authority"], 2),
        (["--event", "certificate.issued"], 1),
        (["--text", "UCCX1"], 1),
        (["--actor", "operator"], 2),
        (["--subject", "root-g1"], 1),
        (["--since", "2020-01-01"], 3),
        (["--until", "2020-01-01"], 0),
        (["--since", "2020-01-01T00:00:00Z", "--until", "2999-12-31T23:59:59+01:00"], 3),
    ],
)
def test_the_list_is_narrowed_down(signed: CommandLine, options: list[str], count: int) -> None:
    assert len(signed.answer("audit", "list", *options)["events"]) == count


def test_the_list_goes_on_where_it_was_left(signed: CommandLine) -> None:
    page = signed.answer("audit", "list", "--oldest", "--limit", "2")
    assert [each["id"] for each in page["events"]] == [1, 2]
    rest = signed.answer("audit", "list", "--oldest", "--cursor", page["next"])
    assert ([each["id"] for each in rest["events"]], rest["next"]) == ([3], None)
    assert f"--cursor {page['next']}" in signed("audit", "list", "--oldest", "--limit", "2").stderr
    assert "No event is like that." in signed("audit", "list", "--text", "nowhere").stdout


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--since", "yesterday"], "audit.time"),
        (["--until", "2026-13-01"], "audit.time"),
        (["--event", "birthday"], "audit.event-unknown"),
        (["--cursor", "x"], "list.cursor"),
        (["--limit", "0"], "usage"),
    ],
)
def test_what_cannot_be_asked_is_told(signed: CommandLine, options: list[str], rule: str) -> None:
    assert signed.rule("audit", "list", *options, code=2) == rule


# Sealing


def test_sealing_tells_how_much_there_was(ca: CommandLine) -> None:
    assert ca.answer("audit", "head") == {"head": None, "has_unsealed": True}
    assert "Nothing is sealed yet" in ca("audit", "head").stdout
    assert ca.answer("audit", "seal") == {"sealed": 2}
    assert "Everything was sealed already" in ca("audit", "seal").stdout
    assert ca.answer("audit", "head")["has_unsealed"] is False


def test_the_head_is_one_line_to_be_kept_and_given_back(signed: CommandLine) -> None:
    shown = signed("audit", "head")
    [line] = shown.stdout.splitlines()
    assert line == head(signed)
    assert any(line.split()[:2] == ["sealing", "key"] for line in shown.stderr.splitlines())
    assert signed.answer("audit", "verify", "--expect-head", line)["events"] > 0


@pytest.mark.usefixtures("signed")
def test_a_bundle_holds_the_receipt_that_was_sealed_for_it(here: Path) -> None:
    with zipfile.ZipFile(here / "uccx1.example.com-tomcat-ECDSA.zip") as bundle:
        assert json.loads(bundle.read("receipt.json"))["event"]["details"]["host"] == "uccx1.example.com"


def test_other_forms_seal_nothing(ca: CommandLine, csr: Path) -> None:
    ca.answer("sign", csr, "--format", "json", "--out", "made.json")
    assert ca.answer("audit", "head")["head"] is None


# Export and verify


def test_what_is_exported_is_verified_without_an_instance(signed: CommandLine, here: Path) -> None:
    answer = signed.answer("audit", "export", "--out", "audit-log.jsonl")
    assert answer == {"file": "audit-log.jsonl", "complete": True}
    nowhere = CommandLine(here / "nothing")
    checked = nowhere.answer("audit", "verify", "audit-log.jsonl", "--expect-head", head(signed))
    assert (checked["holds"], checked["complete"], checked["events"], checked["seals"]) == (True, True, 4, 2)
    assert nowhere.answer("audit", "verify", "audit-log.jsonl", "--expect-key", checked["key"].upper()) == checked
    assert (
        "The audit log is intact." in nowhere("audit", "verify", "-", data=Path("audit-log.jsonl").read_bytes()).stdout
    )
    assert not nowhere.folder.exists()


def test_the_export_goes_to_standard_output_for_who_asks_for_it(signed: CommandLine) -> None:
    data = signed("audit", "export").stdout_bytes
    assert signed("audit", "verify", "-", data=data).exit_code == 0
    assert signed.rule("audit", "export", "--out", "-", code=2) == "output.twice"


def test_a_part_is_verified_and_called_a_part(signed: CommandLine) -> None:
    signed.answer("audit", "export", "--event", "certificates", "--out", "part.jsonl")
    assert signed.answer("audit", "verify", "part.jsonl")["complete"] is False
    assert "A filter omitted the others." in signed("audit", "verify", "part.jsonl").stdout


def test_an_export_replaces_no_file_unless_that_is_asked(signed: CommandLine) -> None:
    signed.answer("audit", "export", "--out", "audit-log.jsonl")
    assert signed.rule("audit", "export", "--out", "audit-log.jsonl", code=1) == "file.exists"
    signed.answer("audit", "export", "--out", "audit-log.jsonl", "--force")
    assert signed.answer("audit", "verify", "audit-log.jsonl")["events"] == 5  # each export is an event itself


def test_a_file_that_was_changed_is_refused_and_the_event_named(signed: CommandLine) -> None:
    signed.answer("audit", "export", "--out", "audit-log.jsonl")
    path = Path("audit-log.jsonl")
    path.write_bytes(path.read_bytes().replace(b"uccx1.example.com", b"uccx2.example.com", 1))
    assert signed.rule("audit", "verify", path, code=4) == "audit.event"
    assert "Event 3 was changed or moved: it does not match its seal." in signed("audit", "verify", path).stderr


@pytest.mark.parametrize(
    ("options", "rule", "code"),
    [
        (["audit-log.jsonl", "--expect-head", f"1:{'0' * 64}"], "audit.anchor-rewritten", 4),
        (["audit-log.jsonl", "--expect-head", f"99:{'0' * 64}"], "audit.anchor", 4),
        (["audit-log.jsonl", "--expect-key", "0" * 64], "audit.key", 4),
        (["audit-log.jsonl", "--expect-head", "1"], "audit.expectation", 2),
        (["audit-log.jsonl", "--expect-key", "x"], "audit.expected-key", 2),
        (["nothing.jsonl"], "file.missing", 2),
        (["."], "file.directory", 2),
        (["uccx1.csr"], "audit.line", 4),
    ],
)
def test_what_does_not_hold_or_cannot_be_read_is_told(
    signed: CommandLine, options: list[str], rule: str, code: int
) -> None:
    signed.answer("audit", "export", "--out", "audit-log.jsonl")
    assert signed.rule("audit", "verify", *options, code=code) == rule


# The database


def test_the_database_is_verified_without_changing_it(signed: CommandLine) -> None:
    before = head(signed)
    assert signed.answer("audit", "verify", "--expect-head", before)["events"] == 3
    assert head(signed) == before


def test_a_log_in_which_nothing_is_sealed_yet_is_intact_unless_a_seal_is_expected(ca: CommandLine) -> None:
    assert ca("audit", "verify").stdout == "Nothing is sealed yet: ca-service audit seal\n"
    found = ca.answer("audit", "verify")
    assert (found["holds"], found["seals"], found["key"]) == (True, 0, "")
    assert ca.rule("audit", "verify", "--expect-head", f"1:{'0' * 64}", code=4) == "audit.empty"


ATTACKS = {
    "an event is edited": ["UPDATE audit_event SET subject = 'x' WHERE id = 2"],
    "its time is edited": ["UPDATE audit_event SET at = '2020-01-01 00:00:00.000000' WHERE id = 2"],
    "its details are edited": ["UPDATE audit_event SET details = '{}' WHERE id = 2"],
    "an event is deleted": ["DELETE FROM audit_event WHERE id = 2"],
    "the first event is deleted": ["DELETE FROM audit_event WHERE id = 1"],
    "the last event is deleted": ["DELETE FROM audit_event WHERE id = 3"],
    "all events are deleted": ["DELETE FROM audit_event"],
    "an event is inserted": [
        "INSERT INTO audit_event SELECT 99, at, event, actor, subject, details, origin, seal, 3 FROM audit_event "
        "WHERE id = 2"
    ],
    "two events are swapped": [
        "UPDATE audit_event SET seal = 7, position = 1 WHERE id = 2",
        "UPDATE audit_event SET position = 1 WHERE id = 3",
        "UPDATE audit_event SET seal = 1, position = 2 WHERE id = 2",
    ],
    "two numbers are swapped": [
        "UPDATE audit_event SET id = 77 WHERE id = 2",
        "UPDATE audit_event SET id = 2 WHERE id = 3",
        "UPDATE audit_event SET id = 3 WHERE id = 77",
    ],
    "an event is taken out of its seal": ["UPDATE audit_event SET seal = NULL, position = NULL WHERE id = 2"],
    "a seal is edited": ["UPDATE seal SET count = 2"],
    "a seal is signed by nobody": ["UPDATE seal SET signature = x'3006020101020101'"],
    "the leaves of a seal are edited": ["UPDATE seal SET leaves = x'00'"],
    "the seals are deleted": ["DELETE FROM seal"],
    "the number of a seal is another one": ["UPDATE seal SET number = 2"],
}  # fmt: skip


@pytest.mark.parametrize("statements", ATTACKS.values(), ids=ATTACKS)
def test_who_changes_the_database_is_found_there_and_in_a_fresh_export(
    signed: CommandLine, statements: list[str]
) -> None:
    tamper(signed, *statements)

    assert signed.rule("audit", "verify", code=4).startswith("audit.")
    exported = signed("audit", "export", "--out", "fresh.jsonl")
    if exported.exit_code == 0:
        assert signed.rule("audit", "verify", "fresh.jsonl", code=4).startswith("audit.")
    else:
        assert "audit.seal-taken" in exported.stderr


def test_a_row_that_cannot_even_be_read_is_named(signed: CommandLine) -> None:
    tamper(signed, "UPDATE audit_event SET at = 'x' WHERE id = 2")
    assert signed.rule("audit", "verify", code=4) == "audit.unreadable"
    assert signed("audit", "verify").stderr.count("Event 2") == 1


def test_an_export_that_fails_in_the_middle_leaves_no_file(signed: CommandLine) -> None:
    signed.answer("audit", "export", "--out", "before.jsonl")
    tamper(signed, "UPDATE audit_event SET details = '[]' WHERE id = 4")
    assert signed.rule("audit", "export", "--out", "audit-log.jsonl", code=1) == "audit.unreadable"
    assert not Path("audit-log.jsonl").exists()


def test_an_end_that_was_cut_off_cleanly_is_found_with_the_line_that_was_kept_and_only_with_it(
    signed: CommandLine,
) -> None:
    signed.answer("audit", "export", "--out", "before.jsonl")
    kept = head(signed)
    tamper(signed, "DELETE FROM seal WHERE number = 2", "DELETE FROM audit_event WHERE id > 3")
    assert signed.answer("audit", "verify")["events"] == 3
    assert signed.rule("audit", "verify", "--expect-head", kept, code=4) == "audit.anchor"


def test_a_sealing_key_that_is_gone_stops_sealing_but_not_verifying(signed: CommandLine) -> None:
    (signed.folder / "keys" / "audit-seal-1.key.pem").unlink()
    assert signed.answer("audit", "verify")["holds"] is True
    assert signed.rule("audit", "export", "--out", "audit-log.jsonl", code=1) == "key.missing"
    assert not Path("audit-log.jsonl").exists()
