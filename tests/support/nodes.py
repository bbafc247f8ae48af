"""Nodes without HTTP: a client that talks to the emulated node of the lab directly, and can crash after any call."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cryptography import x509

from ca_service.authority.fleet.node_contact import NODE_SIGN_IN, Credentials, Place
from ca_service.errors import NotAllowed, Refused, Unreachable
from ca_service.lab.node import LabNode, NodeRefusal
from ca_service.nodes.client import NODE_REFUSED
from ca_service.nodes.wire import NODE_UNREACHABLE
from ca_service.vos.certificate_api import CURVES, Snapshot, read_snapshot
from ca_service.vos.purposes import Purpose

Made = TypeVar("Made")


class Killed(BaseException):
    """The process has ended at this line."""


def nothing(_: str) -> None:
    """Do not crash."""


@dataclass(slots=True)
class FakeNodeClient:
    """Connects to these nodes, by host. `hook` is called with the name of each call before and after it."""

    nodes: dict[str, LabNode] = field(default_factory=dict)
    hook: Callable[[str], None] = nothing
    opened: Counter[str] = field(default_factory=Counter)

    def present(self, place: Place) -> x509.Certificate:
        """See the port."""
        return self._node(place).served.ecdsa[0].certificate

    def open(self, place: Place, fingerprint: str, credentials: Credentials) -> FakeNodeSession:
        """See the port."""
        self.opened[fingerprint] += 1
        return FakeNodeSession(self._node(place), credentials, self.hook)

    def _node(self, place: Place) -> LabNode:
        if place.host not in self.nodes:
            raise Unreachable.because(NODE_UNREACHABLE, host=place.host, port=place.port, reason="closed")
        return self.nodes[place.host]


class FakeNodeSession:
    """One session with a node of the lab."""

    def __init__(self, node: LabNode, credentials: Credentials, hook: Callable[[str], None]) -> None:
        self._node = node
        self._credentials = credentials
        self._hook = hook

    def read(self) -> Snapshot:
        """See the port."""
        return read_snapshot(self._node.host, self._made("read", self._node.snapshot))

    def read_options(self) -> str:
        """See the port."""
        return json.dumps(self._made("options", self._node.options))

    def generate_csr(self, purpose: Purpose, common_name: str, curve: str) -> None:
        """See the port."""
        self._made("csr", lambda: self._node.generate_csr(purpose.service, common_name, CURVES[curve][0]))

    def upload_trust(self, purpose: Purpose, authority: x509.Certificate) -> None:
        """See the port."""
        assert purpose.trust_unit == "tomcat"
        self._made("trust", lambda: self._node.upload_trust([authority]))

    def upload_identity(self, purpose: Purpose, leaf: x509.Certificate) -> None:
        """See the port."""
        self._made("identity", lambda: self._node.upload_identity(purpose.service, [leaf]))

    def _made(self, name: str, call: Callable[[], Made]) -> Made:
        self._hook(f"before {name}")
        try:
            self._node.sign_in(self._credentials.user, self._credentials.password)
            found = call()
        except NodeRefusal as refusal:
            if refusal.status == 401:
                raise NotAllowed.because(NODE_SIGN_IN, host=self._node.host) from refusal
            raise Refused.because(
                NODE_REFUSED, host=self._node.host, what=name, status=refusal.status, said=refusal.message
            ) from refusal
        self._hook(f"after {name}")
        return found
