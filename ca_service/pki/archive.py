"""Files with several CSRs: ZIPs, with limits on number and size of their files, and PEM texts with several blocks."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ca_service.errors import Finding, InvalidInput, Rule
from ca_service.pki.armour import CSR_FORMAT, MAX_REQUEST_BYTES, requests_in

ARCHIVE_COUNT: Final = Rule(
    "archive.count",
    "The ZIP has no usable file, or too many: the limit is {limit} files.",
    "Add only .csr files to it, {limit} at most.",
)
ARCHIVE_DAMAGED: Final = Rule(
    "archive.damaged",
    "The ZIP cannot be opened: it is damaged or needs a password.",
    "Create it again without a password, or upload the .csr files.",
)
ARCHIVE_FILE_TOO_LARGE: Final = Rule(
    "archive.file-too-large",
    "The file {name} in the ZIP is too large for a CSR.",
    "Add only .csr files to the ZIP. The limit is {limit} bytes for each.",
)

ARCHIVE_TOO_LARGE: Final = Rule(
    "archive.too-large",
    "The files in the ZIP have more than {limit} bytes together.",
    "Add only .csr files to the ZIP, or send them in several ZIPs.",
)

MAX_UNPACKED_BYTES: Final = 8 * 1024 * 1024
_MAGIC: Final = b"PK\x03\x04"
_MAX_ENTRIES: Final = 2500
#: What the library raises for a ZIP that is damaged; the last two are faults of its own.
_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError),
    *(LookupError, struct.error),
)
#: Files that show a ZIP to be a document, by their names.
_DOCUMENTS: Final = {
    "[Content_Types].xml": "an Office document (.docx, .xlsx)",
    "mimetype": "an OpenDocument file (.odt, .ods)",
    "META-INF/MANIFEST.MF": "a Java archive (.jar)",
}
_JUNK: Final = ("__macosx/", ".ds_store", "thumbs.db", "desktop.ini")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its name for messages, and its bytes, unchanged."""

    name: str
    data: bytes


def split_all(files: Iterable[Entry], limit: int) -> tuple[Entry, ...]:
    """Return the CSRs in these files, unchanged: those of ZIPs, those of PEM texts, or the files themselves.

    It stops after the first CSR beyond the limit, which the caller refuses. Raises what `read` raises. What is no CSR
    is returned as well, to be judged like any other.
    """
    return tuple(islice((part for file in files for part in _split(file, limit)), limit + 1))


def _split(file: Entry, limit: int) -> Iterator[Entry]:
    for member in read(file.data, limit) if file.data.startswith(_MAGIC) else (file,):
        yield from _parts(member, limit)


def _parts(file: Entry, limit: int) -> Iterator[Entry]:
    found = requests_in(file.data, limit)
    for number, data in enumerate(found, 1):
        yield Entry(f"{file.name} ({number})" if len(found) > 1 else file.name, data)


def read(data: bytes, limit: int) -> tuple[Entry, ...]:
    """Read the files in a ZIP, at most `limit`. Folders and system files of file managers do not count.

    No file is unpacked beyond the size limit of a CSR, whatever the ZIP declares. Raises InvalidInput if the ZIP is
    damaged, encrypted, empty or a document, has more than `limit` files or 2,500 entries, a file that is larger than a
    CSR may be, or more than 8 MiB of them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if document := _document(archive):
                raise InvalidInput(CSR_FORMAT.at("/csr", format=document))
            members = [member for member in archive.infolist()[:_MAX_ENTRIES] if _counts(member)]
            if not 1 <= len(members) <= limit or len(archive.infolist()) > _MAX_ENTRIES:
                raise InvalidInput(_count(limit))
            return tuple(_entries(archive, members))
    except _DAMAGED as error:
        raise InvalidInput(_damaged()) from error


def _document(archive: zipfile.ZipFile) -> str:
    """Return what kind of document uses ZIP as its container; empty for a plain ZIP."""
    return next((kind for name, kind in _DOCUMENTS.items() if name in archive.NameToInfo), "")


def _counts(member: zipfile.ZipInfo) -> bool:
    name = member.filename.lower()
    return not member.is_dir() and not name.startswith(_JUNK) and not name.endswith(_JUNK)


def _entries(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Iterator[Entry]:
    size = 0
    for member in members:
        name = member.filename.rpartition("/")[2]
        with archive.open(member) as file:
            found = file.read(MAX_REQUEST_BYTES + 1)
        if len(found) > MAX_REQUEST_BYTES:
            raise InvalidInput(_large(name))
        size += len(found)
        if size > MAX_UNPACKED_BYTES:
            raise InvalidInput(ARCHIVE_TOO_LARGE.at("/csr", limit=MAX_UNPACKED_BYTES))
        yield Entry(name, found)


def _count(limit: int) -> Finding:
    return ARCHIVE_COUNT.at("/csr", limit=limit)


def _damaged() -> Finding:
    return ARCHIVE_DAMAGED.at("/csr")


def _large(name: str) -> Finding:
    return ARCHIVE_FILE_TOO_LARGE.at("/csr", name=name[:80], limit=MAX_REQUEST_BYTES)
