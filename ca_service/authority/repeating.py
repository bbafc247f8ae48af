"""Knows the Idempotency-Key: what is remembered of a submission, and when it is the same one again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ca_service.authority.permissions import Actor
from ca_service.authority.records import Replay
from ca_service.authority.registration import Options
from ca_service.errors import Conflict, InvalidInput, blocking

MAX_KEY_LENGTH: Final = 200
_KEY: Final = re.compile(rf"[!-~]{{1,{MAX_KEY_LENGTH}}}")


def replay_of(actor: Actor, requests: Sequence[bytes], options: Options, key: str, at: datetime) -> Replay | None:
    """What will be remembered under this key, with a digest of all that is asked; None without a key.

    Raises InvalidInput for a key that cannot be used.
    """
    if not key:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            blocking(
                "idempotency-key.invalid",
                "/Idempotency-Key",
                "The Idempotency-Key cannot be used.",
                "Send at most {limit} characters of ASCII without blanks, such as a UUID.",
                limit=MAX_KEY_LENGTH,
            )
        )
    digest = hashlib.sha256(repr((options, [hashlib.sha256(data).digest() for data in requests])).encode())
    return Replay(actor.name, key, digest.hexdigest(), (), True, at)


def require_same(before: Replay, asked: Replay) -> None:
    """Raise Conflict where the key was used for another submission."""
    if before.digest != asked.digest:
        raise Conflict.because(
            "idempotency-key.reused",
            "This Idempotency-Key was used for another submission.",
            "Send a new key with a new submission; the same key only to repeat one.",
        )
