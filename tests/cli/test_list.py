"""`list`: what a filter means, as a table, as JSON, as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support import requests


@pytest.fixture
def serials(ca: CommandLine, here: Path) -> list[str]:
    """Two certificates, the second for ten days."""
    found = list[str]()
    for request, options in ((requests.UCCX_PUBLISHER, ()), (requests.SOCIALMINER, ("--days", "10"))):
        path = here / f"{request.name}.csr"
        path.write_bytes(request.data)
        answer = ca.answer("sign", path, "--out", f"{request.name}.zip", *options)
        found.append(str(answer["certificates"][0]["serial_number"]))
    return found


def listed(ca: CommandLine, *arguments: str) -> list[str]:
    """The serial numbers in the answer."""
    return [each["serial_number"] for each in ca.answer("list", *arguments)["certificates"]]


def test_all_are_listed_newest_first(ca: CommandLine, serials: list[str]) -> None:
    assert listed(ca) == serials[::-1]
    assert listed(ca, "--sort", "oldest") == serials
    assert listed(ca, "--limit", "1") == serials[1:]


def test_words_and_filters_narrow_the_list(ca: CommandLine, serials: list[str]) -> None:
    assert listed(ca, "expires<30d status:active") == serials[1:]
    assert listed(ca, "expires>30d", "uccx1") == serials[:1]


def test_a_certificate_in_the_list_is_told_in_short(ca: CommandLine, serials: list[str]) -> None:
    (found,) = ca.answer("list", "expires>30d")["certificates"]
    assert (found["serial_number"], found["status"], found["host"]) == (serials[0], "active", "uccx1.example.com")
    assert found["issued_by"].startswith("cli:")
    assert found["issuer_id"] == "intermediate-g1"


def test_people_get_a_table(ca: CommandLine, serials: list[str]) -> None:
    header, first, second = ca("list", "--sort", "host").stdout.splitlines()
    assert header.split()[:4] == ["host", "days", "until", "status"]
    assert first.split()[0:2] == ["sm1.example.com", "9"]
    assert second.split()[3:6] == ["active", "vos", serials[0]]


def test_nothing_is_said_so(ca: CommandLine) -> None:
    assert ca("list").stdout == "No certificates yet.\n"
    assert ca("list", "nowhere").stdout == "Nothing matches.\n"
    assert ca.answer("list", "nowhere") == {"certificates": [], "next": None}


def test_csv_is_for_spreadsheets(ca: CommandLine, serials: list[str]) -> None:
    result = ca("list", "--csv", "uccx1")
    (line,) = csv.DictReader(io.StringIO(result.stdout_bytes.decode(), newline=""))
    assert line["serial_number"] == serials[0]
    assert result.stdout_bytes.count(b"\r\n") == 2


def test_csv_and_json_do_not_go_together(ca: CommandLine) -> None:
    assert ca.rule("list", "--csv", code=2) == "usage"


def test_a_wrong_filter_is_a_usage_error_with_what_to_write(ca: CommandLine) -> None:
    assert ca.rule("list", "state:active", code=2) == "filter.unknown"
    assert "expires, status" in ca("list", "state:active").stderr
