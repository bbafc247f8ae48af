"""Clients of all kinds at the same time: quick ones, whose answers are checked, and slow ones."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.benchmarks.load import Target
from tests.benchmarks.servers import csrs

_PAGES: Final = ("/healthz", "/ca/", "/sign-in", "/ca/intermediate-g1.crl", "/ca/chain.pem", "/static/site.css")
_SLOW: Final = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ",
    b"POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"GET /static/site.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200,
)
_SLOW_CLIENTS: Final = 40
_PAUSE_SECONDS: Final = 0.02  # between two requests of a client: the load is mixed, not the highest


class Load:
    """One round of load, with its answers and failures."""

    def __init__(self, target: Target) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._target = target
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    def run(self, seconds: float) -> None:
        """Keep all clients going for this time; then they hang up."""
        clients = (self._sign_and_ask, self._browse, self._browse, self._be_slow)
        threads = [threading.Thread(target=self._guarded, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self._is_over.set()
        for thread in threads:
            thread.join()

    def _guarded(self, client: Callable[[], None]) -> None:
        try:
            client()
        except Exception as error:
            self.failures.append(f"{client.__name__}: {type(error).__name__}: {error}")

    def _sign_and_ask(self) -> None:
        """Have certificates signed, and ask OCSP about each of them twice."""
        with self._connection() as connection:
            chain = self._ask(connection, "GET", "/ca/intermediate.pem")
            issuer = x509.load_pem_x509_certificate(chain)
            for number in itertools.count():
                if self._is_over.is_set():
                    return
                [csr] = csrs("P-256", 1)
                pem = self._ask(connection, "POST", self._target.path, csr, self._target.headers)
                question = _question(x509.load_pem_x509_certificate(pem), issuer)
                for _ in range(1 + number % 2):
                    answer = self._ask(connection, "POST", "/ocsp", question)
                    if ocsp.load_der_ocsp_response(answer).certificate_status is not ocsp.OCSPCertStatus.GOOD:
                        self.failures.append("OCSP does not say good")

    def _browse(self) -> None:
        """Open pages and fetch files, on a kept-alive connection and on new ones."""
        while not self._is_over.is_set():
            with self._connection() as connection:
                for path in _PAGES:
                    self._ask(connection, "GET", path)

    def _be_slow(self) -> None:
        """Hold connections of every slow kind; replace those that the server has closed."""
        with contextlib.ExitStack() as stack:
            kinds = itertools.cycle(_SLOW)
            held: list[socket.socket] = []
            while not self._is_over.is_set():
                while len(held) < _SLOW_CLIENTS:
                    held.append(stack.enter_context(socket.create_connection(("127.0.0.1", self._target.port))))
                    held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    held[-1].sendall(next(kinds))
                held = [each for each in held if _drips(each)]
                time.sleep(0.5)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._target.port, timeout=20)) as connection:
            yield connection

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        with self._lock:
            self.answers += 1
        if answer.status not in (200, 201):
            self.failures.append(f"{method} {path}: {answer.status}")
        time.sleep(_PAUSE_SECONDS)
        return content


def _drips(connection: socket.socket) -> bool:
    try:
        connection.send(b"x")
    except OSError:
        connection.close()
        return False
    return True


def _question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA256())
    return builder.build().public_bytes(Encoding.DER)
