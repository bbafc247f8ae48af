"""Output: the formats in which a command hands out certificates, and files, never over an existing one unless asked."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import click

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.batches import Outcome
from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.console import Console, as_text
from ca_service.cli.inputs import STANDARD
from ca_service.documents.certificates import (
    CertificateDocument,
    Certificates,
    CertificatesDocument,
    WrittenCertificatesDocument,
    upload_documents,
)
from ca_service.documents.findings import finding_documents
from ca_service.documents.requests import RequestDocument
from ca_service.errors import Conflict, Finding, InvalidInput, Rule
from ca_service.vos import formats
from ca_service.vos.bundle import Bundle, BundleFile, Delivery, bundle_of
from ca_service.vos.trust_files import TrustFile

FILE_EXISTS: Final = Rule(
    "file.exists",
    "{path} already exists.",
    "Give another name with --out, or replace it with --force.",
)
SECRET_FILE_EXISTS: Final = Rule(
    "file.secret-exists",
    "{path} already exists and may hold a secret.",
    "Move it away, or give another name with --out.",
)

OUTPUT_TWICE: Final = Rule(
    "output.twice",
    "Both --json and --out - write to standard output.",
    "Name a file with --out, or omit --json.",
)
FILE_UNWRITABLE: Final = Rule(
    "file.unwritable",
    "{path} cannot be written: {reason}.",
    "Check that its folder is there, that you may write to it, and that the disk has room.",
)

_PUBLIC: Final = 0o644
_SECRET: Final = 0o600
FORMATS: Final = (*formats.FORMATS, "json")
_BINARY: Final = ("zip", "der")  # written to a terminal only on request
out_option = click.option(
    "--out",
    metavar="FILE",
    help="File or folder to write to; a folder that ends with / is created; `-` is standard output. "
    "[default: a named file here for zip and der]",
)
force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")


@dataclass(frozen=True, slots=True)
class Target:
    """The place to which a command writes: standard output (`-`), a file, a folder, or the current folder (None)."""

    out: str | None
    force: bool = False
    is_secret: bool = False

    @property
    def is_standard_output(self) -> bool:
        """Whether the bytes go to standard output."""
        return self.out == STANDARD

    def check(self, console: Console) -> None:
        """Refuse what is known before the work begins: --json with standard output, an existing file, no folder."""
        if self.is_standard_output and console.as_json:
            raise InvalidInput.because(OUTPUT_TWICE)
        if self.out and not self.is_standard_output and not Path(self.out).is_dir():
            self._require_free(Path(self.out))
            self._require_folder(self.out)

    def require(self, data: bytes) -> None:
        """Raise Conflict if the file exists with other data."""
        if not _holds(Path(self.out or "."), data):
            self._require_free(Path(self.out or "."))

    def write(self, name: str, data: bytes) -> Path | None:
        """Write the data, under `name` where only a folder is known; None for standard output.

        A file that holds just this already counts as written. Raises Conflict for another one that
        exists, InvalidInput for one that cannot be written.
        """
        if self.is_standard_output:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return None
        path = self._path(name)
        if not self.is_secret and _holds(path, data):
            return path
        self._require_free(path)
        with _explained(path):
            self._write(path, [data])
        return path

    def write_pieces(self, name: str, pieces: Iterable[bytes]) -> Path | None:
        """As `write`, piece by piece; an error while they are made leaves no half a file either."""
        if self.is_standard_output:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return None
        path = self._path(name)
        self._require_free(path)
        with _explained(path):
            self._write(path, pieces)
        return path

    def _require_folder(self, out: str) -> None:
        """Raise InvalidInput without a folder. One with / is made; for a secret it is not: a disk may be out."""
        folder = Path(out) if out.endswith("/") else Path(out).parent
        if not folder.is_dir() and (self.is_secret or not out.endswith("/")):
            raise InvalidInput.because(FILE_UNWRITABLE, path=out, reason=f"there is no folder {folder}")

    def _path(self, name: str) -> Path:
        """Return the file to write, in a folder that is there; a new one ends with /."""
        path = Path(self.out or ".")
        if self.out and self.out.endswith("/"):
            with _explained(path):
                path.mkdir(parents=True, exist_ok=True)
        return path / name if path.is_dir() else path

    def _write(self, path: Path, pieces: Iterable[bytes]) -> None:
        """Leave no half-written file behind where there was none before."""
        exists = os.path.lexists(path)
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if exists else os.O_EXCL)
        descriptor = os.open(path, flags, _SECRET if self.is_secret else _PUBLIC)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                if self.is_secret:
                    os.fsync(descriptor)  # the original may be deleted next
        except BaseException:
            if not exists:
                path.unlink(missing_ok=True)
            raise

    def _require_free(self, path: Path) -> None:
        if not os.path.lexists(path) or (self.force and not self.is_secret):
            return
        raise Conflict.because(SECRET_FILE_EXISTS if self.is_secret else FILE_EXISTS, path=path)


def write_folder(folder: Path, files: Sequence[TrustFile], *, force: bool) -> tuple[Path, ...]:
    """Write the files into a folder, which is created if it is missing, and return their paths.

    Raises Conflict, with nothing written, if another file has one of the names.
    """
    targets = [(Target(str(folder / file.name), force), file) for file in files]
    for target, file in targets:
        target.require(file.data)
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return tuple(path for target, file in targets if (path := target.write(file.name, file.data)))


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:  # the next writer gets the reason
        return False


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput.because(FILE_UNWRITABLE, path=path, reason=error.strerror or type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class Package:
    """Certificates with their bundle, and the document that describes them.

    `archive` is the ZIP that a server made: it has the receipts, and the steps for the products that the server knows.
    """

    bundle: Bundle
    deliveries: tuple[Delivery, ...]
    document: WrittenCertificatesDocument
    archive: bytes = b""


@dataclass(frozen=True, slots=True)
class Made:
    """Certificates that exist by now, and how to pack them. `created` is false if all of them existed before."""

    serial_numbers: tuple[str, ...]
    created: bool
    pack: Callable[[], Package]


Certificate = TypeVar("Certificate")


@dataclass(frozen=True, slots=True)
class Judged(Generic[Certificate]):
    """The outcome for the CSR with this number, from 0; its findings point at it. `request` waits for a decision."""

    number: int
    outcome: Outcome
    findings: tuple[Finding, ...]
    certificate: Certificate | None = None
    request: RequestDocument | None = None


@dataclass(frozen=True, slots=True)
class Packaging:
    """The requested format, and where to write it."""

    format: str
    target: Target

    @classmethod
    def of(cls, console: Console, format: str, out: str | None, *, force: bool) -> Packaging:
        """Return the packaging with the default target: standard output for text, unless JSON is written there."""
        if out is None and (format == "json" or (format not in _BINARY and not console.as_json)):
            out = STANDARD
        return cls(format, Target(out, force))

    def check(self, console: Console, count: int) -> None:
        """Raise InvalidInput or Conflict if this number of certificates cannot be written."""
        if self.format != "json":
            formats.require_format(self.format, count)
        if self.format != "json" or not self.target.is_standard_output:  # which is what --json wants, too
            self.target.check(console)

    def write(self, package: Package) -> Path | None:
        """Write the certificates and return the file; None for standard output."""
        file = _file(package, self.format)
        return self.target.write(file.path, file.data)

    def answer(self, console: Console, package: Package, path: Path | None, lines: Iterable[str]) -> None:
        """Answer with what was written, on standard error if the certificates went to standard output."""
        if path is None:
            console.remark(*lines)
        else:
            console.answer(package.document.model_copy(update={"file": str(path)}), lines)


def package(installation: Installation, issued: Issued, format: str | None) -> Package:
    """Pack these certificates for this format; a bundle includes their receipts."""
    deliveries = tuple(installation.issuance.deliveries(issued.certificates))
    if format == "zip":
        installation.trusted.require(record.issuer_id for record in issued.certificates)
        deliveries = installation.receipts.attached(deliveries)
    described = _described(installation, issued.certificates, deliveries)
    found = CertificatesDocument(certificates=described, findings=finding_documents(issued.findings))
    return packed(found, deliveries, created=issued.created)


def packed(
    found: CertificatesDocument, deliveries: tuple[Delivery, ...], *, created: bool, archive: bytes = b""
) -> Package:
    """Pack certificates that are described already."""
    bundle = bundle_of(deliveries)
    document = WrittenCertificatesDocument(
        certificates=found.certificates,
        findings=found.findings,
        created=created,
        uploads=upload_documents(bundle),
        file=None,
    )
    return Package(bundle, deliveries, document, archive)


def _described(
    installation: Installation, records: Sequence[CertificateRecord], deliveries: Sequence[Delivery]
) -> list[CertificateDocument]:
    revocations = installation.revocation.revocations_of([record.serial_number for record in records])
    describe = Certificates(revocations, installation.clock())
    pairs = zip(records, deliveries, strict=True)
    return [describe.full(record, delivery.authorities) for record, delivery in pairs]


def _file(package: Package, format: str) -> BundleFile:
    if format == "json":
        name = f"{package.bundle.name.removesuffix('.zip')}.json"
        return BundleFile(name, f"{as_text(package.document)}\n".encode())
    if format == "zip" and package.archive:
        return BundleFile(package.bundle.name, package.archive)
    return formats.as_file(package.deliveries, format, package.bundle)
