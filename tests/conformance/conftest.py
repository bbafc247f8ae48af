"""Other people's tools, which judge what we make. Where one is missing its tests are skipped, and say so;
with CA_SERVICE_TEST_ALL=1, as in CI, they fail instead."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is called with arguments and answers with text."""

    path: str

    def __call__(self, *arguments: str | Path) -> str:
        """What it prints; fails the test when the program fails."""
        code, said = self.run(*arguments)
        assert code == 0, f"{self.path} says: {said[-4000:]}"
        return said

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """How it ends, and what it prints."""
        done = subprocess.run(
            [self.path, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr


def _find(name: str, package: str) -> Tool:
    path = shutil.which(name)
    if path is None:
        reason = f"{name} is not installed (apt install {package})"
        if os.environ.get("CA_SERVICE_TEST_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return Tool(path)


@pytest.fixture
def openssl() -> Tool:
    """OpenSSL's command."""
    return _find("openssl", "openssl")


@pytest.fixture
def certtool() -> Tool:
    """GnuTLS's command."""
    return _find("certtool", "gnutls-bin")


@pytest.fixture
def ocsptool() -> Tool:
    """GnuTLS's command for OCSP."""
    return _find("ocsptool", "gnutls-bin")


@pytest.fixture
def keytool() -> Tool:
    """Java's command."""
    return _find("keytool", "default-jre-headless")
