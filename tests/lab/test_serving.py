"""The ports of an emulated node: those that cannot be used are named, and the others are free again."""

from __future__ import annotations

import socket
import time
from datetime import UTC, datetime

import pytest

from ca_service.errors import Conflict
from ca_service.lab.node import LabNode
from ca_service.lab.serving import Ports, serving
from tests.support.ports import free_ports


def refusal(ports: Ports) -> Conflict:
    """Why a node cannot be served on these ports."""
    node = LabNode("pub.localhost", "x", now=lambda: datetime.now(UTC), stopwatch=time.monotonic)
    with pytest.raises(Conflict) as refused, serving(node, ports):
        pass
    return refused.value


def test_a_port_in_use_is_named_and_the_others_are_free_again() -> None:
    api, served = free_ports(2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = refusal(Ports(api, served, port))
    assert (refused.rule, str(port) in str(refused)) == ("lab.port-in-use", True)
    for free in (api, served):
        socket.create_server(("127.0.0.1", free), reuse_port=False).close()


def test_a_port_that_there_is_not_is_refused() -> None:
    refused = refusal(Ports(served=65536))
    assert (refused.rule, refused.title) == ("lab.port", "This port cannot be used")
