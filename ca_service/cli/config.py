"""`config`: the settings and their sources."""

from __future__ import annotations

import click

from ca_service.cli.console import table
from ca_service.cli.grammar import declare
from ca_service.cli.session import Session, pass_session
from ca_service.documents.operations import SettingDocument, SettingsDocument


@declare("show", "ca-service config show", "CA_SERVICE_SERVER__PORT=8443 ca-service config show --json")
@pass_session
def show(session: Session) -> None:
    """Show every setting with its value and source; secrets are masked."""
    settings = session.program.list_settings(session.instance_path)
    shown = [SettingDocument(key=found.key, value=found.value, origin=found.origin) for found in settings]
    rows = ((found.key, found.value, found.origin) for found in settings)
    session.console.answer(SettingsDocument(settings=shown), table(("setting", "value", "from"), rows))


command = click.Group("config", commands=[show], help="Show the settings.")
