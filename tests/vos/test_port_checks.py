"""The lines that check ports: openssl says which certificate a server presents, for each version of TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_service.vos.products import get_product, version
from ca_service.vos.runbook_parts import powershell_line, s_client, shell_lines
from tests.support.programs import Tool, find

SERIAL = 0x1234567890ABCDEF1234567890ABCDEF12345678
Serve = Callable[..., int]


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """Serve TLS on a port of its own, and end each connection after the handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_answer, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _answer(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test has ended
            return
        with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server with a key of this kind and these versions of TLS; return its port."""
    with ExitStack() as stack:

        def start(
            key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
            lowest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
            highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ) -> int:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version, context.maximum_version = lowest, highest
            path = tmp_path / f"{id(key)}.pem"
            path.write_bytes(_identity(key))
            context.load_cert_chain(path)
            return stack.enter_context(serving(context))

        yield start


def _identity(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    name, now = x509.Name.from_rfc4514_string("CN=127.0.0.1"), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(SERIAL)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def serials(port: int) -> list[str]:
    """The serial numbers that the line prints."""
    find("openssl")
    _, printed = Tool(find("sh")).run("-c", s_client("127.0.0.1", [port]))
    assert printed.startswith(f"127.0.0.1:{port}\n")
    return [line for line in printed.splitlines() if line.startswith("serial=")]


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=lambda curve: curve.name)
def test_the_serial_number_is_printed_for_each_version_of_tls(serve: Serve, curve: ec.EllipticCurve) -> None:
    assert serials(serve(ec.generate_private_key(curve))) == [f"serial={SERIAL:X}"] * 2


@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_with_one_version_of_tls_answers_to_that_one(serve: Serve, only: ssl.TLSVersion) -> None:
    assert serials(serve(ec.generate_private_key(ec.SECP384R1()), only, only)) == [f"serial={SERIAL:X}"]


def test_an_rsa_certificate_is_not_mistaken_for_ours(serve: Serve) -> None:
    assert serials(serve(rsa.generate_private_key(65537, 2048))) == []


def test_a_port_that_begins_without_tls_has_a_line_of_its_own_and_none_in_powershell() -> None:
    release = get_product("imp").find_release(version("14"))
    assert release is not None
    federation = [port for port in release.ports if port.starttls == "xmpp-server"]

    [line] = shell_lines("imp1.example.com", federation)
    assert "in 5269;" in line
    assert "-starttls xmpp-server" in line
    assert powershell_line("imp1.example.com", federation) == ""


def test_a_host_is_quoted_for_each_shell() -> None:
    ports = get_product("uccx").releases[0].ports

    assert "o'; rm -rf /" not in s_client("o'; rm -rf /", [1])
    assert "'o''; rm'" in powershell_line("o'; rm", ports)
