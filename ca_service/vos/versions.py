"""Cisco's release numbers: 11.5, 12.5(1)SU6, 14SU2, 15.0(1)."""

from __future__ import annotations

import re
from typing import Final

from ca_service.errors import InvalidInput, Rule

VERSION_UNKNOWN: Final = Rule(
    "version.unknown",
    "\u201c{text}\u201d is not how Cisco numbers a release.",
    "Write it as on the node\u2019s page or as `show version active` says it: 11.5, 12.5(1)SU6, 14SU2.",
)

Version = tuple[int, int, int, int]  # major, minor, maintenance, service update
_VERSION: Final = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?(?:\((\d{1,2})\))?(?:\.?\s*SU\s*(\d{1,2}))?", re.IGNORECASE)


def find_version(text: str) -> Version | None:
    """Return the release that a text names; None if it names none. What is not said counts as 0."""
    found = _VERSION.fullmatch(text.strip())
    if found is None:
        return None
    major, minor, maintenance, update = (int(part or 0) for part in found.groups())
    return major, minor, maintenance, update


def version(text: str, pointer: str = "/version") -> Version:
    """Return the release that a text names; raises InvalidInput if it names none."""
    found = find_version(text)
    if found is None:
        raise InvalidInput(VERSION_UNKNOWN.at(pointer, text=text[:40]))
    return found
