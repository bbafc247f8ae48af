"""Real TLS servers on this machine, good and hostile ones, for handshakes that end with the certificate."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Answer = Callable[[socket.socket], None]
_FILLING = x509.ObjectIdentifier("1.3.6.1.4.1.32473.1")  # of the arc for examples (RFC 5612)


def certified(
    key: Key,
    *hosts: str,
    by: tuple[x509.Certificate, Key] | None = None,
    start: datetime,
    days: int = 90,
    serial_number: int | None = None,
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    is_authority: bool = False,
    filling: int = 0,
) -> x509.Certificate:
    """A certificate for these hosts, self-signed unless an issuer is given, and larger by `filling` bytes."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(serial_number or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    if is_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if filling:
        builder = builder.add_extension(x509.UnrecognizedExtension(_FILLING, bytes(filling)), critical=False)
    return builder.sign(by[1] if by else key, hashes.SHA256())


def files(folder: Path, name: str, key: Key, chain: Sequence[x509.Certificate]) -> tuple[Path, Path]:
    """Write chain and key as PEM; return both paths."""
    certificate, private = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, private


@contextmanager
def listening(answer: Answer) -> Iterator[int]:
    """Answer every connection to this port in a thread of its own, until the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = threading.Event()
        server.settimeout(0.05)

        def serve() -> None:
            while not ends.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                threading.Thread(target=_answered, args=(connection, answer), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ends.set()
            thread.join()


def _answered(connection: socket.socket, answer: Answer) -> None:
    connection.settimeout(10)
    with contextlib.suppress(OSError), connection:
        answer(connection)


def tls(*pairs: tuple[Path, Path], oldest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, ca: Path | None = None) -> Answer:
    """Answer with TLS and these certificates; with `ca`, clients must have one, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    for certificate, key in pairs:
        context.load_cert_chain(certificate, key)
    if ca is not None:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return answer


def without_proof(pair: tuple[Path, Path]) -> Answer:
    """Answer in TLS 1.3, ask for a certificate, and damage the signature that proves the key (CertificateVerify)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(pair[0])

    def answer(connection: socket.socket) -> None:
        arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(arriving, leaving, server_side=True)
        arriving.write(connection.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
        connection.sendall(_with_damage(bytearray(leaving.read()), encrypted=4))
        silent(connection)

    return answer


def _with_damage(flight: bytearray, encrypted: int) -> bytes:
    """Change the last byte of this encrypted record: extensions, request, certificate, proof, end."""
    place, seen = 0, 0
    while place < len(flight):
        end = place + 5 + int.from_bytes(flight[place + 3 : place + 5])
        seen += flight[place] == 0x17
        if flight[place] == 0x17 and seen == encrypted:
            flight[end - 1] ^= 1
        place = end
    return bytes(flight)


def hearing(got: SimpleQueue[bytes], *pairs: tuple[Path, Path]) -> Answer:
    """Answer with TLS, and keep what the client sends until it goes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for certificate, key in pairs:
        context.load_cert_chain(certificate, key)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            try:
                got.put(secured.recv(4096))
            except ConnectionError:  # it went without reading the session tickets of TLS 1.3
                got.put(b"")

    return answer


def saying_over_tls(text: bytes, *pairs: tuple[Path, Path]) -> Answer:
    """Answer the first request over TLS with these bytes, and close."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for certificate, key in pairs:
        context.load_cert_chain(certificate, key)

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(text)

    return answer


def after_starttls(inner: Answer) -> Answer:
    """Answer as an XMPP server that goes on with TLS."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(
            b"<?xml version='1.0'?><stream:stream from='x' id='1' version='1.0' xmlns='jabber:client' "
            b"xmlns:stream='http://etherx.jabber.org/streams'><stream:features>"
            b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
        )
        connection.recv(4096)
        connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        inner(connection)

    return answer


def silent(connection: socket.socket) -> None:
    """Answer nothing until the client goes."""
    while connection.recv(4096):
        pass


def closing(connection: socket.socket) -> None:
    """Close at once, after reading."""
    connection.recv(4096)


def saying(text: bytes) -> Answer:
    """Answer with these bytes, whatever was asked."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(text)
        silent(connection)

    return answer


def dripping(connection: socket.socket) -> None:
    """Begin a TLS record, and send a byte now and then."""
    connection.recv(4096)
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        connection.sendall(b"\x02")
        time.sleep(0.05)
