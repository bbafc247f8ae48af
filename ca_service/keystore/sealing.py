"""Knows how small secrets are kept unreadable in the database: AES-GCM under a key from a file beside it.

The file is made with the first secret. A database that is put back without it still works, but for
what was sealed: that says what to do.
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

from ca_service.errors import Conflict, NotReady
from ca_service.keystore import files

_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class FileSealer:
    """Seals under the key in this file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """Nonce, then the secret encrypted and bound to its purpose."""
        if not self._path.exists():
            with suppress(Conflict):  # another worker was quicker
                files.write_private(self._path, secrets.token_bytes(_KEY_BYTES))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher().encrypt(nonce, secret, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """The secret again; raises NotReady where the file is missing or another one."""
        if not self._path.exists():
            raise self._unreadable()
        try:
            return self._cipher().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except InvalidTag as error:
            raise self._unreadable() from error

    def _cipher(self) -> AESGCM:
        key = HKDF(hashes.SHA256(), _KEY_BYTES, salt=None, info=b"ca_service second factors")
        return AESGCM(key.derive(files.read_private(self._path)))

    def _unreadable(self) -> NotReady:
        return NotReady.because(
            "factor-key.missing",
            "The secrets of authenticator apps cannot be read: {path} is missing, or is not the one they were sealed "
            "with.",
            "Put that file back from the copy of the instance folder that the database is from. If there is none, run "
            "`ca-service user reset NAME` for whoever uses an authenticator app.",
            path=self._path,
        )
