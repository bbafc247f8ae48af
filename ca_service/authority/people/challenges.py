"""Challenges for passkeys (WebAuthn, level 2, section 13.4.3): signed by the service, not stored by it.

A client without an account can ask for any number of them, so a challenge costs no row. It carries its expiry, its
account and a signature, which also covers a secret in the cookie of the browser that has asked. After an answer whose
signature was verified, its hash is stored until it expires, and no second answer with it counts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from ca_service.authority.access.credentials import hash_secret
from ca_service.authority.people.records import ChallengeRecord
from ca_service.authority.people.store import FactorStore
from ca_service.authority.ports import Clock

LIFETIME: Final = timedelta(minutes=5)
_FIELDS: Final = struct.Struct(">16sqq")  # random, expiry in seconds, account (0: any)
_PURPOSE: Final = b"ca_service passkey challenge"


class Challenges:
    """The challenges of this installation. `key` returns the secret that signs cookies."""

    def __init__(self, store: FactorStore, key: Callable[[], bytes], clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock

    def new(self, browser: str, account_id: int = 0) -> bytes:
        """Return a challenge for this browser, and for this account if there is one."""
        expires_at = int((self._clock() + LIFETIME).timestamp())
        fields = _FIELDS.pack(secrets.token_bytes(16), expires_at, account_id)
        return fields + self._signature(fields, browser)

    def is_valid(self, challenge: bytes, browser: str, account_id: int = 0) -> bool:
        """Return whether we have given this challenge to this browser for this account, and it has not expired."""
        fields, signature = challenge[: _FIELDS.size], challenge[_FIELDS.size :]
        if len(fields) < _FIELDS.size or not hmac.compare_digest(signature, self._signature(fields, browser)):
            return False
        _, expires_at, wanted = _FIELDS.unpack(fields)
        return bool(wanted == account_id and self._clock().timestamp() < expires_at)

    def use(self, challenge: bytes) -> bool:
        """Use up a valid challenge, after its answer was verified; return False if another answer came first."""
        _, expires_at, account_id = _FIELDS.unpack(challenge[: _FIELDS.size])
        until = datetime.fromtimestamp(expires_at, UTC)
        return self._store.use_challenge(
            ChallengeRecord(hash_secret(challenge.hex()), account_id or None, until), self._clock()
        )

    def _signature(self, fields: bytes, browser: str) -> bytes:
        return hmac.digest(self._key(), b"\0".join((_PURPOSE, fields, browser.encode())), hashlib.sha256)
