"""Hashing and verification of passwords."""

from __future__ import annotations

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import HashingError, InvalidHashError, VerificationError, VerifyMismatchError

from ca_service.authority.access.credentials import checked_password, password_bytes
from ca_service.errors import NotReady, Rule

PASSWORD_UNCHECKED: Final = Rule(
    "password.unchecked",
    "The password could not be checked: this machine is short of memory. The attempt does not count.",
    "Try again in a minute. If this continues, tell the operator: a check needs 64 MiB.",
)

NO_PASSWORD: Final = ""  # the hash of an account without password: no input matches it
_HASHES_AT_ONCE: Final = 2  # each needs 64 MiB and a processor


class Passwords:
    """Argon2id, with a limit on parallel hashes."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._hashing = threading.BoundedSemaphore(_HASHES_AT_ONCE)

    def hash(self, name: str, password: str) -> str:
        """Return the hash of a new password for the account of this name. Raises InvalidInput."""
        return self._hasher.hash(password_bytes(checked_password(name, password)))

    def is_right(self, password_hash: str, password: str) -> bool:
        """Return whether the password matches the hash. Without a hash it takes the same time.

        Raises NotReady if it could not be checked, which is no answer.
        """
        with self._hashing:
            try:
                if password_hash == NO_PASSWORD:
                    self._hasher.hash(password_bytes(password))
                    return False
                return self._hasher.verify(password_hash, password_bytes(password))
            except (VerifyMismatchError, InvalidHashError):
                return False
            except (HashingError, VerificationError) as error:  # such as no memory: nothing is known about the password
                raise NotReady.because(PASSWORD_UNCHECKED) from error
