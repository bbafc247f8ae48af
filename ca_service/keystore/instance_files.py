"""The private files of an instance folder: the session key, and whether each file is readable and whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from ca_service.errors import CAServiceError, Conflict, Finding, KeystoreError, Rule, Visibility
from ca_service.keystore import files
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.keystore.secret_box import FileSecretBox

SESSION_KEY_DAMAGED: Final = Rule(
    "session-key.damaged",
    "{path} is empty or damaged: it does not contain {limit} or more printable characters.",
    "Delete it: the next start makes a new one, and people sign in again. If several machines share it, copy it from "
    "another machine.",
    visibility=Visibility.OPERATOR,
)
_MIN_SESSION_KEY: Final = 32  # characters, as for web.secret_key


def make_session_key(path: Path) -> str:
    """Return the key that signs session cookies; create the file if it is missing.

    An empty file is not filled: another process may have it in memory, and would refuse the cookies of this one. Raises
    KeystoreError if the file cannot be read or is damaged.
    """
    if not path.exists():
        with suppress(Conflict):  # another process was faster
            files.write_private(path, secrets.token_urlsafe(48).encode())
    return _session_key(path)


def _session_key(path: Path) -> str:
    text = files.read_private(path).decode("utf-8", "replace")
    if len(text.strip()) < _MIN_SESSION_KEY or not text.strip().isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise KeystoreError.because(SESSION_KEY_DAMAGED, path=path, limit=_MIN_SESSION_KEY)
    return text


class InstanceFiles:
    """The private files of an instance folder, as a whole. `session_key` is None if the settings contain the key."""

    def __init__(
        self, folder: Path, keystore: EncryptedFileKeyStore, secret_box: FileSecretBox, session_key: Path | None
    ) -> None:
        self._folder = folder
        self._keystore = keystore
        self._secret_box = secret_box
        self._session_key = session_key

    def find_faults(self) -> tuple[Finding, ...]:
        """Return what is wrong with each file: missing, open to other users, unreadable, empty or damaged."""
        return (*self._keystore.find_faults(), *self._others())

    def free(self) -> int:
        """Return how many bytes can be written to the disk of the folder."""
        return files.free_bytes(self._folder)

    def _others(self) -> Iterator[Finding]:
        try:
            if self._session_key is not None and self._session_key.exists():
                _session_key(self._session_key)
        except CAServiceError as error:
            yield from error.findings
        try:
            self._secret_box.check()
        except CAServiceError as error:
            yield from error.findings
