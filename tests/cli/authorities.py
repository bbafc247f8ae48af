"""Makes authorities as other people do: with openssl, as files in the current folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

OpenSSL = Callable[..., str]
_AUTHORITY = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"


def make_root(openssl: OpenSSL, *, kind: str = "ec") -> None:
    """`root.pem` and `root.key`, of this kind of key."""
    options = ("-pkeyopt", "ec_paramgen_curve:P-384") if kind == "ec" else ("-pkeyopt", "rsa_keygen_bits:2048")
    openssl("genpkey", "-algorithm", kind.upper(), *options, "-out", "root.key")
    openssl(
        *("req", "-x509", "-new", "-key", "root.key", "-out", "root.pem", "-days", "3650", "-subj", "/CN=Outer Root"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )


def certify(openssl: OpenSSL, request: str, certificate: str, extensions: str = "") -> None:
    """Have `root.key` certify the authority that asks in `request`; `extensions` are lines for openssl."""
    Path("authority.ext").write_text(_AUTHORITY + extensions)
    openssl(
        *("x509", "-req", "-in", request, "-out", certificate, "-days", "1825", "-extfile", "authority.ext"),
        *("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "4711"),
    )


def make_intermediate(openssl: OpenSSL, extensions: str = "") -> None:
    """`intermediate.pem` and `intermediate.key`, below the root."""
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "intermediate.key")
    openssl("req", "-new", "-key", "intermediate.key", "-subj", "/CN=Outer Intermediate", "-out", "intermediate.csr")
    certify(openssl, "intermediate.csr", "intermediate.pem", extensions)
