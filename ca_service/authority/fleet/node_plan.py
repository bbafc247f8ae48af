"""Plans for nodes: where a purpose of a node stands, and what has to change on it.

Nothing of a plan is stored. It is derived from the snapshot of the node and from the certificates issued here:

    NO_CSR     nothing usable on the node  --the driver orders a CSR-->  UNSIGNED
    UNSIGNED   a CSR on the node           --the driver submits it, a rule or an approver approves it-->  SIGNED
    SIGNED     its certificate exists here --the driver sends root, then intermediate, if they are missing; then the
                                             certificate-->  INSTALLED
    INSTALLED  the node has it             --a person restarts the services-->  served, which a probe shows
    any        the certificate ends soon, or is revoked  -->  NO_CSR
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ca_service.authority.certificates import CertificateRecord
from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import csr, encodings, names
from ca_service.pki.csr import CertificationRequest
from ca_service.pki.visible_text import visible
from ca_service.vos import certificate_api
from ca_service.vos.certificate_api import NodeIdentity, Snapshot
from ca_service.vos.destinations import foreign_names
from ca_service.vos.fit_chain import clashes
from ca_service.vos.phrases import Phrase, phrase
from ca_service.vos.purposes import TOMCAT_ECDSA, Purpose
from ca_service.vos.trust_store import Entry

NODE_DUPLICATE: Final = Rule(
    "node.duplicate",
    "{store} holds {count} certificates called \u201c{name}\u201d. Cisco does not support several of one name.",
    "Delete those that no certificate in use needs: Certificate Management > {store}.",
    Severity.WARNING,
)
NODE_CSR_UNREADABLE: Final = Rule(
    "node.csr-unreadable",
    "The node has a CSR for {service} that cannot be read.",
    "Replace it by a new one. Its key is lost then.",
    options="--new-csr, new_csr",
)
NODE_CSR_REPLACED: Final = Rule(
    "node.csr-replaced",
    "The node has a CSR for {service}. A new one replaces it and its key, so that its certificate is of no use.",
    "Without a new CSR, the one that is there is used.",
    Severity.WARNING,
    options="--new-csr, new_csr",
)

NODE_OPTIONS: Final = Rule(
    "node.options",
    "The API of {host} offers: {options}",
    "If it does not offer what the CSR asks for, generate the CSR in Cisco Unified OS Administration. The CSR asks for "
    "{asked}. Cisco does not document these values for EC keys.",
    Severity.NOTE,
)
NODE_CSR_NAMES: Final = Rule(
    "node.csr-names",
    "The CSR of {host} has names of other hosts: {names}.",
    "Find out why. Replace it by a new one, or have it signed on the page Sign, where an approver sees its names.",
    options="--new-csr, new_csr",
)

_MAX_DUPLICATES: Final = 10
_MAX_FOREIGN: Final = 10


class Stage(StrEnum):
    """The stage of a purpose on a node."""

    NO_CSR = "no CSR"
    UNSIGNED = "unsigned"
    SIGNED = "signed"
    INSTALLED = "installed"


class Kind(StrEnum):
    """A kind of change."""

    CSR = "csr"
    SIGN = "sign"
    TRUST = "trust"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Order:
    """The wanted certificate: purpose, curve of a new key, product and version, lifetime in days."""

    purpose: Purpose = TOMCAT_ECDSA
    curve: str = "P-384"
    product: str = ""
    version: str = ""
    validity_days: int | None = None
    new_csr: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One change: on the node, or here for SIGN.

    `certificate` is the authority of a TRUST; `csr` that of a SIGN or an IDENTITY, DER, empty until the node has it.
    What is not confirmed by Cisco's documents was inferred from them.
    """

    kind: Kind
    text: Phrase
    is_confirmed: bool = True
    certificate: x509.Certificate | None = None
    csr: bytes = b""

    @property
    def key(self) -> str:
        """The same for the same change: its kind, and the fingerprint of the authority or the CSR."""
        if self.certificate:
            return f"{self.kind.value}:{encodings.fingerprint(self.certificate)}"
        return f"{self.kind.value}:{hashlib.sha256(self.csr).hexdigest()}" if self.csr else self.kind.value


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts behind a plan: what the node has, and what is known here.

    `request`, `csr_findings` and `signed` are about the CSR on the node; `ours` is its present certificate, if it was
    issued here and is good. `authorities` has the issuing one first, the root last. `peers` are the nodes of its
    clusters.
    """

    host: str
    purpose: Purpose
    curve: str
    snapshot: Snapshot
    authorities: tuple[x509.Certificate, ...]
    now: datetime
    new_csr: bool = False
    csr: bytes = b""
    peers: frozenset[str] = frozenset()
    request: CertificationRequest | None = None
    csr_findings: tuple[Finding, ...] = ()
    signed: CertificateRecord | None = None
    ours: CertificateRecord | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes on a node, in their order; findings that are errors prevent all of it.

    `present` is the certificate that the node has for the purpose, `certificate` ours: installed, or to be sent.
    """

    host: str
    purpose: Purpose
    stage: Stage
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]
    present: x509.Certificate | None
    certificate: CertificateRecord | None
    csr: bytes
    request: CertificationRequest | None
    common_name: str
    curve: str

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its changes, with which a person confirms them."""
        return frozenset(change.key for change in self.changes)


def outstanding(identity: NodeIdentity) -> bytes:
    """Return the CSR that waits for its certificate; one whose certificate the node has is used up."""
    if not identity.csr or identity.certificate is None:
        return identity.csr
    mine = identity.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"" if csr.public_key_in(identity.csr) == mine else identity.csr


def with_options(plan: Plan, offered: str) -> Plan:
    """Return the plan with a note of what the API of the node offers for a CSR."""
    asked = certificate_api.csr_body(plan.purpose, plan.common_name, plan.curve).decode()
    note = NODE_OPTIONS.at(host=plan.host, options=offered, asked=asked)
    return replace(plan, findings=(*plan.findings, note))


def plan_of(facts: Facts) -> Plan:
    """Return the plan that follows from the facts."""
    identity = facts.snapshot.identity(facts.purpose)
    stage = _stage(facts, identity)
    findings = tuple(_findings(facts, identity, stage))
    return Plan(
        host=facts.host,
        purpose=facts.purpose,
        stage=stage,
        changes=() if stage is Stage.INSTALLED else tuple(_changes(facts, identity, stage)),
        findings=findings,
        present=identity.certificate,
        certificate=facts.ours if stage is Stage.INSTALLED else facts.signed if stage is Stage.SIGNED else None,
        csr=facts.csr,
        request=facts.request,
        common_name=certificate_api.common_name(facts.host, identity.certificate),
        curve=facts.curve,
    )


def _stage(facts: Facts, identity: NodeIdentity) -> Stage:
    if facts.new_csr:
        return Stage.NO_CSR
    if facts.csr or (identity.has_csr and not identity.csr):
        return Stage.SIGNED if facts.signed else Stage.UNSIGNED
    return Stage.INSTALLED if facts.ours and not facts.ours.ends_soon(facts.now) else Stage.NO_CSR


def _findings(facts: Facts, identity: NodeIdentity, stage: Stage) -> Iterator[Finding]:
    service = facts.purpose.service
    if stage is Stage.UNSIGNED and not facts.csr:
        yield NODE_CSR_UNREADABLE.at("/csr", service=service)
    if stage is Stage.NO_CSR and identity.has_csr and facts.csr:
        yield NODE_CSR_REPLACED.at("/csr", service=service)
    if stage in (Stage.UNSIGNED, Stage.SIGNED):
        yield from facts.csr_findings
    if stage is Stage.UNSIGNED and facts.request:
        yield from _foreign(facts, facts.request)
    there = facts.snapshot.trusted(facts.purpose)
    if stage is not Stage.INSTALLED:
        yield from clashes(_missing(facts.authorities, there), there)
    yield from _duplicates(facts.purpose, there)


def _foreign(facts: Facts, request: CertificationRequest) -> Iterator[Finding]:
    """Yield what prevents that a node gets a certificate for other hosts."""
    if found := foreign_names(request, facts.host, facts.peers):
        yield NODE_CSR_NAMES.at("/csr", host=facts.host, names=visible(", ".join(found[:_MAX_FOREIGN])))


def _duplicates(purpose: Purpose, there: Sequence[Entry]) -> Iterator[Finding]:
    found = dict[str, set[x509.Certificate]]()
    for entry in there:
        if entry.certificate is not None:
            found.setdefault(names.label(entry.certificate.subject), set()).add(entry.certificate)
    several = [(name, len(certificates)) for name, certificates in found.items() if len(certificates) > 1]
    for name, count in several[:_MAX_DUPLICATES]:
        yield NODE_DUPLICATE.at("/trust", store=purpose.trust, name=name, count=count)


def _missing(authorities: Sequence[x509.Certificate], there: Sequence[Entry]) -> list[x509.Certificate]:
    """Return the authorities that the trust store lacks, the root first."""
    known = {entry.certificate for entry in there}
    return [each for each in reversed(authorities) if each not in known]


def _changes(facts: Facts, identity: NodeIdentity, stage: Stage) -> Iterator[Change]:
    purpose, pending = facts.purpose, b"" if stage is Stage.NO_CSR else facts.csr
    if stage is Stage.NO_CSR:
        yield Change(Kind.CSR, _csr_text(facts, identity), is_confirmed=False)
    if stage in (Stage.NO_CSR, Stage.UNSIGNED):
        text = phrase("Have the CSR signed here, by the usual rules of approval.")
        yield Change(Kind.SIGN, text, csr=pending)
    for certificate in _missing(facts.authorities, facts.snapshot.trusted(purpose)):
        name = names.label(certificate.subject)
        text = phrase("Upload \u201c{name}\u201d to {store}.", name=name, store=purpose.trust)
        yield Change(Kind.TRUST, text, certificate=certificate)
    text = _identity_text(purpose, identity.certificate)
    yield Change(Kind.IDENTITY, text, is_confirmed=False, csr=pending)


def _csr_text(facts: Facts, identity: NodeIdentity) -> Phrase:
    return phrase(
        "Generate a CSR for {service} on the node: {name}, EC key on {curve}, this server alone.",
        service=facts.purpose.service,
        name=certificate_api.common_name(facts.host, identity.certificate),
        curve=facts.curve,
    )


def _identity_text(purpose: Purpose, present: x509.Certificate | None) -> Phrase:
    if present is None:
        return phrase("Upload the certificate as {service}. The node deletes its CSR.", service=purpose.service)
    return phrase(
        "Upload the certificate as {service}, in place of \u201c{name}\u201d (until {end}). The node deletes its CSR.",
        service=purpose.service,
        name=names.label(present.subject),
        end=present.not_valid_after_utc.date().isoformat(),
    )
