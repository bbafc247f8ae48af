"""Finds ports on which no program listens."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_port() -> int:
    """A port of loopback on which no program listens at this moment."""
    return free_ports(1)[0]


def free_ports(number: int) -> list[int]:
    """As many ports of loopback, all different, on which no program listens at this moment."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(number)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
