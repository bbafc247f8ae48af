"""The server that commands ask in place of an installation on this machine: its address and its token."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ca_service.errors import InvalidInput, Rule

SERVER_URL: Final = Rule(
    "server.url",
    "The address of the server cannot be used.",
    "Give --server https://HOST or https://HOST:PORT, without a user, a query or a fragment.",
)
SERVER_PLAIN: Final = Rule(
    "server.plain",
    "The token would travel to {host} unencrypted.",
    "Use https. Plain HTTP is for this machine alone; --allow-http permits it elsewhere.",
)
SERVER_PLAIN_PASSWORD: Final = Rule(
    "server.plain-password",
    "The password of the node would travel to {host} unencrypted.",
    "Use https. --allow-http permits the token alone, not a password.",
)
SERVER_MISSING: Final = Rule(
    "server.missing",
    "A token is given, but no server to send it to.",
    "Name the server with --server URL or CA_SERVICE_URL. To work on this machine, give no token, and unset "
    "CA_SERVICE_TOKEN and CA_SERVICE_TOKEN_FILE.",
)
SERVER_TOKEN_MISSING: Final = Rule(
    "server.token-missing",
    "There is no token for the server.",
    "Create one under Account > API tokens, and give it in CA_SERVICE_TOKEN or with --token-file.",
)
SERVER_TOKEN: Final = Rule(
    "server.token",
    "The token has characters that no token has.",
    "Copy it again, without blanks and quotation marks.",
)

_TOKEN: Final = re.compile("[!-~]+")
_MISREAD: Final = re.compile(r"[^!-~]|\\")  # programs disagree about the host of an address with one of these


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """A server as it is given; `url` is empty if none is. The token is in no message and no repr."""

    url: str
    token: str = field(default="", repr=False)
    token_file: str | None = None
    ca_file: str | None = None
    allow_http: bool = False

    @property
    def is_token_alone(self) -> bool:
        """Whether a token is given, and no server."""
        return not self.url and bool(self.token or self.token_file)

    def address(self) -> str:
        """Return the address without a final slash. Raises InvalidInput if the token must not go there."""
        parts = _parts(self.url.strip())
        host = parts.hostname or ""
        if parts.scheme == "http" and not self.allow_http and not _is_this_machine(host):
            raise InvalidInput.because(SERVER_PLAIN, host=host)
        return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")

    def require_private(self) -> None:
        """Raise InvalidInput if a password that is sent to the server would be readable on the way."""
        parts = _parts(self.url.strip())
        if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
            raise InvalidInput.because(SERVER_PLAIN_PASSWORD, host=parts.hostname)

    def read_token(self) -> str:
        """Return the token; a file counts before a value. Raises InvalidInput without one, or for one that is none."""
        token = self._from_file(self.token_file) if self.token_file else self.token
        if not token.strip():
            raise InvalidInput.because(SERVER_TOKEN_MISSING)
        if not _TOKEN.fullmatch(token.strip()):
            raise InvalidInput.because(SERVER_TOKEN)
        return token.strip()

    def verification(self) -> str | bool:
        """Return the file of the root that the server's certificate needs, or True for the roots of public CAs.

        Raises InvalidInput if the file is missing.
        """
        if not self.ca_file:
            return True
        self._from_file(self.ca_file)
        return self.ca_file

    def _from_file(self, file: str) -> str:
        from ca_service.cli.inputs import read_file  # here: `--help` imports as little as possible

        return read_file(file).split(b"\n")[0].decode("ascii", "replace")


def _parts(url: str) -> SplitResult:
    """Return the parts of an address. Raises InvalidInput, which does not repeat it: it may have a password."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise InvalidInput.because(SERVER_URL) from error
    is_plain = not (_MISREAD.search(url) or "@" in parts.netloc or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not has_host or not is_plain:
        raise InvalidInput.because(SERVER_URL)
    return parts


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
