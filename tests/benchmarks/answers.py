"""OCSP answers and CRL downloads over HTTP, beside `openssl ocsp` and a static file of the same server.

All servers run at the same time and are measured in turns, so that whatever else the machine does slows each of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from ca_service.pki import encodings
from tests.benchmarks import fast_client
from tests.benchmarks.bench_service import wait
from tests.support.ports import free_port

CONNECTIONS: Final = 8
QUESTIONS: Final = 500
ROUNDS: Final = 7
GOAL_OCSP: Final = 0.5
CRL: Final = "/ca/intermediate-g1.crl"
STATIC: Final = "/static/site.css"
_WARM: Final = 8  # times: then each worker has signed nearly every answer
_TYPE: Final = "Content-Type: application/ocsp-request\r\n"
_SIGNER: Final = ["-CA", "ca.pem", "-rsigner", "responder.pem", "-rkey", "responder.key", "-index", "index.txt"]
_OPENSSL: Final = ["openssl", "ocsp", *_SIGNER, "-port"]
_SERVER: Final = [sys.executable, "-c", "from ca_service.app import main; main()", "serve", "--port"]
Turn = tuple[str, Callable[[], float]]


def measure(folder: Path, instance: Path, serials: Sequence[int]) -> None:
    """Print answers a second, of us and of the others."""
    environ = os.environ | {"CA_SERVICE_INSTANCE_PATH": str(instance), "CA_SERVICE_SERVER__WORKERS": "2"}
    issuer = encodings.load_certificates((folder / "ca.pem").read_bytes())[0]
    first, again = ([_question(issuer, each) for each in part] for part in (serials[:-QUESTIONS], serials[-QUESTIONS:]))
    with ExitStack() as running:
        ours = running.enter_context(_running(_SERVER, environ, folder, "/healthz"))
        theirs = running.enter_context(_running(_OPENSSL, dict(os.environ), folder, "")) if _has_openssl() else None
        print(f"  OCSP and CRLs: 2 workers, {CONNECTIONS} connections, medians of {ROUNDS} turns")
        _ocsp(ours, theirs, first, again)
        _crl(ours)


def _ocsp(ours: int, theirs: int | None, first: Sequence[bytes], again: Sequence[bytes]) -> None:
    parts = iter(range(0, len(first), QUESTIONS))
    for _ in range(_WARM):
        _ask(ours, "/ocsp", again, is_kept_alive=True)

    def unseen() -> float:
        start = next(parts)
        return _ask(ours, "/ocsp", first[start : start + QUESTIONS], is_kept_alive=True)

    turns: list[Turn] = [
        ("signed before, connection kept alive", lambda: _ask(ours, "/ocsp", again, is_kept_alive=True)),
        ("signed before, each connection new", lambda: _ask(ours, "/ocsp", again, is_kept_alive=False)),
        ("never asked before, connection kept alive", unseen),
    ]
    if theirs is not None:
        turns.append(("`openssl ocsp`, which closes each connection", lambda: _ask(theirs, "/", again)))
    found = _in_turns(turns)
    reference = found[-1] if theirs is not None else None
    for (name, _), rate in zip(turns, found, strict=True):
        print(f"  {rate:8.0f} OCSP answers a second, {name}{_ratio(rate, reference)}")
    if reference is not None:
        met = "met" if min(found[:2]) >= GOAL_OCSP * reference else "missed"
        print(f"           (goal: {GOAL_OCSP} of `openssl ocsp` with both kinds of connections) {met}")


def _crl(port: int) -> None:
    def again(path: str) -> Turn:
        tag = _tag(port, path)
        requests = [fast_client.request("GET", path, headers=f"If-None-Match: {tag}\r\n")] * QUESTIONS
        return path, lambda: fast_client.rate(
            port, requests, _not_modified, connections=CONNECTIONS, is_kept_alive=True
        )

    turns = [again(CRL), again(STATIC)]
    crl, static = _in_turns(turns)
    print(f"  {crl:8.0f} conditional GETs a second of a CRL{_ratio(crl, static, 'those of a static file')}")


def _in_turns(turns: Sequence[Turn]) -> list[float]:
    rounds = [[measured() for _, measured in turns] for _ in range(ROUNDS)]
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


def _ratio(rate: float, reference: float | None, name: str = "`openssl ocsp`") -> str:
    return f": {rate / reference:.2f} of {name}" if reference and rate != reference else ""


def _ask(port: int, path: str, questions: Sequence[bytes], *, is_kept_alive: bool = False) -> float:
    requests = [fast_client.request("POST", path, data, _TYPE) for data in questions]
    answers: list[bytes] = []
    taken = fast_client.rate(
        port, requests, lambda _, body: answers.append(body), connections=CONNECTIONS, is_kept_alive=is_kept_alive
    )
    for body in {answers[0], answers[-1]}:
        if ocsp.load_der_ocsp_response(body).certificate_status is not ocsp.OCSPCertStatus.REVOKED:
            raise RuntimeError(body)
    return taken


def _tag(port: int, path: str) -> str:
    heads: list[bytes] = []
    fast_client.rate(
        port, [fast_client.request("GET", path)], lambda head, _: heads.append(head), connections=1, is_kept_alive=False
    )
    [line] = [each for each in heads[0].decode().splitlines() if each.lower().startswith("etag: ")]
    return line.partition(" ")[2]


def _not_modified(head: bytes, _: bytes) -> None:
    if b" 304 " not in head.splitlines()[0]:
        raise RuntimeError(head)


def _question(issuer: x509.Certificate, serial_number: int) -> bytes:
    """Return a request as `openssl ocsp` sends it, by SHA-1."""
    name, key = (issuer.subject.public_bytes(), x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()).digest)
    digest = hashes.Hash(hashes.SHA1())  # noqa: S303 - what openssl's index is asked by
    digest.update(name)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        digest.finalize(),
        key,
        serial_number,
        hashes.SHA1(),  # noqa: S303
    )
    return builder.build().public_bytes(Encoding.DER)


def _has_openssl() -> bool:
    return shutil.which("openssl") is not None


@contextmanager
def _running(command: Sequence[str], environ: dict[str, str], folder: Path, sign_of_life: str) -> Iterator[int]:
    port = free_port()
    nowhere = subprocess.DEVNULL
    server = subprocess.Popen([*command, str(port)], env=environ, cwd=folder, stdout=nowhere, stderr=nowhere)
    try:
        wait(port, sign_of_life) if sign_of_life else time.sleep(2)
        yield port
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
