"""Knows the forms in which certificates leave the command, and hands them to their target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
from cryptography import x509

from ca_service.authority.issuance import Issuance
from ca_service.authority.records import CertificateRecord
from ca_service.cli.console import Console, as_text
from ca_service.cli.documents import certificate_document, upload_documents
from ca_service.cli.inputs import STANDARD
from ca_service.cli.outputs import Target
from ca_service.errors import InvalidInput, blocking
from ca_service.pki import encodings
from ca_service.vos.bundle import Bundle, Delivery, bundle_of

FORMATS: Final = ("zip", "pem", "der", "p7b", "json")
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
        if self.format == "der" and count != 1:
            raise InvalidInput(
                blocking(
                    "format.single",
                    "/format",
                    "A DER file holds one certificate, and this is about {count}.",
                    "Ask for zip, pem or p7b, or give one request at a time.",
                    count=count,
                )
            )
        if self.format != "json" or not self.target.is_standard_output:  # which is what --json wants, too
            self.target.check(console)

    def write(self, parcel: Parcel) -> Path | None:
        """Write the certificates in the wanted form; None where they went to standard output."""
        name = f"{parcel.bundle.name.removesuffix('.zip')}.{self.format}"
        return self.target.write(name, _data(parcel, self.format))

    def answer(self, console: Console, parcel: Parcel, path: Path | None, lines: Iterable[str]) -> None:
        """Tell about it, beside the certificates themselves if those went to standard output."""
        if path is None:
            console.remark(*lines)
        else:
            console.answer({**parcel.document, "file": str(path)}, lines)


def parcel(issuance: Issuance, records: Sequence[CertificateRecord]) -> Parcel:
    """Pack these certificates."""
    deliveries = tuple(issuance.delivery(record) for record in records)
    bundle = bundle_of(deliveries)
    document = {
        "certificates": [certificate_document(*pair) for pair in zip(records, deliveries, strict=True)],
        "uploads": upload_documents(bundle),
    }
    return Parcel(bundle, deliveries, document)


def _data(parcel: Parcel, format: str) -> bytes:
    leaves = [delivery.leaf for delivery in parcel.deliveries]
    everything = [*leaves, *_once(found for delivery in parcel.deliveries for found in delivery.authorities)]
    encoders: dict[str, Callable[[], bytes]] = {
        "zip": parcel.bundle.to_zip,
        "pem": lambda: encodings.pem_chain(everything),
        "der": lambda: encodings.der(leaves[0]),
        "p7b": lambda: encodings.p7b(everything),
        "json": lambda: f"{as_text(parcel.document)}\n".encode(),
    }
    return encoders[format]()


def _once(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    return list(dict.fromkeys(certificates))


out_option = click.option(
    "--out",
    metavar="FILE",
    help="File or folder to write to; `-` is standard output. [default: a named file here for zip and der]",
)
force_option = click.option("--force", is_flag=True, help="Replace the file if it exists.")
