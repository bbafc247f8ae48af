"""Steps, and a runbook made of steps; the steps themselves are elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cryptography import x509

from ca_service.pki.contents import serial_text
from ca_service.vos.phrases import phrase
from ca_service.vos.products import Effect, Product, Release
from ca_service.vos.purposes import Purpose


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `key` is the same as long as it is the same thing: marks are kept under it.

    `nodes` are where it is done, empty for anywhere. `files` and `purpose` are for the upload page, `commands` are
    lines for the node's own command line, `terminal` and `powershell` those for the computer of the administrator,
    `answer` is what they print if all is well. `details` are (label, text). `effect` is that of a restart, `undo` the
    way back.
    `why` is the reason, `sources` are tags; what is not confirmed was inferred from them. A preface is read before the
    numbered steps. `follows_from` are the keys of later steps: once one of them is done, nothing is left to do here.
    """

    title: str
    text: str
    key: str = ""
    nodes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    purpose: str = ""
    commands: tuple[str, ...] = ()
    terminal: tuple[str, ...] = ()
    powershell: tuple[str, ...] = ()
    answer: str = ""
    details: tuple[tuple[str, str], ...] = ()
    effect: Effect | None = None
    undo: str = ""
    why: str = ""
    sources: tuple[str, ...] = ()
    is_confirmed: bool = True
    is_optional: bool = False
    is_preface: bool = False
    follows_from: tuple[str, ...] = ()

    def is_on(self, node: str) -> bool:
        """Return whether it is for this node, or for none in particular."""
        return not self.nodes or node in self.nodes

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """Return everything that is said of it under a label: waiting, minutes, users, way back, and the details."""
        found = []
        if self.effect:
            found += [
                ("Wait until", self.effect.wait.text),
                ("Takes", phrase("about {minutes} minutes", minutes=self.effect.minutes)),
                ("Users notice", self.effect.users),
            ]
        if self.undo:
            found.append(("Way back", self.undo))
        return (*found, *self.details)


@dataclass(frozen=True, slots=True)
class Section:
    """Steps that belong together. `text` says why, and explains the terms that appear here first.

    `brief` is what a brief text says below the title: a rule that holds for all steps.
    """

    title: str
    text: str
    steps: tuple[Step, ...]
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Runbook:
    """The steps, in order. `warnings` are read before anything is signed, `remarks` when there is time.

    `accesses` are what the administrator needs before the first step. A brief one has titles, files and commands in
    its text file; everything else is on its page.
    """

    title: str
    warnings: tuple[Step, ...]
    sections: tuple[Section, ...]
    accesses: tuple[str, ...] = ()
    remarks: tuple[Step, ...] = ()
    is_brief: bool = False

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
        return serial_text(self.certificate.serial_number) if self.certificate else ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node for which the certificate holds, its own first."""
        return (self.node, *self.covers)


def passed_over(steps: Sequence[Step], done: Collection[str]) -> frozenset[str]:
    """Return the keys of the optional steps after which a step on the same node is done: they come last."""
    later, found = set[str](), set[str]()
    for step in reversed(steps):
        if step.key in done:
            later |= {"", *step.nodes}
        elif step.is_optional and not later.isdisjoint(step.nodes or ("",)):
            found.add(step.key)
    return frozenset(found)


def verify_keys(leaves: Sequence[Leaf]) -> tuple[str, ...]:
    """Return the keys of the steps that look whether these leaves are served."""
    return tuple(verify_key(leaf.purpose, leaf.serial_number) for leaf in leaves)


def upload_key(purpose: Purpose, serial_number: str) -> str:
    """Return the key of the step that uploads this leaf. Serial numbers are 40 hex digits."""
    return f"upload/{purpose.service}/{serial_number}"


def verify_key(purpose: Purpose, serial_number: str) -> str:
    """Return the key of the step that looks whether this leaf is served."""
    return f"verify/{purpose.service}/{serial_number}"
