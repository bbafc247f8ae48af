"""Knows the bundle that a node's administrator takes home: numbered files, steps, checksums, one ZIP.

The same certificates give the same bytes: nothing in it comes from a clock or a random source, and
entries are stored rather than compressed, because deflate differs between versions of zlib.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from ca_service.pki import encodings, names
from ca_service.vos.purposes import TOMCAT_ECDSA
from ca_service.vos.steps import SOURCES, Step, as_text, server_steps, vos_steps

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP can tell
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
_SUMS: Final = "SHA256SUMS"
_MAX_NAME: Final = 64  # Windows ends a path at 260 characters, folders included
_FULL_CHAIN: Final = "fullchain.pem"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One leaf to be delivered, with its authorities: the issuing one first, the root last."""

    host: str
    leaf: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    is_vos: bool

    @property
    def serial_number(self) -> str:
        """The serial number of the leaf, as text."""
        return encodings.serial_text(self.leaf.serial_number)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle; `path` uses forward slashes. `purpose` is empty for a plain server."""

    path: str
    data: bytes
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A named set of files. `uploads` are those that go on the node, in their order."""

    name: str
    uploads: tuple[BundleFile, ...]
    extras: tuple[BundleFile, ...]
    steps: tuple[Step, ...]

    def to_zip(self) -> bytes:
        """The ZIP, with SHA256SUMS over all other files; byte-identical when made again."""
        return _zip((*self.uploads, *self.extras))


def safe_name(host: str) -> str:
    """The host as a part of a file name: ASCII, lower case, safe on every system, never empty."""
    name = re.sub(r"[^a-z0-9.-]+", "-", host.lower().replace("*", "wildcard")).strip(".-")[:_MAX_NAME].rstrip(".-")
    return f"host-{name}" if _RESERVED.match(name) else name or "host"


def bundle_name(deliveries: Sequence[Delivery]) -> str:
    """What the ZIP of these is called: after the node, or after how many they are."""
    if len(deliveries) > 1:
        return f"{len(deliveries)}-certificates.zip"
    suffix = TOMCAT_ECDSA.service if deliveries[0].is_vos else "server"
    return f"{safe_name(deliveries[0].host)}-{suffix}.zip"


def node_bundle(delivery: Delivery) -> Bundle:
    """The bundle for one leaf."""
    trust, leaf = _trust_files(delivery), _leaf_file(delivery)
    steps = _steps(delivery, [file.path for file in trust], leaf.path)
    return Bundle(
        name=bundle_name([delivery]),
        uploads=(*trust, leaf),
        extras=(*map(_der_copy, (*trust, leaf)), *_documents(delivery, steps)),
        steps=steps,
    )


def bundle_of(deliveries: Sequence[Delivery]) -> Bundle:
    """The bundle for one leaf, or for several: a folder per node, and what they share once.

    Leaves under different authorities, or of different profiles, each get a complete folder.
    """
    if len(deliveries) == 1:
        return node_bundle(deliveries[0])
    shares = len({(delivery.authorities, delivery.is_vos) for delivery in deliveries}) == 1
    trust = _trust_files(deliveries[0]) if shares else ()
    uploads, extras = [*trust], [*map(_der_copy, trust)]
    for folder, delivery in zip(_folders(deliveries), deliveries, strict=True):
        bundle = _below_shared(delivery, trust) if shares else node_bundle(delivery)
        uploads += [_moved(folder, file) for file in bundle.uploads]
        extras += [_moved(folder, file) for file in bundle.extras]
    return Bundle(bundle_name(deliveries), tuple(uploads), tuple(extras), ())


def _below_shared(delivery: Delivery, trust: Sequence[BundleFile]) -> Bundle:
    """The folder of one leaf whose authorities lie in the folder above."""
    leaf = _leaf_file(delivery)
    steps = _steps(delivery, [f"../{file.path}" for file in trust], leaf.path)
    return Bundle("", (leaf,), (_der_copy(leaf), *_documents(delivery, steps)), steps)


