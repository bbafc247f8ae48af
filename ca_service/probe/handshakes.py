"""TLS handshakes with the ports of nodes, up to the certificate. Nothing else is sent, and nothing is followed.

pyOpenSSL and not the standard library: only it gives the certificates that were presented without accepting them, and
lets the kind of key be chosen in TLS 1.3 as well.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Final, Protocol

from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.vos.served import DEAD, Ending, Handshake, Offer, Target

if TYPE_CHECKING:
    from OpenSSL import SSL

SECONDS: Final = 5.0  # for each handshake, the connection included
MAX_CERTIFICATES: Final = 20
PORTS_AT_A_TIME: Final = 32
_DISCARD: Final = 9  # any port does: nothing is sent to it (RFC 863)
_STARTTLS: Final = {5222: "jabber:client", 5269: "jabber:server"}
_MAX_XMPP_BYTES: Final = 16 * 1024
_GROUPS: Final = b"P-256:P-384"  # a node with a key on P-384 needs that one offered, too
_CIPHERS: Final = {
    Offer.ECDSA_12: b"aECDSA@SECLEVEL=0",
    Offer.RSA_12: b"aRSA@SECLEVEL=0",
    Offer.ECDSA_13: b"ALL@SECLEVEL=0",
    Offer.RSA_13: b"ALL@SECLEVEL=0",
}
_SIGNATURES: Final = {
    Offer.ECDSA_13: b"ecdsa_secp384r1_sha384:ecdsa_secp256r1_sha256:ecdsa_secp521r1_sha512",
    Offer.RSA_13: b"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512",
}
_NO_TLS: Final = (
    *("wrong version number", "packet length too long", "http request", "unknown protocol", "bad record type"),
    *("excessive message size", "bad length", "length too long"),
)


class _Wait(Protocol):
    """Waits for a socket."""

    def __call__(self, connection: socket.socket, *, to_write: bool = False) -> None:
        """Return once it is ready. Raises TimeoutError at the deadline."""


class TLSProber:
    """Makes handshakes, each with a deadline of its own."""

    def __init__(self, stopwatch: Callable[[], float], seconds: float = SECONDS) -> None:
        self._stopwatch = stopwatch
        self._seconds = seconds

    def resolve(self, host: str) -> tuple[str, ...]:
        """Return the addresses of a host; none if it is not known."""
        if host.endswith(".localhost"):  # always this machine (RFC 6761, 6.3), and not every library knows it
            host = "localhost"
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a label that is too long, in the row of a node
            return ()
        return tuple(dict.fromkeys(str(each[4][0]) for each in found))

    def is_own(self, address: str) -> bool:
        """Return whether the address is one of this machine, on any of its interfaces.

        An own address is its own source. To a second IPv4 address of an interface, packets come from the first one:
        it is own if a socket can be bound to it, and if loopback leads to it. Either alone would be true of every
        address where `ip_nonlocal_bind` or `route_localnet` is set.
        """
        if _source(address) == address:
            return True
        return "." in address and bool(_source(address, address) and _source(address, "127.0.0.1"))

    def probe(self, ports: Sequence[tuple[Target, str]]) -> Iterator[tuple[Target, tuple[Handshake, ...]]]:
        """Make all handshakes with each port at its address, some ports at a time; yield each port as it is done."""
        with ThreadPoolExecutor(PORTS_AT_A_TIME, thread_name_prefix="probe") as pool:  # it starts what it needs
            running = {pool.submit(self._all_handshakes, target, address): target for target, address in ports}
            try:
                for done in as_completed(running):
                    yield running[done], done.result()
            finally:  # the client may have gone
                for each in running:
                    each.cancel()

    def _all_handshakes(self, target: Target, address: str) -> tuple[Handshake, ...]:
        """Make the handshakes with a port; one is enough where it does not answer."""
        if not address:
            return (Handshake(Offer.ECDSA_12, Ending.UNKNOWN_HOST),)
        found = list[Handshake]()
        for offer in Offer:
            found.append(self.handshake(address, target.port, target.host, offer))
            if found[-1].ending in DEAD:
                break
        return tuple(found)

    def handshake(self, address: str, port: int, name: str, offer: Offer) -> Handshake:
        """Connect to the address and ask for the certificate of this name with this offer."""
        ends = self._stopwatch() + self._seconds

        def wait(connection: socket.socket, *, to_write: bool = False) -> None:
            left = ends - self._stopwatch()
            ready = select.poll()  # and not select, which takes no descriptor above 1023: a busy server has more
            ready.register(connection, select.POLLIN | (select.POLLOUT if to_write else 0))
            if left <= 0 or not ready.poll(left * 1000):
                raise TimeoutError

        try:
            connection = socket.create_connection((address, port), timeout=self._seconds)
        except ConnectionRefusedError:
            return Handshake(offer, Ending.REFUSED)
        except OSError as error:
            return Handshake(offer, Ending.UNREACHABLE, detail=error.strerror or type(error).__name__)
        with connection:
            connection.setblocking(False)
            try:
                if port in _STARTTLS and not _start_tls(connection, name, _STARTTLS[port], wait):
                    return Handshake(offer, Ending.NOT_TLS, detail="no STARTTLS")
                return _shake_hands(connection, name, offer, wait)
            except TimeoutError:
                return Handshake(offer, Ending.SILENT)
            except OSError as error:
                return Handshake(offer, Ending.DECLINED, detail=error.strerror or type(error).__name__)


def _source(address: str, start: str = "") -> str:
    """Return the source of packets to an IP address, beginning at `start`; empty if none can leave.

    Connecting a datagram socket asks the kernel, and sends nothing.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            if start:
                asking.bind((start, 0))
            asking.connect((address, _DISCARD))
            return str(asking.getsockname()[0])
    except OSError:
        return ""


