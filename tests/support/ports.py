"""Finds ports on which nobody listens."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of loopback on which nobody listens at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
