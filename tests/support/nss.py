"""A certificate database of NSS, from which Chromium on Linux and Firefox take the roots that a person added."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from ca_service.pki import encodings
from tests.support.programs import Tool, find


def write(folder: Path, roots: Sequence[x509.Certificate]) -> None:
    """Make a database in this folder that trusts these roots for servers."""
    folder.mkdir(parents=True)
    certutil, database = Tool(find("certutil"), folder), ("-d", f"sql:{folder}")
    certutil("-N", *database, "--empty-password")
    for number, root in enumerate(roots):
        file = folder / f"root{number}.der"
        file.write_bytes(encodings.der(root))
        certutil("-A", *database, "-n", f"root {number}", "-t", "C,,", "-i", file)
