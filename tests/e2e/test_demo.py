"""`make demo` shows the whole loop."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
def test_the_demonstration_ends_with_every_node_presenting_its_certificate() -> None:
    command = (sys.executable, "-m", "tests.demo", "--end")
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "FAILED" not in shown.stdout
    assert shown.stdout.count("It presents the certificate that was issued here.") == 3
