"""The bundle for the administrator of a node: numbered files, steps, checksums, in one ZIP.

The same certificates give the same bytes: nothing in the bundle depends on a clock or a random source, and entries are
stored and not compressed, because deflate differs between versions of zlib.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Final

from cryptography import x509

from ca_service.pki import encodings, names
from ca_service.pki.chain import Chain
from ca_service.pki.contents import extended_key_usage_names, find_value, serial_text
from ca_service.vos.file_names import leaf_file, safe_name, trust_file
from ca_service.vos.general_steps import client_steps, general_runbook, server_steps, vos_steps
from ca_service.vos.purposes import Purpose
from ca_service.vos.runbook import Facts, as_html, as_text, cluster_runbook
from ca_service.vos.runbook_running import check_scripts
from ca_service.vos.steps import Leaf, Node, Runbook, Section, Step

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time of a ZIP entry
_SUMS: Final = "SHA256SUMS"
_FULL_CHAIN: Final = "fullchain.pem"
_RECEIPT: Final = "receipt.json"
_VERIFIER: Final = "verify_receipt.py"
_MAX_LINES: Final = 40  # of UPLOAD.txt, which is read between two uploads
_IN_THE_CLUSTER: Final = "RUNBOOK.txt in the folder above has these steps, once for all certificates of the cluster."
_PAGE: Final = "the .html file beside this one"  # a document may be renamed, and its page with it


@dataclass(frozen=True, slots=True)
class Delivery:
    """One leaf to deliver, with its authorities: the issuing one first, the root last.

    `purpose` is None for a plain server. `node` is the node, if its product is known; `covers` are the other nodes that
    a multi-server certificate covers. `receipt` proves that the certificate is in the audit log of the authority; it
    is empty if there is none.
    """

    host: str
    leaf: x509.Certificate
    authorities: tuple[x509.Certificate, ...]
    purpose: Purpose | None
    node: Node | None = None
    covers: tuple[Node, ...] = ()
    receipt: bytes = b""

    @property
    def serial_number(self) -> str:
        """The serial number of the leaf, as text."""
        return serial_text(self.leaf.serial_number)

    @property
    def is_for_client(self) -> bool:
        """Whether the leaf is for a TLS client alone."""
        found = find_value(self.leaf.extensions, x509.ExtendedKeyUsage)
        return extended_key_usage_names(found) == ("clientAuth",)


@dataclass(frozen=True, slots=True)
class BundleFile:
    """One file of a bundle; `path` uses forward slashes. `purpose` is empty for a plain server.

    `certificate` is the certificate in the file, if that is what it holds.
    """

    path: str
    data: bytes
    purpose: str = ""
    certificate: x509.Certificate | None = None


@dataclass(frozen=True, slots=True)
class Bundle:
    """A named set of files. `uploads` are the files for the node, in the order of upload."""

    name: str
    uploads: tuple[BundleFile, ...]
    extras: tuple[BundleFile, ...]
    steps: tuple[Step, ...]

    def to_zip(self) -> bytes:
        """Return the ZIP, with SHA256SUMS over all other files; the same bytes each time."""
        files = (*self.uploads, *self.extras)
        return stored_zip((*files, checksums(_SUMS, files)))


def bundle_name(deliveries: Sequence[Delivery]) -> str:
    """Return the name of the ZIP: that of the node, or the number of certificates."""
    if len(deliveries) > 1:
        return f"{len(deliveries)}-certificates.zip"
    return f"{safe_name(deliveries[0].host)}-{_service(deliveries[0])}.zip"


def _service(delivery: Delivery) -> str:
    if delivery.purpose is not None:
        return delivery.purpose.service
    return "client" if delivery.is_for_client else "server"


def node_bundle(delivery: Delivery) -> Bundle:
    """Return the bundle for one leaf."""
    trust, leaf = _trust_files(delivery), _leaf_file(delivery)
    runbook = _runbook(delivery, [file.path for file in trust], leaf.path)
    return Bundle(
        name=bundle_name([delivery]),
        uploads=(*trust, leaf),
        extras=(*_der_copies((*trust, leaf)), *_documents(delivery, runbook), *_verifier([delivery])),
        steps=(*runbook.warnings, *runbook.steps),
    )


def bundle_of(deliveries: Sequence[Delivery]) -> Bundle:
    """Return the bundle for one leaf, or for several: a folder per node, and the files that they share once.

    Leaves under different authorities, or of different profiles, each get a complete folder.
    """
    if len(deliveries) == 1:
        return node_bundle(deliveries[0])
    shares = len({(delivery.authorities, delivery.purpose) for delivery in deliveries}) == 1
    trust = _trust_files(deliveries[0]) if shares else ()
    uploads, extras = [*trust], [*_der_copies(trust)]
    for folder, delivery in zip(_folders(deliveries), deliveries, strict=True):
        bundle = _below_shared(delivery, trust) if shares else node_bundle(delivery)
        uploads += [_moved(folder, file) for file in bundle.uploads]
        extras += [_moved(folder, file) for file in bundle.extras]
    if shares:
        extras += _verifier(deliveries)
    return Bundle(bundle_name(deliveries), tuple(uploads), tuple(extras), ())


def cluster_bundle(name: str, deliveries: Sequence[Delivery], nodes: Sequence[Node], authorities: Chain) -> Bundle:
    """Return the bundle of a cluster: the runbook at the top, files for all nodes once, and a folder per node.

    Every delivery has its node. `authorities` are those of all deliveries, the newest issuing one first, the root last:
    there are several issuing ones while the nodes of a cluster change from one to the next.
    """
    deliveries = [replace(delivery, authorities=authorities) for delivery in deliveries]
    # By store: purposes that share one have its files once.
    stores = {delivery.purpose and delivery.purpose.trust: delivery.purpose for delivery in deliveries}
    trust = [file for purpose in stores.values() for file in _trust_files(replace(deliveries[0], purpose=purpose))]
    leaves = [
        Leaf(each.node, each.purpose, each.leaf, each.covers) for each in deliveries if each.node and each.purpose
    ]
    runbook = cluster_runbook(name, nodes, leaves, authorities)
    uploads, extras = list(trust), list(_der_copies(trust))
    for delivery in deliveries:
        below = _below_shared(delivery, [file for file in trust if _is_for(file, delivery)], _near(delivery, nodes))
        folder = safe_name(delivery.host)
        uploads += [_moved(folder, file) for file in below.uploads]
        extras += [_moved(folder, _named_after(file, delivery, deliveries)) for file in below.extras]
    extras += [*_written("RUNBOOK", runbook, ()), *_verifier(deliveries)]
    return Bundle(f"{safe_name(name)}.zip", tuple(uploads), tuple(extras), (*runbook.warnings, *runbook.steps))


def _is_for(file: BundleFile, delivery: Delivery) -> bool:
    return delivery.purpose is not None and file.purpose == delivery.purpose.trust


def _named_after(file: BundleFile, delivery: Delivery, deliveries: Sequence[Delivery]) -> BundleFile:
    """Return a document of a leaf, with its purpose in front of its name if the node has several leaves."""
    is_alone = sum(each.host == delivery.host for each in deliveries) == 1
    if is_alone or delivery.purpose is None or file.path.startswith(("der/", "check-")):
        return file
    return replace(file, path=f"{delivery.purpose.service}-{file.path}")


def _near(delivery: Delivery, nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes of the same products, including the publisher, which replicates the authorities."""
    products = {node.product.id for node in (delivery.node, *delivery.covers) if node}
    return [node for node in nodes if node.product.id in products]


