"""rustls, called through its binding: a TLS client that verifies the server with its own path validation (webpki)."""

from __future__ import annotations

from pathlib import Path

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError


def refusal(host: str, port: int, root: Path, *lists: Path) -> str:
    """Ask the server at this port of 127.0.0.1 for a page as this host; return the reason for a refusal, or "".

    The root is PEM; the lists are DER, because reqwest 0.12 passes them to rustls as they are.
    """
    builder = SyncClientBuilder().tls_built_in_root_certs(False).add_root_certificate_pem(root.read_bytes())
    for each in lists:
        builder = builder.add_crl_pem(each.read_bytes())
    with builder.resolve(host, "127.0.0.1", port).build() as client:
        try:
            client.get(f"https://{host}:{port}/").build().send()
        except PyreqwestError as error:
            return str(error)
    return ""
