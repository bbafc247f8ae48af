"""Private files: written completely or not at all, and readable by this user only."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ca_service.errors import Conflict, KeystoreError, Rule, Visibility

KEYSTORE_OWNER: Final = Rule(
    "keystore.owner",
    "{path} belongs to user {owner}, but this program runs as user {user}.",
    "Run it as the owner, or change the owner: chown {user} {path}",
    visibility=Visibility.OPERATOR,
)
KEYSTORE_MODE: Final = Rule(
    "keystore.mode",
    "Other users can read {path} (mode {mode}).",
    "Change the mode: chmod {wanted} {path}",
    visibility=Visibility.OPERATOR,
)
KEYSTORE_EXISTS: Final = Rule(
    "keystore.exists",
    "{path} exists already.",
    "It is never overwritten. Move it to another folder first.",
    visibility=Visibility.OPERATOR,
)
KEYSTORE_UNREADABLE: Final = Rule(
    "keystore.unreadable",
    "{path} cannot be read: {reason}.",
    "Check that it exists, and that the user who runs this program owns its folder.",
    visibility=Visibility.OPERATOR,
)
KEYSTORE_UNWRITABLE: Final = Rule(
    "keystore.unwritable",
    "{path} cannot be written: {reason}.",
    "Check that there is disk space, and that the user who runs this program owns the folder.",
    visibility=Visibility.OPERATOR,
)

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_DRAFT: Final = ".draft"


def make_private_folder(folder: Path) -> None:
    """Create the folder and its parent with mode 0700 if they are missing; then check the folder."""
    with _explained(KEYSTORE_UNWRITABLE, folder):
        folder.parent.mkdir(
            mode=0o700, parents=True, exist_ok=True
        )  # mkdir creates other parents with the default mode
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)


def close_fresh_folder(folder: Path) -> None:
    """Set mode 0700 on our folder if it contains only .gitkeep, as after a checkout."""
    with _explained(KEYSTORE_UNWRITABLE, folder):
        is_fresh = [path.name for path in folder.iterdir()] == [".gitkeep"]
        if is_fresh and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o700)


def check_private_folder(folder: Path) -> None:
    """Raise KeystoreError unless the folder and all its files belong to this user and are closed to others."""
    check_private(folder)
    for path in folder.iterdir():
        if path.suffix != _DRAFT:  # another process may be writing it
            check_private(path)


def check_private(path: Path) -> None:
    """Raise KeystoreError unless the path exists, belongs to this user, and is closed to group and others.

    Check the target of a symbolic link: secret mounts consist of links.
    """
    with _explained(KEYSTORE_UNREADABLE, path):
        found = path.stat()
    if found.st_uid != os.geteuid():
        raise KeystoreError.because(KEYSTORE_OWNER, path=path, owner=found.st_uid, user=os.geteuid())
    if found.st_mode & _OTHERS:
        mode, wanted = f"{stat.S_IMODE(found.st_mode):04o}", "0700" if stat.S_ISDIR(found.st_mode) else "0600"
        raise KeystoreError.because(KEYSTORE_MODE, path=path, mode=mode, wanted=wanted)


def is_foreign_copy(folder: Path) -> bool:
    """Return whether the folder belongs to another user and cannot be written, such as a backup that was mounted.

    An installation there only serves commands that read. Its private files are still not read.
    """
    with _explained(KEYSTORE_UNREADABLE, folder):
        return folder.stat().st_uid != os.geteuid() and not os.access(folder, os.W_OK, effective_ids=True)


def read_public(path: Path) -> bytes:
    """Return the content of a file that is no secret."""
    with _explained(KEYSTORE_UNREADABLE, path):
        return path.read_bytes()


def identity(path: Path) -> tuple[int, ...] | None:
    """Return what tells a file from one that has replaced it, also in its place; None without a file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeystoreError.because(
            KEYSTORE_UNREADABLE, path=path, reason=error.strerror or "unknown reason"
        ) from error
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def read_private(path: Path) -> bytes:
    """Return the content of a private file. Raises KeystoreError if it is missing or others can read it."""
    check_private(path)
    with _explained(KEYSTORE_UNREADABLE, path):
        return path.read_bytes()


def write_private(path: Path, data: bytes) -> None:
    """Write a new file with mode 0600, synced, completely or not at all. Raises Conflict if it exists.

    It is written under another name and then linked: a crash leaves no partial key, and an existing file is never
    replaced.
    """
    with _explained(KEYSTORE_UNWRITABLE, path):
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_DRAFT, dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(draft)
        except FileExistsError as error:
            raise Conflict.because(KEYSTORE_EXISTS, path=path) from error
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)


def remove_private(path: Path) -> None:
    """Delete a file. Idempotent."""
    with _explained(KEYSTORE_UNWRITABLE, path):
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)


def free_bytes(folder: Path) -> int:
    """Return how many bytes this user can write to the disk of the folder."""
    with _explained(KEYSTORE_UNREADABLE, folder):
        return shutil.disk_usage(folder).free


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(rule: Rule, path: Path) -> Iterator[None]:
    """Raise a KeystoreError with path and remedy in place of an OSError."""
    try:
        yield
    except OSError as error:
        raise KeystoreError.because(rule, path=path, reason=error.strerror or "unknown reason") from error
