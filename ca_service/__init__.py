"""A private certificate authority, EC from root to leaf, for Cisco VOS nodes."""

from typing import Any

__version__ = "0.2.0"

__all__ = ["__version__", "create_app"]


def __getattr__(name: str) -> Any:
    """Load `create_app` on demand, so that `ca_service.pki` stays usable without Flask."""
    if name == "create_app":
        from ca_service.app import create_app

        return create_app
    raise AttributeError(name)
