"""A real XMPP server on loopback, Prosody: TLS begins on request (STARTTLS; RFC 6120, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.identities import Files
from tests.support.ports import free_ports
from tests.support.programs import find
from tests.support.servers import answers, running

_SETTINGS: Final = """\
run_as_root = true
daemonize = false
pidfile = "{folder}/pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {client} }}
s2s_ports = {{ {server} }}
modules_enabled = {{ {modules} }}
log = {{ info = "*console" }}
VirtualHost "{host}"
  ssl = {{ certificate = "{chain}", key = "{key}" }}
"""


@contextmanager
def serving(folder: Path, host: str, files: Files, *, has_tls: bool = True) -> Iterator[tuple[int, int]]:
    """Run an XMPP server for this host in this folder until the end of the block; yield its ports for clients and
    for servers."""
    (folder / "data").mkdir(parents=True)
    client, server = free_ports(2)
    modules = '"saslauth", "dialback"' + (', "tls"' if has_tls else "")
    settings = folder / "prosody.cfg.lua"
    settings.write_text(
        _SETTINGS.format(
            folder=folder, client=client, server=server, modules=modules, host=host, chain=files[0], key=files[1]
        ),
        encoding="utf-8",
    )
    command: list[str | Path] = [find("prosody"), "--config", settings, "-F"]
    with running(command, folder, lambda: answers(client, server)):
        yield client, server
