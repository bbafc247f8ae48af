"""Knows private files: how they are written whole or not at all, and that nobody else can read them."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ca_service.errors import Conflict, KeystoreError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_DRAFT: Final = ".draft"


def make_private_folder(folder: Path) -> None:
    """Make the folder and the one around it with mode 0700 if there are none, and check the folder that there is."""
    with _explained("keystore.unwritable", folder):
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # parents of their own would be open to others
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)


def close_fresh_folder(folder: Path) -> None:
    """Give mode 0700 to a folder of ours that holds nothing yet but .gitkeep, as a checkout brings it."""
    with _explained("keystore.unwritable", folder):
        is_fresh = [path.name for path in folder.iterdir()] == [".gitkeep"]
        if is_fresh and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)


def check_private_folder(folder: Path) -> None:
    """Raise KeystoreError unless the folder and every file in it are ours and closed to others."""
    check_private(folder)
    for path in folder.iterdir():
        if path.suffix != _DRAFT:  # another process may be writing it, and it comes and goes
            check_private(path)


def check_private(path: Path) -> None:
    """Raise KeystoreError unless the path is there, ours, and closed to group and others.

    A symbolic link is judged by what it leads to, as secret mounts are made of links.
    """
    with _explained("keystore.unreadable", path):
        found = path.stat()
    if found.st_uid != os.geteuid():
        raise KeystoreError.because(
            "keystore.owner",
            "{path} belongs to user {owner}, not to the user {user} who runs this program.",
            "Run as its owner, or: chown {user} {path}",
            path=path,
            owner=found.st_uid,
            user=os.geteuid(),
        )
    if found.st_mode & _OTHERS:
        raise KeystoreError.because(
            "keystore.mode",
            "{path} can be read by others (mode {mode}).",
            "Close it: chmod {wanted} {path}",
            path=path,
            mode=f"{stat.S_IMODE(found.st_mode):04o}",
            wanted="0700" if stat.S_ISDIR(found.st_mode) else "0600",
        )


def read_private(path: Path) -> bytes:
    """The content of a file that nobody else can read; raises KeystoreError."""
    check_private(path)
    with _explained("keystore.unreadable", path):
        return path.read_bytes()


def write_private(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600, synced, whole or not at all; raises Conflict if it exists.

    It is written under another name and then linked, so that a crash leaves no half a key and an
    existing file is never replaced.
    """
    with _explained("keystore.unwritable", path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_DRAFT, dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(draft)
        except FileExistsError as error:
            raise Conflict.because(
                "file.exists", "{path} exists already.", "It is never overwritten: move it away first.", path=path
            ) from error
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)


def remove_private(path: Path) -> None:
    """Delete a file for good; nothing happens if it is gone already."""
    with _explained("keystore.unwritable", path):
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(rule: str, path: Path) -> Iterator[None]:
    """Turn what the system says into a KeystoreError that tells the path and what to do."""
    try:
        yield
    except OSError as error:
        raise KeystoreError.because(
            rule,
            "{path} cannot be read: {reason}."
            if rule == "keystore.unreadable"
            else "{path} cannot be written: {reason}.",
            "Check that it is there, that there is room, and that the user who runs this program owns its folder.",
            path=path,
            reason=error.strerror or "unknown reason",
        ) from error
