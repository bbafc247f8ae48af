"""Every use case with the clock a year ahead, then with the right one: real processes, libfaketime, a real database.

tests/authority/test_clock_ahead.py tests the parts on a clock that stands still.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import pytest

from ca_service.authority.installation import Installation
from tests.support.programs import find
from tests.support.walk import STEPS

ROOT: Final = Path(__file__).parents[1]
#: They sign certificates.
SIGNING: Final = ("issue", "issue_batch", "approve", "renew", "sign_in_cluster")
#: No step of a walk: values, the provider of a single sign-on (none here), and the confirmation itself.
NO_STEPS: Final = {"clock", "close", "plan", "single_sign_on", "clock_check"}


@dataclass(frozen=True, slots=True)
class Clocks:
    """Runs walks in processes of their own, with a clock that is right or a year ahead."""

    folder: Path
    faketime: str

    def walk(self, tag: str, *, ahead: str = "") -> dict[str, Any]:
        """What a walk prints; fails the test if the process fails."""
        given = [self.faketime, "-f", ahead] if ahead else []
        command = [*given, sys.executable, "-m", "tests.support.walk", str(self.folder), tag]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CA_SERVICE_")}
        environ = kept | {"PYTHONPATH": str(ROOT), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env=environ)
        assert done.returncode == 0, done.stderr[-4000:]
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def clocks(tmp_path: Path) -> Clocks:
    """An empty folder; without libfaketime the test is left out, unless all tests were asked for."""
    return Clocks(tmp_path, find("faketime"))


@pytest.mark.fault(
    "clock",
    "The clock of the machine is a year ahead, then right (libfaketime)",
    "every use case goes on; issuing waits for the confirmation",
)
def test_every_use_case_goes_on_after_a_year_ahead_and_none_issues_before_the_clock_is_confirmed(
    clocks: Clocks,
) -> None:
    well = dict.fromkeys(STEPS, "ok")
    before = clocks.walk("before")
    ahead = clocks.walk("ahead", ahead="+365d")
    assert int(ahead["now"][:4]) == int(before["now"][:4]) + 1
    assert (before["results"], ahead["results"]) == (well, well)
    assert set(ahead["used"]) == {each.name for each in fields(Installation)} - NO_STEPS

    back = clocks.walk("back")
    assert back["now"][:4] == before["now"][:4]
    assert back["results"] == well | dict.fromkeys((*SIGNING, "find_ready"), "clock.behind")
    assert back["sessions"] == ["back", "before"]  # not the one from the future

    assert clocks.walk("confirmed")["results"] == well
