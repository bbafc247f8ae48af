"""The formats in which a command hands out certificates, and the file or stream to which it writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.authority.issuance.issuance import Issued
from ca_service.cli.console import Console, as_text
from ca_service.cli.inputs import STANDARD
from ca_service.cli.outputs import Target
from ca_service.documents.certificates import (
    CertificateDocument,
    Certificates,
    WrittenCertificatesDocument,
    upload_documents,
)
from ca_service.documents.findings import finding_documents
from ca_service.vos import formats
from ca_service.vos.bundle import Bundle, BundleFile, Delivery, bundle_of

FORMATS: Final = (*formats.FORMATS, "json")
_BINARY: Final = ("zip", "der")  # written to a terminal only on request


@dataclass(frozen=True, slots=True)
class Package:
    """Certificates with their bundle, and the document that describes them."""

    bundle: Bundle
    deliveries: tuple[Delivery, ...]
    document: WrittenCertificatesDocument


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
    deliveries = tuple(installation.issuance.delivery(record) for record in issued.certificates)
    if format == "zip":
        deliveries = installation.receipts.attached(deliveries)
    bundle = bundle_of(deliveries)
    document = WrittenCertificatesDocument(
        certificates=_described(installation, issued.certificates, deliveries),
        findings=finding_documents(issued.findings),
        created=issued.created,
        uploads=upload_documents(bundle),
        file=None,
    )
    return Package(bundle, deliveries, document)


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
    return formats.as_file(package.deliveries, format, package.bundle)


out_option = click.option(
    "--out",
    metavar="FILE",
    help="File or folder to write to; `-` is standard output. [default: a named file here for zip and der]",
)
force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")
