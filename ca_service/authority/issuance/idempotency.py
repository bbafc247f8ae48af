"""Idempotency: the stored answer to a submission with an Idempotency-Key, and the comparison with a repeated one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from ca_service.authority.access.permissions import Actor
from ca_service.authority.audit.seals import canonical
from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.issuance.examination import Options
from ca_service.errors import Conflict, Finding, InvalidInput, Rule
from ca_service.vos.destinations import NO_HINT, Hint

IDEMPOTENCY_KEY_IN_USE: Final = Rule(
    "idempotency-key.in-use",
    "Another submission with this Idempotency-Key was answered at the same time.",
    "Send it again to get the same answer.",
)
IDEMPOTENCY_KEY_REUSED: Final = Rule(
    "idempotency-key.reused",
    "This Idempotency-Key was used for another submission.",
    "Send a new key with a new submission; the same key only to repeat one.",
)
IDEMPOTENCY_KEY_INVALID: Final = Rule(
    "idempotency-key.invalid",
    "The Idempotency-Key cannot be used.",
    "Send at most {limit} characters of ASCII without blanks, such as a UUID.",
)


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored answer to an Idempotency-Key; `digest` identifies the submission.

    The answer was certificates, or the numbers of the requests that wait.
    """

    account: str
    key: str
    digest: str
    serial_numbers: tuple[str, ...]
    created: bool
    at: datetime
    request_ids: tuple[int, ...] = ()

    def settled(self, made: Sequence[CertificateRecord], stored: Sequence[CertificateRecord]) -> Replay:
        """Return the answer as stored: if another process was first, with its certificate in place of ours."""
        winners = {ours.serial_number: winner.serial_number for ours, winner in zip(made, stored, strict=True)}
        serial_numbers = tuple(winners.get(serial, serial) for serial in self.serial_numbers)
        created = any(ours == winner for ours, winner in winners.items())
        return replace(self, serial_numbers=serial_numbers, created=created)


MAX_KEY_LENGTH: Final = 200
_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")


def replay_of(
    actor: Actor, requests: Sequence[bytes], options: Options, hints: Sequence[Hint], key: str, at: datetime
) -> Replay | None:
    """Return the answer to be stored under this key, with a digest of the submission, or None without a key.

    Raises InvalidInput for a key that cannot be used.
    """
    if not key:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput(IDEMPOTENCY_KEY_INVALID.at("/Idempotency-Key", limit=MAX_KEY_LENGTH))
    return Replay(actor.name, key, _digest(requests, options, hints), (), True, at)


def require_same(before: Replay, asked: Replay) -> None:
    """Raise Conflict if the key was used for another submission."""
    if before.digest != asked.digest:
        raise Conflict.because(IDEMPOTENCY_KEY_REUSED)


class KeyInUse(Conflict):
    """Another submission has used the key since it was looked up; nothing of this one is stored."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(*(findings or [IDEMPOTENCY_KEY_IN_USE.at()]))


def _digest(requests: Sequence[bytes], options: Options, hints: Sequence[Hint]) -> str:
    """Return the SHA-256 of the submission, in canonical JSON: equal values have one digest in every version.

    A key that was stored before the canonical form (until 0.1) does not match it: for the week that it is kept, a
    repetition is refused as another submission, so nothing is issued twice.
    """
    said: dict[str, object] = {"requests": [hashlib.sha256(data).hexdigest() for data in requests]}
    said["options"] = {name: value for name, value in asdict(options).items() if name != "destination"}
    destinations = [asdict(each.destination | options.destination) for each in hints or (NO_HINT,)]
    if any(map(any, map(dict.values, destinations))):  # left out where nothing is known, as until version 0.2
        said["destinations"] = destinations
    return hashlib.sha256(canonical(said)).hexdigest()
