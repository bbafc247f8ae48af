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
from ca_service.errors import Refused, blocking

MAX_LINE: Final = 1024 * 1024  # bytes
_ID: Final = re.compile(rb'"id":(\d{1,19})')
_REMEDY: Final = "Compare it with another export, or with an earlier copy of the database."


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal that was kept elsewhere: its number and its hash, hexadecimal."""

    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller knows from elsewhere: a seal and the fingerprint of the sealing key, both optional."""

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
            self._broken("record.order", "Line {line} does not belong where it is.")
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
            self._broken("record.empty", "There is no seal in it.")
        if is_ended and not self._is_over:
            self._line += 1
            self._broken("record.truncated", "The file was cut off: its last line is missing.")
        if not is_ended:
            self._close()
        if self._expected.anchor and not self._is_anchored:
            said = "Seal {seal} is not in it: the end was cut off, or a filter left it out."
            self._broken("record.anchor", said, seal=self._expected.anchor.number)
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
            self._broken("record.header", "The first line is not the header of a record.")
        if self._expected.key not in ("", header["key"]["fingerprint"]):
            self._broken("record.key", "It is sealed by another key: {key}.", key=header["key"]["fingerprint"])
        self._header = header
        self._meet(Anchor(header["head"]["number"], header["head"]["hash"]))

    def _take_seal(self, seal: dict[str, Any]) -> None:
        self._close_seal()
        if not shapes.fits(seal, shapes.SEAL) or seal["key"] != self._header["key"]["fingerprint"]:
            self._broken("record.seal", "Line {line} is not a seal of this record.")
        if not self._is_signed(seal):
            self._broken("record.seal", "The signature of seal {seal} does not hold.", seal=seal["number"])
        if seal["number"] <= self._head.number:
            self._broken("record.order", "Seal {seal} does not belong where it is.", seal=seal["number"])
        if self._header["complete"]:
            self._require_chain(seal)
        self._seal, self._due, self._last_id = seal, 0, 0
        self._seals += 1
        self._head = Anchor(seal["number"], document_hash(seal).hex())
        self._meet(self._head)

    def _require_chain(self, seal: dict[str, Any]) -> None:
        if seal["number"] != self._head.number + 1:
            self._broken("record.missing", "Seal {seal} is missing.", seal=self._head.number + 1)
        if seal["previous"] != self._head.hash:
            self._broken("record.seal", "Seal {seal} does not follow the one before it.", seal=seal["number"])

    def _take_event(self, line: dict[str, Any], raw: bytes) -> None:
        if not shapes.fits(line, shapes.EVENT_LINE):
            self._broken_line(raw)
        event, seal, position = line["event"], self._seal, line["position"]
        if not seal or line["seal"] != seal["number"]:
            self._broken_event(event["id"], "Event {id} says that it is in a seal which is not there.")
        if not leads_to(seal, event, position, line["path"]) or position < self._due or event["id"] <= self._last_id:
            said = "Event {id} is not what was sealed at position {position} of seal {seal}."
            self._broken_event(event["id"], said, position=position, seal=seal["number"])
        if self._header["complete"] and position > self._due:
            self._missing()
        self._due, self._last_id = position + 1, event["id"]
        self._events += 1

    def _close_seal(self) -> None:
        if self._seal and self._header["complete"] and self._due < self._seal["count"]:
            self._missing()

    def _missing(self) -> NoReturn:
        said = "After event {before} one is missing: position {position} of seal {seal}."
        if not self._last_id:
            said = "The first event of seal {seal} is missing: event {first}."
        values = {"before": self._last_id, "first": self._seal["first"], "seal": self._seal["number"]}
        self._broken("record.missing", said, position=self._due, **values)

    def _take_end(self, end: dict[str, Any]) -> None:
        self._close()
        counts = {"events": self._events, "seals": self._seals, "sha256": self._digest.hexdigest()}
        if not shapes.fits(end, shapes.END) or not counts.items() <= end.items() or not self._is_signed(end):
            self._broken("record.end", "The line at the end does not fit what stands before it.")
        self._is_over = True

    def _close(self) -> None:
        """Check at the end of the lines that everything that the header promises was there."""
        self._close_seal()
        head = self._header["head"]
        if self._header["complete"] and (head["number"], head["hash"]) != (self._head.number, self._head.hash):
            self._broken("record.missing", "Seal {seal} is missing, or is another one.", seal=head["number"])

    def _is_signed(self, document: dict[str, Any]) -> bool:
        rest = {name: value for name, value in document.items() if name != "signature"}
        return is_signed(rest, bytes.fromhex(document["signature"]), self._key)

    def _meet(self, found: Anchor) -> None:
        anchor = self._expected.anchor
        if anchor is None or anchor.number != found.number:
            return
        if anchor.hash != found.hash:
            said = "Seal {seal} is not the one that was kept: the record was written anew."
            self._broken("record.anchor", said, seal=found.number)
        self._is_anchored = True

    def _broken_line(self, line: bytes) -> NoReturn:
        ids = _ID.findall(line[:MAX_LINE])  # the last one is the event's: its details come first
        if ids:
            self._broken_event(int(ids[-1]), "The line of event {id} is not as it was written.")
        self._broken("record.line", "Line {line} is not as it was written.")

    def _broken_event(self, id: int, problem: str, **values: object) -> NoReturn:
        self._broken("record.event", problem, id=id, **values)

    def _broken(self, rule: str, problem: str, **values: object) -> NoReturn:
        raise Refused(blocking(rule, f"/line/{self._line}", problem, _REMEDY, line=self._line, **values))
