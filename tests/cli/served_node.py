"""An emulated node that is served on this machine, for the commands that work on a node."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ca_service.lab.node import LabNode
from ca_service.lab.serving import Ports
from ca_service.pki import encodings

HOST: Final = "cucm1.localhost"
PASSWORD: Final = "lab password"
SECRET: Final = f"{PASSWORD}\n".encode()


@dataclass(frozen=True, slots=True)
class ServedNode:
    """A node, and where it listens."""

    node: LabNode
    ports: Ports

    @property
    def fingerprint(self) -> str:
        """The fingerprint of what the node presents now."""
        return encodings.fingerprint(self.node.served.ecdsa[0].certificate)

    def arguments(self, name: str, *more: str) -> list[str]:
        """The arguments of a command on this node."""
        return ["node", name, f"{HOST}:{self.ports.api}", "--user", "administrator", "--password-stdin", *more]


def lab_node(host: str = HOST, cert_type: str = "") -> LabNode:
    """A node with self-signed certificates, whose clock goes."""
    return LabNode(host, PASSWORD, now=lambda: datetime.now(UTC), stopwatch=time.monotonic, cert_type=cert_type)
