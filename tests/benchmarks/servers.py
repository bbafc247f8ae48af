"""Starts certificate authorities side by side: ours, and those of others that are installed here.

Each gets an intermediate under a root on one curve, stores every certificate durably, and signs each CSR.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.benchmarks.load import Target
from tests.support.ports import free_port

WORKERS: Final = 2
_PROGRAM: Final = [sys.executable, "-c", "from ca_service.app import main; main()"]
_CURVES: Final[dict[str, ec.EllipticCurve]] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
_HASHES: Final[dict[str, hashes.SHA256 | hashes.SHA384]] = {"P-256": hashes.SHA256(), "P-384": hashes.SHA384()}
# The tables of cfssl, after its own migrations.
_CFSSL_TABLE: Final = """
CREATE TABLE certificates (
    serial_number {blob} NOT NULL, authority_key_identifier {blob} NOT NULL, ca_label {blob}, status {blob} NOT NULL,
    reason int, expiry {time}, revoked_at {time}, pem {blob} NOT NULL,
    PRIMARY KEY (serial_number, authority_key_identifier)
)"""


@dataclass(frozen=True, slots=True)
class Authority:
    """A running authority: where CSRs go, and how each is wrapped."""

    target: Target
    wrap: Callable[[bytes], bytes] = lambda pem: pem


@contextmanager
def ours(folder: Path, curve: str, url: str = "") -> Iterator[Authority]:
    """Run this service with two workers, on SQLite or on the PostgreSQL database with this URL."""
    environ = (
        os.environ
        | {
            "CA_SERVICE_INSTANCE_PATH": str(folder / "instance"),
            "CA_SERVICE_SERVER__WORKERS": str(WORKERS),
            "CA_SERVICE_AUTHORITY__ROOT_CURVE": curve,
            "CA_SERVICE_AUTHORITY__INTERMEDIATE_CURVE": curve,
        }
        | ({"CA_SERVICE_DATABASE__URL": url} if url else {})
    )
    port = free_port()
    _run([*_PROGRAM, "init"], environ)
    account = ["bench", "--role", "administrator", "--password-stdin"]
    _run([*_PROGRAM, "user", "create", *account], environ, "correct horse battery staple")
    token = json.loads(_run([*_PROGRAM, "token", "create", "--account", "bench", "--json"], environ))["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/pkcs10"}
    with _serving([*_PROGRAM, "serve", "--port", str(port)], port, folder, environ) as pid:
        yield Authority(Target(port, "/api/v1/certificates?format=pem", (pid,), headers=headers))


def static_of(authority: Authority) -> Target:
    """Return a static file of our server: what an answer costs that needs no work."""
    return replace(authority.target, method="GET", path="/static/icon.svg", headers={})


def batch_of(authority: Authority) -> Target:
    """Return where our server takes many CSRs in one body."""
    headers = {**authority.target.headers, "Content-Type": "application/x-pem-file"}
    return replace(authority.target, path="/api/v1/batches?format=ndjson", headers=headers)


@contextmanager
def cfssl(folder: Path, curve: str, url: str = "") -> Iterator[Authority]:
    """Run `cfssl serve` (Debian: golang-cfssl) with a certificate database, on SQLite or PostgreSQL."""
    folder.mkdir(exist_ok=True)
    _write_authority(folder, curve)
    usages = ["signing", "digital signature", "server auth", "client auth"]
    config = {"signing": {"default": {"expiry": "8760h", "usages": usages}}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "database.json").write_text(json.dumps(_cfssl_database(folder, url)))
    port = free_port()
    files = ["-ca", "ca.pem", "-ca-key", "ca.key", "-config", "config.json", "-db-config", "database.json"]
    command = ["cfssl", "serve", "-loglevel", "4", "-address", "127.0.0.1", "-port", str(port), *files]
    with _serving(command, port, folder) as pid:
        headers = {"Content-Type": "application/json"}
        yield Authority(
            Target(port, "/api/v1/cfssl/sign", (pid,), headers=headers),
            lambda pem: json.dumps({"certificate_request": pem.decode("ascii")}).encode("ascii"),
        )


def _cfssl_database(folder: Path, url: str) -> dict[str, str]:
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_CFSSL_TABLE.format(blob="bytea", time="timestamptz").encode())
        return {"driver": "postgres", "data_source": url}
    with closing(sqlite3.connect(folder / "certificates.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")  # as ours
        database.execute(_CFSSL_TABLE.format(blob="blob", time="timestamp"))
    return {"driver": "sqlite3", "data_source": str(folder / "certificates.db")}


@contextmanager
def step_ca(folder: Path, curve: str, url: str = "") -> Iterator[Authority]:
    """Run `step-ca` with its default database (badger); each request carries a token that a provisioner has signed."""
    if url:
        raise ValueError("step-ca is measured with its own database only")
    folder.mkdir(exist_ok=True)
    _write_authority(folder, curve)
    port, key = free_port(), ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "bench"}
    jwk |= {"x": _base64(numbers.x.to_bytes(32)), "y": _base64(numbers.y.to_bytes(32))}
    config = {
        "root": "root.pem",
        "crt": "ca.pem",
        "key": "ca.key",
        "address": f"127.0.0.1:{port}",
        "dnsNames": ["localhost"],
        "db": {"type": "badgerv2", "dataSource": "db"},
        "authority": {"provisioners": [{"type": "JWK", "name": "bench", "key": jwk, "encryptedKey": ""}]},
    }
    (folder / "ca.json").write_text(json.dumps(config))
    audience = f"https://localhost:{port}/1.0/sign"
    context = ssl.create_default_context(cafile=folder / "root.pem")
    with _serving(["step-ca", "ca.json"], port, folder) as pid:
        headers = {"Content-Type": "application/json"}
        yield Authority(
            Target(port, "/1.0/sign", (pid,), headers=headers, context=context),
            lambda pem: json.dumps({"csr": pem.decode("ascii"), "ott": _token(pem, audience, key)}).encode("ascii"),
        )


def _token(pem: bytes, audience: str, key: ec.EllipticCurvePrivateKey) -> str:
    """Return the one-time token of a provisioner for one CSR (JWS, ES256)."""
    request, now = x509.load_pem_x509_csr(pem), int(time.time())
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    subject = str(request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    claims: dict[str, object] = {
        "iss": "bench",
        "aud": audience,
        "sub": subject,
        "sans": names.get_values_for_type(x509.DNSName),
    }
    claims |= {"iat": now, "nbf": now - 60, "exp": now + 3600, "jti": secrets.token_hex(16)}
    parts = [{"alg": "ES256", "kid": "bench", "typ": "JWT"}, claims]
    text = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def installed(program: str) -> bool:
    """Return whether this program is on the path."""
    return shutil.which(program) is not None


def csrs(curve: str, count: int) -> list[bytes]:
    """Return distinct CSRs of nodes, PEM."""
    return [_csr(curve, number) for number in range(count)]


def _csr(curve: str, number: int) -> bytes:
    key, name = ec.generate_private_key(_CURVES[curve]), f"node{number}.example.com"
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("example.com")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return builder.sign(key, _HASHES[curve]).public_bytes(Encoding.PEM)


def _write_authority(folder: Path, curve: str) -> None:
    """Write root.pem, and an intermediate below it: ca.pem and ca.key."""
    root_key, key = ec.generate_private_key(_CURVES[curve]), ec.generate_private_key(_CURVES[curve])
    root = _certificate("Root", root_key, None, root_key, curve)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    intermediate = _certificate("Intermediate", key, root, root_key, curve)
    (folder / "ca.pem").write_bytes(intermediate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (folder / "ca.key").write_bytes(private)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    curve: str,
) -> x509.Certificate:
    subject, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Bench {name}")]), datetime.now(UTC)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.subject if issuer else subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=3650))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(usage, critical=True).add_extension(identifier, critical=False)
    return builder.sign(issuer_key, _HASHES[curve])


def _run(command: Sequence[str], environ: dict[str, str], text: str = "") -> str:
    return subprocess.run(command, env=environ, input=text, capture_output=True, text=True, check=True).stdout


@contextmanager
def _serving(command: Sequence[str], port: int, folder: Path, environ: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server until the end of the block; yield its process id once it listens."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            time.sleep(1)  # the second worker, too
            return
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
