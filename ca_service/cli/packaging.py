"""Knows the forms in which certificates leave the command, and hands them to their target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from ca_service.authority.certificates import CertificateRecord
from ca_service.authority.installation import Installation
from ca_service.cli.console import Console, as_text
from ca_service.cli.documents import certificate_document, upload_documents
from ca_service.cli.inputs import STANDARD
from ca_service.cli.outputs import Target
from ca_service.vos import formats
from ca_service.vos.bundle import Bundle, BundleFile, Delivery, bundle_of

FORMATS: Final = (*formats.FORMATS, "json")
_BINARY: Final = ("zip", "der")  # these do not go to a terminal unless somebody says so


@dataclass(frozen=True, slots=True)
class Parcel:
    """Certificates on their way out. `document` tells a script all about them."""

    bundle: Bundle
    deliveries: tuple[Delivery, ...]
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Packaging:
    """What the user wants to have, and where."""

    format: str
    target: Target

    @classmethod
    def of(cls, console: Console, format: str, out: str | None, *, force: bool) -> Packaging:
        """Packaging with the usual target: text goes to standard output unless JSON is there already."""
        if out is None and (format == "json" or (format not in _BINARY and not console.as_json)):
            out = STANDARD
        return cls(format, Target(out, force))

    def check(self, console: Console, count: int) -> None:
        """Raise InvalidInput or Conflict for what cannot be done with so many certificates."""
        if self.format != "json":
            formats.require_format(self.format, count)
        if self.format != "json" or not self.target.is_standard_output:  # which is what --json wants, too
            self.target.check(console)

    def write(self, parcel: Parcel) -> Path | None:
        """Write the certificates in the wanted form; None where they went to standard output."""
        file = _file(parcel, self.format)
        return self.target.write(file.path, file.data)

    def answer(self, console: Console, parcel: Parcel, path: Path | None, lines: Iterable[str]) -> None:
        """Tell about it, beside the certificates themselves if those went to standard output."""
        if path is None:
            console.remark(*lines)
        else:
            console.answer({**parcel.document, "file": str(path)}, lines)


def parcel(installation: Installation, records: Sequence[CertificateRecord], format: str | None) -> Parcel:
    """Pack these certificates for this format; a bundle takes their receipts along."""
    deliveries = tuple(installation.issuance.delivery(record) for record in records)
    if format == "zip":
        deliveries = installation.receipts.attached(deliveries)
    bundle = bundle_of(deliveries)
    document = {
        "certificates": [certificate_document(*pair) for pair in zip(records, deliveries, strict=True)],
        "uploads": upload_documents(bundle),
    }
    return Parcel(bundle, deliveries, document)


def _file(parcel: Parcel, format: str) -> BundleFile:
    if format == "json":
        name = f"{parcel.bundle.name.removesuffix('.zip')}.json"
        return BundleFile(name, f"{as_text(parcel.document)}\n".encode())
    return formats.as_file(parcel.deliveries, format, parcel.bundle)


out_option = click.option(
    "--out",
    metavar="FILE",
    help="File or folder to write to; `-` is standard output. [default: a named file here for zip and der]",
)
force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")
