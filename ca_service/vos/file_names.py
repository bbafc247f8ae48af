"""File names of a bundle: numbered in upload order, safe on every system."""

from __future__ import annotations

import re
from typing import Final

from ca_service.vos.purposes import Purpose

_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
_MAX_NAME: Final = 64  # Windows ends a path at 260 characters, folders included


def safe_name(text: str) -> str:
    """Return the text as a part of a file name: ASCII, lower case, safe on every system, never empty."""
    name = re.sub(r"[^a-z0-9.-]+", "-", text.lower().replace("*", "wildcard")).strip(".-")[:_MAX_NAME].rstrip(".-")
    return f"host-{name}" if _RESERVED.match(name) else name or "host"


def trust_file(number: int, purpose: Purpose | None) -> str:
    """Return the file of an authority, the root being number 1."""
    return f"{number}-{'root' if number == 1 else 'intermediate'}{_ending(purpose.trust if purpose else '')}"


def leaf_file(number: int, host: str, purpose: Purpose | None) -> str:
    """Return the file of a leaf, whose number follows those of its authorities."""
    return f"{number}-{safe_name(host)}{_ending(purpose.service if purpose else '')}"


def check_files(purpose: Purpose) -> tuple[str, str]:
    """Return the scripts that check ports: for a shell, for PowerShell."""
    return f"check-{purpose.service}.sh", f"check-{purpose.service}.ps1"


def _ending(purpose: str) -> str:
    return f".{purpose}.pem" if purpose else ".pem"
