"""What people bring, case by case: each is judged as its row in tests/vectors/cases.json says.

The rows come from public bug reports, rebuilt with keys of their own. A row with `agreed` has another outcome than its
source wished for, and says why.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from ca_service.authority.issuance.examination import Options
from ca_service.errors import CAServiceError, Finding, Severity
from ca_service.pki import archive
from ca_service.pki.archive import Entry
from ca_service.vos.fit import Files, judge_files
from ca_service.vos.messages import explain
from tests.support.factories import OPERATOR, Lab
from tests.support.fakes import FixedClock

CASES: Final = json.loads((Path(__file__).parent / "vectors" / "cases.json").read_text())
NOW: Final = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab() -> Lab:
    """An authority on the day of the cases, which change nothing in it."""
    return Lab(clock=FixedClock(NOW)).initialised()


def shown(findings: Iterable[Finding]) -> list[str]:
    """The rules of errors and warnings, each once."""
    return sorted({found.rule for found in findings if found.severity is not Severity.NOTE})


def submitted(lab: Lab, profile: str, *requests: bytes) -> dict[str, Any]:
    found = lab.issuance.check(OPERATOR, requests, Options(profile=profile))
    return {
        "signed": [not each.is_refused for each in found],
        "rules": shown(f for each in found for f in each.findings),
    }


def fitted(data: bytes) -> dict[str, Any]:
    files = {name: tuple(map(b64decode, value)) for name, value in json.loads(data).items()}
    try:
        fit = judge_files(Files(files["csr"][0], files["certificate"][0], files["chain"]), NOW)
    except CAServiceError as error:
        return {"readable": False, "rules": shown(error.findings)}
    return {"taken": fit.is_taken, "works": fit.works, "rules": shown(fit.findings)}


def outcome(case: dict[str, Any], lab: Lab) -> dict[str, Any]:
    """What becomes of a case at its interface."""
    data = b64decode(case["data"])
    if case["kind"] == "message":
        return {"messages": [each.message.id for each in explain(data.decode())]}
    if case["kind"] == "fit":
        return fitted(data)
    try:
        entries = archive.split_all([Entry(case["file"], data)], 10) if case["kind"] == "file" else [Entry("", data)]
    except CAServiceError as error:
        return {"signed": [], "rules": shown(error.findings)}
    return submitted(lab, case["profile"], *(entry.data for entry in entries))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_people_bring_is_judged_as_its_row_says(case: dict[str, Any], lab: Lab) -> None:
    assert outcome(case, lab) == case["expected"]


def test_a_row_with_another_outcome_than_its_source_wished_for_says_why() -> None:
    assert {case["name"] for case in CASES if case.get("agreed")} == {
        "tool-openssl-default-v3req",
        "dn-cn-underscore-server",
        "dn-printable-underscore",
        "dn-printable-amp",
        "fit-leaf-critical-false",
    }
