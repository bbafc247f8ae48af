"""Secrets that the database keeps encrypted: AES-GCM, with a key in a file beside the database.

The file is created with the first secret. If a database is restored without it, everything works except what was
encrypted.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ca_service.errors import Conflict, NotReady, Rule, Visibility
from ca_service.keystore import files

FACTOR_KEY_MISSING: Final = Rule(
    "factor-key.missing",
    "The secrets of authenticator apps cannot be decrypted: {path} is missing, or is not the file that encrypted them.",
    "Restore this file from the same backup as the database. Without a backup, run `ca-service user reset NAME` for "
    "each user of an authenticator app.",
    visibility=Visibility.OPERATOR,
)
FACTOR_KEY_DAMAGED: Final = Rule(
    "factor-key.damaged",
    "{path} is empty or damaged: it does not contain the {size} bytes of a key.",
    "Restore this file from the same backup as the database. Without a backup, delete it, and run "
    "`ca-service user reset NAME` for each user of an authenticator app.",
    visibility=Visibility.OPERATOR,
)

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class FileSecretBox:
    """The secret box whose key is in this file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Raise KeystoreError or NotReady if the file is there and cannot be used."""
        if self._path.exists():
            self._key()

    def encrypt(self, secret: bytes, purpose: str) -> bytes:
        """Return a nonce and the encrypted secret. Only the same purpose decrypts it."""
        if not self._path.exists():
            with suppress(Conflict):  # another worker has just created it
                files.write_private(self._path, secrets.token_bytes(_KEY_BYTES))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, secret, purpose.encode())

    def decrypt(self, encrypted: bytes, purpose: str) -> bytes:
        """Return the secret; raises NotReady if the key file is missing, damaged, or not the right one."""
        if not self._path.exists():
            raise self._unreadable()
        try:
            return self._cipher().decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], purpose.encode())
        except InvalidTag as error:
            raise self._unreadable() from error

    def _cipher(self) -> AESGCM:
        key = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"ca_service second factors")
        return AESGCM(key.derive(self._key()))

    def _key(self) -> bytes:
        """Return the content of the file. Raises NotReady for another size: an empty key is known to everyone."""
        found = files.read_private(self._path)
        if len(found) != _KEY_BYTES:
            raise NotReady.because(FACTOR_KEY_DAMAGED, path=self._path, size=_KEY_BYTES)
        return found

    def _unreadable(self) -> NotReady:
        return NotReady.because(FACTOR_KEY_MISSING, path=self._path)