def _below_shared(delivery: Delivery, trust: Sequence[BundleFile], near: Sequence[Node] = ()) -> Bundle:
    """Return the folder of one leaf whose authorities are in the folder above."""
    leaf = _leaf_file(delivery)
    runbook = _runbook(delivery, [f"../{file.path}" for file in trust], leaf.path, near)
    return Bundle("", (leaf,), (*_der_copies([leaf]), *_documents(delivery, runbook, is_in_cluster=bool(near))), ())


def _folders(deliveries: Sequence[Delivery]) -> list[str]:
    """Return a folder name for each leaf; hosts that occur twice get a part of the serial number."""
    hosts = [_folder(delivery) for delivery in deliveries]
    return [
        host if hosts.count(host) == 1 else f"{host}-{delivery.serial_number[-8:]}"
        for host, delivery in zip(hosts, deliveries, strict=True)
    ]


def _folder(delivery: Delivery) -> str:
    """Return the host, unless a file beside the folders has that name."""
    name = safe_name(delivery.host)
    files = {file.path.lower() for file in _trust_files(delivery)} | {"der", _SUMS.lower(), _VERIFIER}
    return f"node-{name}" if name in files else name


def _moved(folder: str, file: BundleFile) -> BundleFile:
    return replace(file, path=f"{folder}/{file.path}")


def _trust_files(delivery: Delivery) -> tuple[BundleFile, ...]:
    """Return the authorities, root first."""
    purpose = delivery.purpose
    return tuple(
        _certificate_file(trust_file(number, purpose), certificate, purpose.trust if purpose else "")
        for number, certificate in enumerate(delivery.authorities[::-1], 1)
    )


def _leaf_file(delivery: Delivery) -> BundleFile:
    purpose = delivery.purpose
    path = leaf_file(len(delivery.authorities) + 1, delivery.host, purpose)
    return _certificate_file(path, delivery.leaf, purpose.service if purpose else "")


def _certificate_file(path: str, certificate: x509.Certificate, purpose: str) -> BundleFile:
    return BundleFile(path, encodings.pem(certificate), purpose, certificate)


