"""A real Firefox without a window, driven by its own protocol, Marionette: Debian has no driver for it."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from tests.support import nss
from tests.support.programs import find
from tests.support.servers import running

_SECONDS: Final = 60.0  # for each answer
#: Firefox chooses the port, and writes it into its profile. It asks no host but those that it is sent to.
_SETTINGS: Final = {
    "marionette.port": 0,
    "network.proxy.type": 0,
    "network.trr.mode": 5,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.systemAddon.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
}
#: The document of its error page has this method.
_ERROR: Final = "return document.getFailedCertSecurityInfo().errorCodeString"


class Firefox:
    """A Firefox that runs."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._numbers = itertools.count(1)
        self._read()  # its greeting
        self._call("WebDriver:NewSession", capabilities={})

    def visit(self, url: str) -> str:
        """Open an address; return the title of the page, or the error of its certificate."""
        error = self._call("WebDriver:Navigate", url=url)[0]
        if error is None:
            return str(self._call("WebDriver:GetTitle")[1]["value"])
        assert error["error"] == "insecure certificate", error
        return self._run(_ERROR)

    def may_accept(self) -> bool:
        """Whether its error page lets the person accept the certificate (not after HSTS; RFC 6797, 12.1)."""
        return "s=badStsCert" not in self._run("return document.documentURI")

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    def _run(self, script: str) -> str:
        return str(self._call("WebDriver:ExecuteScript", script=script, args=[], sandbox="default")[1]["value"])

    def _call(self, name: str, **parameters: Any) -> list[Any]:
        """Return the error of a command, or None, and its result."""
        command = json.dumps([0, next(self._numbers), name, parameters]).encode()
        self._connection.sendall(b"%d:%s" % (len(command), command))
        return list(self._read()[2:])

    def _read(self) -> Any:
        length = b""
        while (byte := self._reader.read(1)) != b":":
            assert byte, "Firefox has closed the connection"
            length += byte
        return json.loads(self._reader.read(int(length)))


@contextmanager
def browsing(folder: Path, roots: Sequence[x509.Certificate]) -> Iterator[Firefox]:
    """Run a Firefox whose new profile, in this folder, trusts these roots, until the end of the block."""
    profile = folder / "profile"
    nss.write(profile, roots)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _SETTINGS.items()]
    (profile / "user.js").write_text("".join(lines), "utf-8")
    port = profile / "MarionetteActivePort"
    program = [find("firefox-esr"), "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    command = ["env", f"HOME={folder}", *program]
    with (
        running(command, folder, lambda: port.exists() and port.read_text() != ""),
        socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=_SECONDS) as connection,
    ):
        firefox = Firefox(connection)
        try:
            yield firefox
        finally:
            firefox.close()
