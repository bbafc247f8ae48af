"""The certificate management API of nodes: its paths, the bodies of its calls, and the snapshot that it answers.

CUCM, IM and Presence, Unity Connection and Emergency Responder have it, from release 14. Cisco's pages describe the
calls for the RSA purpose tomcat; the members for an EC key are inferred from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from ca_service.errors import CAServiceError, Rule, Unreachable
from ca_service.pki import armour, names
from ca_service.vos import trust_store
from ca_service.vos.destinations import is_multi_server
from ca_service.vos.purposes import Purpose
from ca_service.vos.trust_store import Entry

NODE_SNAPSHOT: Final = Rule(
    "node.snapshot",
    "The answer of {host} is not a snapshot of its certificates.",
    "Check that the host is a CUCM, IM and Presence, Unity Connection or Emergency Responder of release 14 or later.",
)

BASE: Final = "/platformcom/api/v1/certmgr/config"
SNAPSHOT: Final = f"{BASE}/snapshot/server"
OPTIONS: Final = f"{BASE}/options"
CSR: Final = f"{BASE}/csr"
TRUST: Final = f"{BASE}/trust/certificates"
IDENTITY: Final = f"{BASE}/identity/certificates"
CURVES: Final[Mapping[str, tuple[int, str]]] = {"P-384": (384, "sha384"), "P-256": (256, "sha256")}
_MAX_IDENTITIES: Final = 100


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A purpose on a node: the certificate that it has, and the outstanding CSR (PKCS#10, DER).

    `has_csr` may be true without one: the node has said something that is not a CSR.
    """

    service: str
    certificate: x509.Certificate | None
    csr: bytes
    has_csr: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The certificates of a node: identities and trust stores."""

    identities: tuple[NodeIdentity, ...]
    trust: tuple[Entry, ...]

    def identity(self, purpose: Purpose) -> NodeIdentity:
        """Return the identity of this purpose, an empty one where the node has none."""
        found = (each for each in self.identities if each.service.lower() == purpose.service.lower())
        return next(found, NodeIdentity(purpose.service, None, b"", has_csr=False))

    def trusted(self, purpose: Purpose) -> tuple[Entry, ...]:
        """Return what is in the trust store of this purpose."""
        return tuple(each for each in self.trust if each.store.lower() == purpose.trust.lower())


def read_snapshot(host: str, answer: object) -> Snapshot:
    """Return the snapshot in the answer of a node. Raises Unreachable for another answer."""
    rows = trust_store.objects_in(answer, "identities")
    if not rows or not trust_store.has_entries(answer):
        raise Unreachable.because(NODE_SNAPSHOT, host=host)
    identities = tuple(_identity(row) for row in rows[:_MAX_IDENTITIES])
    return Snapshot(identities, trust_store.entries_of(answer))


def _identity(row: Mapping[str, object]) -> NodeIdentity:
    certificates = trust_store.certificates_in(str(row.get("certificate") or ""))
    text = str(row.get("csr") or "")
    return NodeIdentity(str(row.get("service", "")), next(iter(certificates), None), _csr(text), has_csr=bool(text))


def _csr(text: str) -> bytes:
    try:
        return armour.unwrap(text.encode()) if text.strip() else b""
    except CAServiceError:
        return b""


def common_name(host: str, before: x509.Certificate | None) -> str:
    """Return the common name for a CSR of one server.

    The one of the certificate that the node has for this purpose; otherwise -EC behind the host name, as EC and RSA
    certificates are in one trust store that keeps one of each name (inferred).
    """
    found = (names.common_name(before.subject) if before else None) or ""
    if found and not is_multi_server(found):
        return found
    name, dot, domain = host.partition(".")
    return f"{name}-EC{dot}{domain}"


def csr_body(purpose: Purpose, name: str, curve: str) -> bytes:
    """Return the body that asks for a new CSR of one server."""
    length, digest = CURVES[curve]
    return _json(
        service=purpose.service,
        distribution="this-server",
        commonName=name,
        keyType="ec",
        keyLength=length,
        hashAlgorithm=digest,
    )


def trust_body(purpose: Purpose, pem: str, description: str) -> bytes:
    """Return the body that uploads an authority: `service` is a list, and names the store without -trust."""
    return _json(service=[purpose.trust_unit], certificates=[pem], description=description)


def identity_body(purpose: Purpose, pem: str) -> bytes:
    """Return the body that uploads the certificate of a node."""
    return _json(service=purpose.service, certificates=[pem])


def said_in(body: str) -> str:
    """Return what a node says of an error: `message` or `error` of its JSON; empty for anything else.

    A peer may be no node: the answer of another service is not for the person who asked.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return next(_messages(document), "")


def _messages(document: object) -> Iterator[str]:
    for name in ("message", "error", "messages", "errors"):
        found = document.get(name) if isinstance(document, dict) else None
        if found:
            yield found if isinstance(found, str) else json.dumps(found)


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()
