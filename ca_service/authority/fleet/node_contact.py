"""Contacts with nodes: the certificate that a node presents, why it is believed, and the ports for its API."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_address
from typing import Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import InvalidInput, NotAllowed, Rule, Unreachable
from ca_service.pki import encodings
from ca_service.vos.certificate_api import Snapshot
from ca_service.vos.purposes import Purpose

NODE_SIGN_IN: Final = Rule(
    "node.sign-in",
    "{host} refused user name and password (401).",
    "They are those of the operating system of this very node. Nothing is tried again, because nodes lock accounts.",
)
NODE_PASSWORD: Final = Rule(
    "node.password",
    "The password of the node is missing.",
    "Give it: it is not stored, so each step needs it. Nothing was sent to the node.",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A node as it is reached: its name, the address that is used for it, and the port of its API."""

    host: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """An administrator of the operating system of a node. They are kept for one run, and in no message.

    Raises InvalidInput without a password.
    """

    user: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.password:
            raise InvalidInput(NODE_PASSWORD.at("/password"))


class Unprivileged(NotAllowed):
    """The node accepts the password, but does not let this user make this call (403)."""


class Unanswered(Unreachable):
    """The password was sent, and what the node makes of it is not known."""


class Warrant(StrEnum):
    """The reason to believe a certificate of a node."""

    PINNED = "pinned"  # a person gave its fingerprint
    ISSUED = "issued"  # it was issued here to a node as a server, is valid, and names the host
    NONE = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """The certificate that a node presents, and why it is believed. Fingerprints are SHA-256, hexadecimal."""

    place: Place
    certificate: x509.Certificate
    warrant: Warrant

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the certificate."""
        return encodings.fingerprint(self.certificate)

    @property
    def identities(self) -> tuple[str, ...]:
        """The name, the address and the certificate by which the node is known. Another name shares one of the others.

        Nodes with one multi-server certificate share the last one.
        """
        address = ip_address(self.place.address)
        plain = getattr(address, "ipv4_mapped", None) or address
        return f"name {self.place.host}", f"address {plain}", f"certificate {self.fingerprint}"

    @property
    def unit(self) -> str:
        """The unit under which the command line of the node shows the certificate: a port may present either."""
        is_ec = isinstance(self.certificate.public_key(), ec.EllipticCurvePublicKey)
        return "tomcat-ECDSA" if is_ec else "tomcat"

    def pinned(self) -> Contact:
        """Return the same after a person has compared the fingerprint."""
        return replace(self, warrant=Warrant.PINNED)


class NodeSession(Protocol):
    """The API of one node, with credentials, over connections to the pinned peer alone.

    All raise Unreachable for no answer or a wrong one, NotAllowed for 401 (NODE_SIGN_IN), Unprivileged for 403, Refused
    for a refusal of the node with its words.
    """

    def read(self) -> Snapshot:
        """Return the snapshot of the node."""

    def read_options(self) -> str:
        """Return what the API offers, as JSON, at most 500 characters."""

    def generate_csr(self, purpose: Purpose, common_name: str, curve: str) -> None:
        """Generate a CSR; it replaces an earlier one and its key."""

    def upload_trust(self, purpose: Purpose, authority: x509.Certificate) -> None:
        """Add an authority to the trust store of a purpose."""

    def upload_identity(self, purpose: Purpose, leaf: x509.Certificate) -> None:
        """Give the purpose its certificate; the node deletes its CSR."""


class NodeClient(Protocol):
    """Connects to nodes."""

    def present(self, place: Place) -> x509.Certificate:
        """Return the certificate that the node presents; nothing else is sent. Raises Unreachable."""

    def open(self, place: Place, fingerprint: str, credentials: Credentials) -> NodeSession:
        """Return a session that sends credentials only to the peer with this certificate."""
