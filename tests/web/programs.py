"""Knows how other people's programs are asked to judge what we hand out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

_PACKAGES: Final = {"openssl": "openssl", "keytool": "default-jre-headless", "sha256sum": "coreutils"}


def judged(command: str, folder: Path) -> str:
    """What a program prints that runs in this folder; fails the test when it finds fault.

    Where the program is missing, the test is left out, or fails if all tests were asked for.
    """
    name, *arguments = command.split()
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed (apt install {_PACKAGES[name]})"
        if os.environ.get("CA_SERVICE_TEST_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout
