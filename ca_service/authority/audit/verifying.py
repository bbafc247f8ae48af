"""Verification of an exported audit log, line by line, with nothing but the file itself.

A verified line stays verified, so the first line that fails is the first that was changed.
The last line covers every byte before it, so a change is found wherever it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ca_service.authority.audit import shapes
from ca_service.authority.audit.seals import (
    NO_SEAL,
    canonical,
    document_hash,
    is_signed,
    key_document,
    leads_to,
    read_key,
)
from ca_service.errors import Refused, Rule

MAX_LINE: Final = 1024 * 1024  # bytes
_ID: Final = re.compile(rb'"id":(\d{1,19})')
_REMEDY: Final = "Compare it with another export or with an earlier copy of the database."
LINE_ORDER: Final = Rule(
    "audit.order",
    "Line {line} is out of order.",
    _REMEDY,
)
LINE_CHANGED: Final = Rule(
    "audit.line",
    "Line {line} was changed.",
    _REMEDY,
)
HEADER: Final = Rule(
    "audit.header",
    "The first line is not the header of an audit log.",
    _REMEDY,
)
END_LINE: Final = Rule(
    "audit.end",
    "The last line does not match the lines before it.",
    _REMEDY,
)
EXPORT_EMPTY: Final = Rule(
    "audit.empty",
    "The audit log has no seal.",
    _REMEDY,
)
EXPORT_TRUNCATED: Final = Rule(
    "audit.truncated",
    "The file is truncated: its last line is missing.",
    _REMEDY,
)
SEALING_KEY: Final = Rule(
    "audit.key",
    "The audit log is sealed by another key: {key}.",
    _REMEDY,
)
SEAL_FORM: Final = Rule(
    "audit.seal-form",
    "Line {line} is not a seal of this audit log.",
    _REMEDY,
)
SEAL_SIGNATURE: Final = Rule(
    "audit.seal-signature",
    "The signature of seal {seal} is not valid.",
    _REMEDY,
)
SEAL_CHAIN: Final = Rule(
    "audit.seal",
    "Seal {seal} does not match the seal before it.",
    _REMEDY,
)
SEAL_MISSING: Final = Rule(
    "audit.seal-missing",
    "Seal {seal} is missing or was replaced.",
    _REMEDY,
)
EVENT_CHANGED: Final = Rule(
    "audit.event",
    "Event {id} was changed or moved: it does not match its seal.",
    _REMEDY,
)
EVENT_MISSING: Final = Rule(
    "audit.missing",
    "An event is missing after event {before}: position {position} of seal {seal}.",
    _REMEDY,
)
FIRST_EVENT_MISSING: Final = Rule(
    "audit.first-missing",
    "The first event of seal {seal} is missing: event {first}.",
    _REMEDY,
)
ANCHOR: Final = Rule(
    "audit.anchor",
    "Seal {seal} is missing: the end of the audit log was cut off, or a filter excluded it.",
    _REMEDY,
)
ANCHOR_REWRITTEN: Final = Rule(
    "audit.anchor-rewritten",
    "Seal {seal} differs from the one that you kept: the audit log was rewritten.",
    _REMEDY,
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal that was kept elsewhere: its number and its hash, hexadecimal."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Expected:
    """Known facts to verify: a seal and the fingerprint of the sealing key, both optional."""

    anchor: Anchor | None = None
    key: str = ""


NOTHING: Final = Expected()


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a verification. `head` is the newest seal in the file, `key` the fingerprint of the sealing key.

    A file that is not `complete` proves the events in it; others may be missing.
    """

    events: int
    seals: int
    head: Anchor
    key: str
    complete: bool


def verify(lines: Iterable[bytes], expected: Expected = NOTHING, *, is_ended: bool = True) -> Checked:
    """Verify an audit log. Raises Refused, which names the first event, seal or line that fails.

    An expected anchor has to be there, with its hash: this finds a file that was cut off.
    Without `is_ended`, for lines straight from the database, there is no last line.
    """
    check = _Check(expected)
    for line in lines:
        check.take(line)
    return check.finish(is_ended)


class _Check:
    """The state of a verification after the lines so far."""

    def __init__(self, expected: Expected) -> None:
        self._expected, self._is_anchored = expected, expected.anchor is None
        self._header: dict[str, Any] = {}
        self._seal: dict[str, Any] = {}
        self._head = Anchor(0, NO_SEAL.hex())
        self._digest = hashlib.sha256()
        self._line = self._events = self._seals = 0
        self._due = self._last_id = 0  # the next position in this seal, and the event before it
        self._is_over = False

    def take(self, line: bytes) -> None:
        """Verify the next line. Raises Refused if it fails."""
        self._line += 1
        document = self._read(line)
        kind = document.get("type")
        if (kind == "header") != (self._line == 1) or self._is_over:
            self._broken(LINE_ORDER)
        if kind == "header":
            self._take_header(document)
        elif kind == "seal":
            self._take_seal(document)
        elif kind == "event":
            self._take_event(document, line)
        elif kind == "end":
            self._take_end(document)
        else:
            self._broken_line(line)
        self._digest.update(line)

    def finish(self, is_ended: bool) -> Checked:
        """Return the result after the last line. Raises Refused if something is missing."""
        if not self._header:
            self._broken(EXPORT_EMPTY)
        if is_ended and not self._is_over:
            self._line += 1
            self._broken(EXPORT_TRUNCATED)
        if not is_ended:
            self._close()
        if self._expected.anchor and not self._is_anchored:
            self._broken(ANCHOR, seal=self._expected.anchor.number)
        header = self._header
        return Checked(self._events, self._seals, self._head, header["key"]["fingerprint"], header["complete"])

    def _read(self, line: bytes) -> dict[str, Any]:
        try:
            if len(line) > MAX_LINE:
                raise ValueError("longer than any line of ours")
            document = json.loads(line)
            if not isinstance(document, dict) or canonical(document) + b"\n" != line:
                raise ValueError("not in canonical form")
        except (ValueError, RecursionError):
            self._broken_line(line)
        return document

    def _take_header(self, header: dict[str, Any]) -> None:
        try:
            if not shapes.fits(header, shapes.HEADER):
                raise ValueError("not a header")
            public_key = bytes.fromhex(header["key"]["public_key"])
            self._key = read_key(public_key)
            if header["key"] != key_document(public_key):
                raise ValueError("describes another key")
        except ValueError:
            self._broken(HEADER)
        if self._expected.key not in ("", header["key"]["fingerprint"]):
            self._broken(SEALING_KEY, key=header["key"]["fingerprint"])
        self._header = header
        self._meet(Anchor(header["head"]["number"], header["head"]["hash"]))

    def _take_seal(self, seal: dict[str, Any]) -> None:
        self._close_seal()
        if not shapes.fits(seal, shapes.SEAL) or seal["key"] != self._header["key"]["fingerprint"]:
            self._broken(SEAL_FORM)
        if not self._is_signed(seal):
            self._broken(SEAL_SIGNATURE, seal=seal["number"])
        if seal["number"] <= self._head.number:
            self._broken(LINE_ORDER)
        if self._header["complete"]:
            self._require_chain(seal)
        self._seal, self._due, self._last_id = seal, 0, 0
        self._seals += 1
        self._head = Anchor(seal["number"], document_hash(seal).hex())
        self._meet(self._head)

    def _require_chain(self, seal: dict[str, Any]) -> None:
        if seal["number"] != self._head.number + 1:
            self._broken(SEAL_MISSING, seal=self._head.number + 1)
        if seal["previous"] != self._head.hash:
            self._broken(SEAL_CHAIN, seal=seal["number"])

    def _take_event(self, line: dict[str, Any], raw: bytes) -> None:
        if not shapes.fits(line, shapes.EVENT_LINE):
            self._broken_line(raw)
        event, seal, position = line["event"], self._seal, line["position"]
        if not seal or line["seal"] != seal["number"]:
            self._broken(EVENT_CHANGED, id=event["id"])
        if not leads_to(seal, event, position, line["path"]) or position < self._due or event["id"] <= self._last_id:
            self._broken(EVENT_CHANGED, id=event["id"])
        if self._header["complete"] and position > self._due:
            self._missing()
        self._due, self._last_id = position + 1, event["id"]
        self._events += 1

    def _close_seal(self) -> None:
        if self._seal and self._header["complete"] and self._due < self._seal["count"]:
            self._missing()

    def _missing(self) -> NoReturn:
        if not self._last_id:
            self._broken(FIRST_EVENT_MISSING, seal=self._seal["number"], first=self._seal["first"])
        self._broken(EVENT_MISSING, before=self._last_id, position=self._due, seal=self._seal["number"])

    def _take_end(self, end: dict[str, Any]) -> None:
        self._close()
        counts = {"events": self._events, "seals": self._seals, "sha256": self._digest.hexdigest()}
        if not shapes.fits(end, shapes.END) or not counts.items() <= end.items() or not self._is_signed(end):
            self._broken(END_LINE)
        self._is_over = True

    def _close(self) -> None:
        """Check at the end of the lines that everything that the header promises was there."""
        self._close_seal()
        head = self._header["head"]
        if self._header["complete"] and (head["number"], head["hash"]) != (self._head.number, self._head.hash):
            self._broken(SEAL_MISSING, seal=head["number"])

    def _is_signed(self, document: dict[str, Any]) -> bool:
        rest = {name: value for name, value in document.items() if name != "signature"}
        return is_signed(rest, bytes.fromhex(document["signature"]), self._key)

    def _meet(self, found: Anchor) -> None:
        anchor = self._expected.anchor
        if anchor is None or anchor.number != found.number:
            return
        if anchor.hash != found.hash:
            self._broken(ANCHOR_REWRITTEN, seal=found.number)
        self._is_anchored = True

    def _broken_line(self, line: bytes) -> NoReturn:
        ids = _ID.findall(line[:MAX_LINE])  # the last one is the event's: its details come first
        if ids:
            self._broken(EVENT_CHANGED, id=int(ids[-1]))
        self._broken(LINE_CHANGED)

    def _broken(self, rule: Rule, **values: object) -> NoReturn:
        raise Refused(rule.at(f"/line/{self._line}", line=self._line, **values))
