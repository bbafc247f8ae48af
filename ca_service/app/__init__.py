"""The composition root, the only place where the parts meet: settings, keys, database, use cases, interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ca_service.app.production import database_of, open_installation
    from ca_service.app.serving import create_app

__all__ = ["create_app", "database_of", "main", "open_installation"]


def main() -> None:
    """Run the `ca-service` command and exit the process."""
    from ca_service.app.commands import PROGRAM
    from ca_service.cli.main import run

    run(PROGRAM)


def __getattr__(name: str) -> Any:
    """Import a function when it is first used: `ca-service --version` and `--help` need none of them."""
    if name == "create_app":
        from ca_service.app.serving import create_app

        return create_app
    if name in ("database_of", "open_installation"):
        from ca_service.app import production

        return getattr(production, name)
    raise AttributeError(name)