def _der_copies(files: Sequence[BundleFile]) -> Iterator[BundleFile]:
    """Yield the certificates in these files as DER."""
    for file in files:
        if file.certificate is not None:
            path = f"der/{file.path.removesuffix('.pem')}.der"
            yield BundleFile(path, encodings.der(file.certificate), file.purpose)


def _runbook(delivery: Delivery, trust_files: Sequence[str], leaf_path: str, near: Sequence[Node] = ()) -> Runbook:
    """Return the steps of one leaf: for its product if that is known, or else the uploads alone.

    `near` are the nodes of its cluster that matter to it.
    """
    title = f"Certificate for {delivery.host}"
    purpose, node = delivery.purpose, delivery.node
    if purpose is None:
        if delivery.is_for_client:
            return general_runbook(title, client_steps(leaf_path, _FULL_CHAIN))
        return general_runbook(title, server_steps(delivery.host, trust_files, leaf_path, _FULL_CHAIN))
    if node is None:
        steps = vos_steps(purpose, trust_files, leaf_path)
        return general_runbook(title, steps)
    leaf = Leaf(node, purpose, delivery.leaf, delivery.covers)
    folder = "../" if trust_files[0].startswith("../") else ""
    nodes = near or leaf.nodes
    return cluster_runbook(title, nodes, [leaf], delivery.authorities, has_folders=False, trust_folder=folder)


def _documents(delivery: Delivery, runbook: Runbook, *, is_in_cluster: bool = False) -> Iterator[BundleFile]:
    """Yield the files beside the certificates."""
    chain, facts = (delivery.leaf, *delivery.authorities), tuple(_facts(delivery))
    yield BundleFile("chain.p7b", encodings.p7b(chain))
    text, page = _written("UPLOAD", runbook, facts)
    if is_in_cluster and text.data.count(b"\n") > _MAX_LINES:
        text, _ = _written("UPLOAD", _uploads_of(runbook), facts)
    yield from (text, page)
    if delivery.node and delivery.purpose:
        leaf = Leaf(delivery.node, delivery.purpose, delivery.leaf, delivery.covers)
        yield from (BundleFile(name, text.encode()) for name, text in check_scripts(leaf))
    if delivery.purpose is None:
        yield BundleFile(_FULL_CHAIN, encodings.pem_chain(chain[:-1]))
    if delivery.receipt:
        yield BundleFile(_RECEIPT, delivery.receipt)


def _uploads_of(runbook: Runbook) -> Runbook:
    """Return phases A and B of a runbook; the others are done once for all certificates of a cluster."""
    kept = [section for section in runbook.sections if section.title.startswith(("A.", "B."))]
    return replace(runbook, sections=(*kept, Section("C. Activate, D. Verify", "", (), _IN_THE_CLUSTER)))


def _verifier(deliveries: Sequence[Delivery]) -> Iterator[BundleFile]:
    """Yield the program that checks the receipts, once for all of them, if there are any."""
    if any(delivery.receipt for delivery in deliveries):
        yield _verifier_file()


@cache
def _verifier_file() -> BundleFile:
    return BundleFile(_VERIFIER, resources.files(__package__).joinpath("data", _VERIFIER).read_bytes())


def _written(name: str, runbook: Runbook, facts: Facts) -> tuple[BundleFile, BundleFile]:
    """Return a runbook as text and as a page."""
    return (
        BundleFile(f"{name}.txt", as_text(runbook, facts, _PAGE).encode()),
        BundleFile(f"{name}.html", as_html(runbook, facts).encode()),
    )


def _facts(delivery: Delivery) -> Iterator[tuple[str, str]]:
    leaf = delivery.leaf
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    yield "Subject", names.name_text(leaf.subject) or "empty"
    yield "Names", ", ".join(names.general_names_text(found))
    yield "Serial number", delivery.serial_number
    yield (
        "Valid",
        f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC",
    )
    yield "Fingerprint", f"{encodings.fingerprint(leaf)} (SHA-256)"
    if delivery.purpose is not None:
        yield "chain.p7b", "all certificates in one file, in no order: upload the numbered files instead"
    if delivery.receipt:
        yield (
            _RECEIPT,
            f"proves that the certificate is in the audit log of the authority: run {_VERIFIER} from this bundle",
        )
        yield "Sealing key", f"{json.loads(delivery.receipt)['key']['fingerprint']} (SHA-256)"


def checksums(path: str, files: Sequence[BundleFile]) -> BundleFile:
    """Return the file that `sha256sum -c` checks these files with."""
    sums = "".join(f"{hashlib.sha256(file.data).hexdigest()}  {file.path}\n" for file in files)
    return BundleFile(path, sums.encode("ascii"))


def stored_zip(files: Sequence[BundleFile]) -> bytes:
    """Return a ZIP of these files; the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            entry = zipfile.ZipInfo(file.path, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
            archive.writestr(entry, file.data)
    return buffer.getvalue()
