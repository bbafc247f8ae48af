"""The contents of a node's trust store, read from the command line and from a snapshot of its API.

Two forms of `show cert list trust` are known: a line for each certificate, and older blocks of lines. Both give a
file name only, which means the common name (not confirmed by Cisco's documents); a snapshot has the certificates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from cryptography import x509

from ca_service.errors import InvalidInput, Rule, TooLarge
from ca_service.pki import encodings
from ca_service.pki.parse_errors import PARSE_ERRORS

TRUST_TOO_LARGE: Final = Rule(
    "trust.too-large",
    "The list of the trust store has more than {limit} characters.",
    "Give the output of `show cert list trust` alone.",
)
TRUST_UNREADABLE: Final = Rule(
    "trust.unreadable",
    "No certificate of a trust store was found in the text.",
    "Give what `show cert list trust` prints, or a snapshot of the certificate management API (JSON).",
)

MAX_CHARACTERS: Final = 1024 * 1024
_MAX_ENTRIES: Final = 2000
_LINE: Final = re.compile(r"(?P<unit>[A-Za-z0-9-]+)-trust/(?P<name>[^:/\r\n]{1,200}?)\.(?:pem|der)\s*(?::|$)")
_FIELD: Final = re.compile(r"(?P<key>Unit|Type|Name)\s*:\s*(?P<value>.*)")
_OTHERS: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate in a trust store; `store` such as tomcat-trust. Only a snapshot has the certificate itself."""

    store: str
    name: str
    certificate: x509.Certificate | None = None

    def may_be(self, common_name: str) -> bool:
        """Return whether the file name could stand for this common name, perhaps with a serial number behind it."""
        ours, theirs = (_OTHERS.sub("_", text.lower()).strip("_") for text in (self.name, common_name))
        rest = ours.removeprefix(theirs)
        return bool(theirs) and ours.startswith(theirs) and re.fullmatch(r"(?:_[0-9a-f]*)?", rest) is not None


def read(text: str) -> tuple[Entry, ...]:
    """Return the entries that a text tells of; raises InvalidInput where it tells of none."""
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(TRUST_TOO_LARGE.at("/trust", limit=MAX_CHARACTERS))
    found = entries_of(_loaded(text)) if text.lstrip().startswith("{") else tuple(islice(_listing(text), _MAX_ENTRIES))
    if text.strip() and not found:
        raise InvalidInput(TRUST_UNREADABLE.at("/trust"))
    return found


def entries_of(snapshot: object) -> tuple[Entry, ...]:
    """Return the entries of a snapshot, which is JSON as Python has it; none of what is not one."""
    return tuple(islice(_snapshot(snapshot), _MAX_ENTRIES))


def has_entries(snapshot: object) -> bool:
    """Return whether the snapshot lists trust stores at all: no node is without an entry."""
    return bool(objects_in(snapshot, "trusts"))


def _listing(text: str) -> Iterator[Entry]:
    unit = ""
    for line in text.splitlines():
        if found := _LINE.search(line):
            yield Entry(f"{found['unit']}-trust", found["name"])
        elif field := _FIELD.match(line.strip()):
            value = field["value"].strip()
            if field["key"] == "Unit":
                unit = value
            elif field["key"] == "Name" and unit.endswith("-trust") and value:
                yield Entry(unit, value)
                unit = ""


def _snapshot(snapshot: object) -> Iterator[Entry]:
    """`{"trusts": [{"service": ..., "certificate_data": [{"filename": ..., "certificate": PEM}]}]}`."""
    for trust in objects_in(snapshot, "trusts"):
        service = str(trust.get("service", "")).removesuffix("-trust")
        for row in objects_in(trust, "certificate_data"):
            name = str(row.get("filename", "")).removesuffix(".pem")
            for certificate in certificates_in(str(row.get("certificate", ""))):
                yield Entry(f"{service}-trust", name, certificate)


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def objects_in(parent: object, name: str) -> list[dict[str, Any]]:
    """Return the objects in the array of this name; none where there is no such array."""
    found = parent.get(name) if isinstance(parent, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def certificates_in(text: str) -> tuple[x509.Certificate, ...]:
    """Return the usable certificates; a node's store may hold others, which cannot issue our certificate."""
    try:
        found = encodings.load_certificates(text.encode())
        for certificate in found:  # the library looks at these parts only when they are asked for
            _ = (certificate.subject, certificate.issuer, certificate.not_valid_before_utc, certificate.public_key())
        return found
    except (InvalidInput, *PARSE_ERRORS):
        return ()
