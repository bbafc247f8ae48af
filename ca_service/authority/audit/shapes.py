"""The exact members of each line of an exported audit log; anything else is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ca_service.authority.audit.exporting import FORMAT
from ca_service.authority.audit.seals import VERSION

_HASH: Final = re.compile("[0-9a-f]{64}")
_BYTES: Final = re.compile("(?:[0-9a-f]{2}){1,200}")
_MAX_PATH: Final = 64
Shape = Mapping[str, Callable[[Any], bool]]


def fits(document: object, shape: Shape) -> bool:
    """Return whether the document has exactly these members, each of the right kind."""
    return (
        isinstance(document, dict)
        and document.keys() == shape.keys()
        and all(is_good(document[name]) for name, is_good in shape.items())
    )


def _is(value: object) -> Callable[[Any], bool]:
    return lambda found: type(found) is type(value) and found == value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _is_bytes(value: Any) -> bool:
    return isinstance(value, str) and _BYTES.fullmatch(value) is not None


def _is_path(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MAX_PATH and all(map(_is_hash, value))


def _is_details(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str | int) for each in value.values())


EVENT: Final[Shape] = {
    "v": _is(VERSION),
    "id": _is_number,
    "at": _is_text,
    "event": _is_text,
    "actor": _is_text,
    "subject": _is_text,
    "details": _is_details,
    "origin": _is_text,
}
EVENT_LINE: Final[Shape] = {
    "type": _is("event"),
    "seal": _is_number,
    "position": _is_number,
    "path": _is_path,
    "event": lambda found: fits(found, EVENT),
}
SEAL: Final[Shape] = {
    "type": _is("seal"),
    "v": _is(VERSION),
    "number": _is_number,
    "first": _is_number,
    "last": _is_number,
    "count": _is_number,
    "root": _is_hash,
    "previous": _is_hash,
    "at": _is_text,
    "key": _is_hash,
    "signature": _is_bytes,
}
HEADER: Final[Shape] = {
    "type": _is("header"),
    "format": _is(FORMAT),
    "v": _is(VERSION),
    "at": _is_text,
    "complete": lambda found: isinstance(found, bool),
    "filter": lambda found: isinstance(found, dict),
    "head": lambda found: fits(found, {"number": _is_number, "hash": _is_hash}),
    "key": lambda found: isinstance(found, dict) and _is_bytes(found.get("public_key")),
}
END: Final[Shape] = {
    "type": _is("end"),
    "events": _is_number,
    "seals": _is_number,
    "sha256": _is_hash,
    "signature": _is_bytes,
}