def _folders(deliveries: Sequence[Delivery]) -> list[str]:
    """A folder name for each leaf; hosts that occur twice get a piece of the serial number."""
    hosts = [_folder(delivery) for delivery in deliveries]
    return [
        host if hosts.count(host) == 1 else f"{host}-{delivery.serial_number[-8:]}"
        for host, delivery in zip(hosts, deliveries, strict=True)
    ]


def _folder(delivery: Delivery) -> str:
    """The host, unless a file beside the folders is called so."""
    name = safe_name(delivery.host)
    files = {file.path.lower() for file in _trust_files(delivery)} | {"der", _SUMS.lower()}
    return f"node-{name}" if name in files else name


def _moved(folder: str, file: BundleFile) -> BundleFile:
    return BundleFile(f"{folder}/{file.path}", file.data, file.purpose)


def _trust_files(delivery: Delivery) -> tuple[BundleFile, ...]:
    purpose = TOMCAT_ECDSA.trust if delivery.is_vos else ""
    ending = f".{purpose}.pem" if purpose else ".pem"
    downwards = delivery.authorities[::-1]
    return tuple(
        BundleFile(f"{number}-{'root' if number == 1 else 'intermediate'}{ending}", encodings.pem(certificate), purpose)
        for number, certificate in enumerate(downwards, 1)
    )


def _leaf_file(delivery: Delivery) -> BundleFile:
    purpose = TOMCAT_ECDSA.service if delivery.is_vos else ""
    ending = f".{purpose}.pem" if purpose else ".pem"
    number = len(delivery.authorities) + 1
    return BundleFile(f"{number}-{safe_name(delivery.host)}{ending}", encodings.pem(delivery.leaf), purpose)


def _der_copy(file: BundleFile) -> BundleFile:
    certificate = x509.load_pem_x509_certificate(file.data)
    return BundleFile(f"der/{file.path.removesuffix('.pem')}.der", encodings.der(certificate), file.purpose)


def _steps(delivery: Delivery, trust_files: Sequence[str], leaf_file: str) -> tuple[Step, ...]:
    if delivery.is_vos:
        return vos_steps(TOMCAT_ECDSA, delivery.host, delivery.serial_number, trust_files, leaf_file)
    return server_steps(delivery.host, trust_files, leaf_file, _FULL_CHAIN)


def _documents(delivery: Delivery, steps: Sequence[Step]) -> Iterator[BundleFile]:
    """What lies beside the certificates."""
    chain = (delivery.leaf, *delivery.authorities)
    yield BundleFile("chain.p7b", encodings.p7b(chain))
    yield BundleFile("UPLOAD.txt", _upload_text(delivery, steps).encode())
    if not delivery.is_vos:
        yield BundleFile(_FULL_CHAIN, encodings.pem_chain(chain[:-1]))


def _upload_text(delivery: Delivery, steps: Sequence[Step]) -> str:
    leaf = delivery.leaf
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    facts = [
        ("Subject", names.name_text(leaf.subject)),
        ("Names", ", ".join(names.general_names_text(found))),
        ("Serial number", delivery.serial_number),
        ("Valid", f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"),
        ("Fingerprint", f"{encodings.fingerprint(leaf)} (SHA-256)"),
    ]
    if delivery.is_vos:
        facts.append(("chain.p7b", "all certificates in one file, in no order: upload the numbered files instead"))
        facts.append(("Sources", SOURCES))
    return as_text(f"Certificate for {delivery.host}", steps, facts)


def _zip(files: Sequence[BundleFile]) -> bytes:
    sums = "".join(f"{hashlib.sha256(file.data).hexdigest()}  {file.path}\n" for file in files)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in (*files, BundleFile(_SUMS, sums.encode("ascii"))):
            entry = zipfile.ZipInfo(file.path, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
            archive.writestr(entry, file.data)
    return buffer.getvalue()
