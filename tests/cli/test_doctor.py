"""The doctor at the command line."""

from __future__ import annotations

from tests.cli.command_line import CommandLine


def test_a_fresh_installation_is_well(ca: CommandLine) -> None:
    answer = ca.answer("doctor")
    assert answer["is_well"]
    assert answer["checks"][0] == {"name": "tables of the database", "is_well": True, "findings": []}
    rules = {found["rule"] for check in answer["checks"] for found in check["findings"]}
    assert rules == {"doctor.root-key", "doctor.no-address"}


def test_what_has_to_be_mended_is_told_and_ends_with_an_error(ca: CommandLine) -> None:
    (ca.folder / "keys" / "intermediate-g1.key.pem").unlink()
    told = ca("doctor")
    assert told.exit_code == 1
    assert "BAD   key of the authority" in told.stdout


def test_an_address_where_nobody_listens_is_told(ca: CommandLine) -> None:
    elsewhere = CommandLine(ca.folder, {"CA_SERVICE_WEB__BASE_URL": "http://127.0.0.1:1", "no_proxy": "*"})
    told = elsewhere("doctor", "--json")
    assert told.exit_code == 1
    assert "probe.unreachable" in told.stdout
