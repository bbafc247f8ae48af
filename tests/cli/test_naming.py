"""Certificates that are named by the beginning of a serial number or of a host."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ca_service.authority.revocation.records import Selection
from ca_service.cli.interfaces import Program
from ca_service.pki.reasons import Reason
from tests.cli.command_line import CommandLine, deciding_rule, run
from tests.support.factories import OPERATOR, Lab, certificate_record, event
from tests.support.fakes import NOON

_SHELF = {
    "4f1c" + "0" * 36: "uccx1.example.com",
    "4f1d" + "1" * 36: "uccx10.example.com",
    "4f1d" + "2" * 36: "uccx20.example.com",
    "cafe" + "3" * 36: "finesse.example.com",
    "5555" + "4" * 36: "cafe.example.com",
    "0012" + "5" * 36: "12.example.com",
}
SERIALS = list(_SHELF)


def _not_wanted(*_: object) -> NoReturn:
    raise AssertionError("only the installation is needed")


@pytest.fixture
def shelf(lab: Lab) -> Lab:
    """An installation with some certificates."""
    records = [certificate_record(serial_number=serial, host=host) for serial, host in _SHELF.items()]
    lab.ledger.record(records, [event() for _ in records], always_new=True, replay=None)
    return lab


def previewed(lab: Lab, *arguments: str) -> Any:
    """Preview a revocation."""
    program = Program(lambda _path: lab, _not_wanted, _not_wanted, _not_wanted)
    return run(program, "revoke", "--reason", "superseded", "--dry-run", "--json", *arguments)


def named(lab: Lab, text: str) -> str:
    """Return the serial number of the only certificate that this text names."""
    result = previewed(lab, text)
    assert result.exit_code == 0, result.output
    [found] = json.loads(result.stdout)["certificates"]
    return str(found["serial_number"])


@pytest.mark.parametrize(
    ("text", "serial"),
    [
        ("4f1c", SERIALS[0]),
        ("4F:1C", SERIALS[0]),
        ("4f1d1", SERIALS[1]),
        (SERIALS[2], SERIALS[2]),
        ("uccx1.example.com", SERIALS[0]),
        ("UCCX1", SERIALS[0]),
        ("uccx2", SERIALS[2]),
        ("12", SERIALS[5]),
        ("fin", SERIALS[3]),
    ],
)
def test_a_unique_beginning_names_a_certificate(shelf: Lab, text: str, serial: str) -> None:
    assert named(shelf, text) == serial


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("4f1d", (SERIALS[1], SERIALS[2])),
        ("uccx", (SERIALS[0], SERIALS[1], SERIALS[2])),
        ("cafe", (SERIALS[3], SERIALS[4])),
    ],
)
def test_an_ambiguous_beginning_is_answered_with_the_candidates(
    shelf: Lab, text: str, candidates: tuple[str, ...]
) -> None:
    result = previewed(shelf, text)
    assert (result.exit_code, deciding_rule(result)) == (2, "certificate.ambiguous")
    [found] = json.loads(result.stderr)["errors"]
    assert [
        serial for serial in SERIALS if f"{serial[:16]}... ({_SHELF[serial]}, active, until " in found["detail"]
    ] == [*candidates]


def test_no_more_than_five_candidates_are_listed(shelf: Lab) -> None:
    records = [certificate_record(host=f"node{number}.lab") for number in range(7)]
    shelf.ledger.record(records, [event() for _ in records], always_new=True, replay=None)
    [found] = json.loads(previewed(shelf, "node").stderr)["errors"]
    assert found["detail"].count(".lab, active, until") == 5
    assert found["detail"].endswith("; and more.")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("4f1", "certificate.too-short"),
        ("4f1a", "certificate.unknown"),
        ("nowhere", "revocation.serial-number"),
    ],
)
def test_a_beginning_of_nothing_is_the_error_of_the_command(shelf: Lab, text: str, rule: str) -> None:
    assert deciding_rule(previewed(shelf, text)) == rule


@pytest.mark.parametrize("text", ["uccx1,uccx2", 'uccx1" status:expired', "host:uccx1 by:anna", "-"])
def test_a_text_that_is_no_host_is_not_searched(shelf: Lab, text: str) -> None:
    assert deciding_rule(previewed(shelf, "--", text)).startswith("revocation.")


def test_a_host_means_its_certificates_that_are_active_or_on_hold(shelf: Lab) -> None:
    old = certificate_record(host="uccx1.example.com", not_after=NOON - timedelta(days=1))
    shelf.ledger.record([old], [event()], always_new=True, replay=None)
    assert named(shelf, "uccx1") == SERIALS[0]


def test_without_a_question_only_whole_serial_numbers_count(shelf: Lab) -> None:
    assert deciding_rule(previewed(shelf, "4f1c", "--yes")) == "certificate.unknown"
    assert previewed(shelf, SERIALS[0], "--yes").exit_code == 0


def test_show_renew_and_release_take_a_beginning(ca: CommandLine, csr: Path) -> None:
    [made] = ca.answer("sign", csr, "--profile", "server")["certificates"]
    serial = made["serial_number"]
    assert ca.answer("show", serial[:6])["serial_number"] == serial
    assert ca.answer("show", "uccx1")["serial_number"] == serial
    [again] = ca.answer("renew", serial[:6], "--out", "renewed.zip")["certificates"]
    with ca.opened() as installation:
        installation.revocation.revoke(OPERATOR, Selection((again["serial_number"],)), Reason.CERTIFICATE_HOLD)
    assert ca.rule("release", again["serial_number"][:6], code=2) == "confirmation.no-terminal"
