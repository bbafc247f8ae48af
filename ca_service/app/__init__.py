"""The only place where the parts meet: settings, keys, database, use cases and doors."""

from ca_service.app.production import database_of, open_installation
from ca_service.app.serving import create_app, prepare_server

__all__ = ["create_app", "database_of", "main", "open_installation"]


def main() -> None:
    """The `ca-service` command."""
    from ca_service import settings
    from ca_service.cli.doors import Doors
    from ca_service.cli.main import run

    run(
        Doors(
            open_installation=lambda path: open_installation(settings.load(instance_path=path).settings),
            list_settings=lambda path: settings.load(instance_path=path).listing(),
            prepare_server=prepare_server,
        )
    )
