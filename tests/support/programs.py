"""Other people's programs, which judge what we make: one way to find them, one way to call them."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

_PACKAGES: Final = {
    "openssl": "openssl",
    "certtool": "gnutls-bin",
    "ocsptool": "gnutls-bin",
    "keytool": "default-jre-headless",
    "curl": "curl",
    "sha256sum": "coreutils",
    "unzip": "unzip",
    "faketime": "faketime",
    "nginx": "nginx-light",
    "java": "default-jre-headless",
    "prosody": "prosody",
    "firefox-esr": "firefox-esr",
    "certutil": "libnss3-tools",
    "crlutil": "libnss3-tools",
    "vfychain": "libnss3-tools",
    "update-ca-certificates": "ca-certificates",
}


def find(name: str) -> str:
    """Return the path of this program. Without it, skip the test, or fail it with CA_SERVICE_TEST_ALL=1, as in CI."""
    path = shutil.which(name)
    return path or missing(f"{name} is not installed: apt-get install {_PACKAGES[name]}")


def missing(reason: str) -> NoReturn:
    """Skip the test for this reason, or fail it with CA_SERVICE_TEST_ALL=1, as in CI."""
    if os.environ.get("CA_SERVICE_TEST_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is called with arguments, in this folder, and prints text. It may take `limit` seconds."""

    path: str
    folder: Path | None = None
    limit: int = 60

    def __call__(self, *arguments: str | Path) -> str:
        """Return what the program prints; fail the test if the program fails."""
        code, printed = self.run(*arguments)
        assert code == 0, f"{self.path} {' '.join(map(str, arguments))}: {printed[-4000:]}"
        return printed

    def run(self, *arguments: str | Path) -> tuple[int, str]:
        """Return the exit code, and what the program prints."""
        done = subprocess.run(
            [self.path, *map(str, arguments)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=self.limit,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def judged(command: str, folder: Path) -> str:
    """Return what a command prints in this folder; fail the test if it fails, skip it if the program is missing."""
    name, *arguments = command.split()
    return Tool(find(name), folder)(*arguments)