def _start_tls(connection: socket.socket, name: str, namespace: str, wait: _Wait) -> bool:
    """Ask an XMPP server for TLS (RFC 6120, 5.4); return whether it goes on with that."""
    opening = (
        f"<?xml version='1.0'?><stream:stream to='{name}' version='1.0' xmlns='{namespace}' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    connection.sendall(opening.encode())
    if b"urn:ietf:params:xml:ns:xmpp-tls" not in _read_until(connection, b"</stream:features>", wait):
        return False
    connection.sendall(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    return b"<proceed" in _read_until(connection, b">", wait)


def _read_until(connection: socket.socket, end: bytes, wait: _Wait) -> bytes:
    found = b""
    while end not in found and len(found) < _MAX_XMPP_BYTES:
        wait(connection)
        part = connection.recv(4096)
        if not part:
            break
        found += part
    return found


def _shake_hands(connection: socket.socket, name: str, offer: Offer, wait: _Wait) -> Handshake:
    from OpenSSL import SSL  # here: no command but the probe needs it

    asked = list[bool]()
    tls = SSL.Connection(_context(offer, asked), connection)
    tls.set_connect_state()
    if not name.replace(".", "").isdigit() and ":" not in name:  # an address is no server name (RFC 6066, 3)
        tls.set_tlsext_host_name(name.encode("idna" if not name.isascii() else "ascii"))
    while True:
        try:
            tls.do_handshake()
            return _served(tls, offer, asked)
        except SSL.WantReadError:
            wait(connection)
        except SSL.WantWriteError:
            wait(connection, to_write=True)
        except SSL.Error as error:
            return _failed(tls, offer, asked, error)


def _context(offer: Offer, asked: list[bool]) -> SSL.Context:
    """Return what is offered; a request for a client certificate is noted in `asked`."""
    from OpenSSL import SSL

    version = SSL.TLS1_2_VERSION if offer in (Offer.ECDSA_12, Offer.RSA_12) else SSL.TLS1_3_VERSION
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    context.set_cipher_list(_CIPHERS[offer])
    context.set_options(SSL.OP_NO_TICKET)

    def note(connection: SSL.Connection, _where: int, _value: int) -> None:
        if b"certificate request" in connection.get_state_string():
            asked.append(True)

    context.set_info_callback(note)
    # pyOpenSSL has no methods for these two, and without them TLS 1.3 does not let the kind of key be chosen.
    library, handle = getattr(SSL, "_lib"), context._context  # noqa: B009 - it is not exported
    library.SSL_CTX_set1_curves_list(handle, _GROUPS)
    if offer in _SIGNATURES:
        library.SSL_CTX_set1_sigalgs_list(handle, _SIGNATURES[offer])
    return context


def _served(tls: SSL.Connection, offer: Offer, asked: list[bool]) -> Handshake:
    try:
        chain = tuple(tls.get_peer_cert_chain(as_cryptography=True) or ())[:MAX_CERTIFICATES]
        for each in chain:  # the library reads these late, and the verdict needs them
            _ = (each.subject, each.issuer, each.not_valid_before_utc, each.not_valid_after_utc)
    except PARSE_ERRORS as error:
        return Handshake(offer, Ending.NOT_TLS, detail=f"a certificate that cannot be read: {error}"[:200])
    return Handshake(offer, Ending.SERVED if chain else Ending.DECLINED, chain, bool(asked))


def _failed(tls: SSL.Connection, offer: Offer, asked: list[bool], error: SSL.Error) -> Handshake:
    """Return how a handshake failed; one that failed for lack of a client certificate has shown the server's.

    In TLS 1.2 the server has proven its key before it asks. In TLS 1.3 it does so afterwards, and a handshake that
    lacks nothing but the client's certificate does not fail here: the refusal comes after its end.
    """
    if asked and offer in (Offer.ECDSA_12, Offer.RSA_12):
        found = _served(tls, offer, asked)
        if found.chain:
            return found
    detail = _reason(error)
    no_tls = any(each in detail for each in _NO_TLS)
    return Handshake(offer, Ending.NOT_TLS if no_tls else Ending.DECLINED, detail=detail[:200])


def _reason(error: SSL.Error) -> str:
    first = error.args[0] if error.args else ""
    if isinstance(first, list):
        return "; ".join(str(each[2]) for each in first) or "closed"
    return " ".join(map(str, error.args)) or "closed"
