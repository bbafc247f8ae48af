"""Steps, and a runbook made of steps; the steps themselves are elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from ca_service.pki import encodings
from ca_service.vos.products import Product, Release
from ca_service.vos.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `key` is the same as long as it is the same thing: marks are kept under it.

    `nodes` are where it is done, empty for anywhere. `file` and `purpose` are for the upload page, `commands`
    are lines for the node's own command line, `terminal` those for the computer of the administrator. `cases` are
    (product or port, what to do there), where that differs. `sources` are tags; what is not confirmed was
    inferred from them. A preface is read before the numbered steps.
    """

    title: str
    text: str
    key: str = ""
    nodes: tuple[str, ...] = ()
    file: str = ""
    purpose: str = ""
    commands: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()
    cases: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    is_confirmed: bool = True
    is_optional: bool = False
    is_preface: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Steps that belong together. `text` says why, and explains the terms that appear here first."""

    title: str
    text: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Runbook:
    """The steps, in order. `warnings` are read before anything is signed, `remarks` when there is time."""

    title: str
    warnings: tuple[Step, ...]
    sections: tuple[Section, ...]
    remarks: tuple[Step, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in their order."""
        return tuple(step for section in self.sections for step in section.steps)


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the runbook sees it. `release` is None where nothing is known of its version."""

    fqdn: str
    product: Product
    version: str
    role: str
    release: Release | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """A slot for which there are steps, with its certificate once it is signed.

    `covers` are the other nodes for which a multi-server certificate holds. `is_due` says that a new
    request is wanted although there is a certificate.
    """

    node: Node
    purpose: Purpose
    certificate: x509.Certificate | None = None
    covers: tuple[Node, ...] = ()
    is_due: bool = False

    @property
    def serial_number(self) -> str:
        """The serial number as 40 hex digits; empty before it is signed."""
        return encodings.serial_text(self.certificate.serial_number) if self.certificate else ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node for which the certificate holds, its own first."""
        return (self.node, *self.covers)


def upload_key(purpose: Purpose, serial_number: str) -> str:
    """Return the key of the step that uploads this leaf. Serial numbers are 40 hex digits."""
    return f"upload/{purpose.service}/{serial_number}"


def verify_key(purpose: Purpose, serial_number: str) -> str:
    """Return the key of the step that looks whether this leaf is served."""
    return f"verify/{purpose.service}/{serial_number}"
