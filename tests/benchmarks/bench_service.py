"""Measures the whole service: two workers, 1,000 certificates over HTTP, and the memory they hold then."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

COUNT = 1000
CONNECTIONS = 8
WORKERS = 2
GOAL_MIB = 150


def main() -> None:
    """Print rate, latency and memory."""
    requests = [_request(number) for number in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = os.environ | {
            "CA_SERVICE_INSTANCE_PATH": f"{folder}/instance",
            "CA_SERVICE_SERVER__WORKERS": str(WORKERS),
        }
        command = [sys.executable, "-c", "from ca_service.app import main; main()"]
        _run([*command, "init"], environ)
        _run(
            [*command, "user", "create", "bench", "--role", "administrator", "--password-stdin"],
            environ,
            "correct horse battery staple",
        )
        token = json.loads(_run([*command, "token", "create", "--account", "bench", "--json"], environ))["token"]
        server = subprocess.Popen(
            [*command, "serve", "--port", str(port)], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait(port)
            _measure(port, token, requests, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def _measure(port: int, token: str, requests: list[bytes], pid: int) -> None:
    before = _pss_mib(pid)
    started = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        parts = [requests[number::CONNECTIONS] for number in range(CONNECTIONS)]
        times = [took for part in pool.map(lambda part: _issue_all(port, token, part), parts) for took in part]
    elapsed = time.perf_counter() - started
    after = _pss_mib(pid)
    print(f"Service: {WORKERS} workers, {COUNT} certificates (P-384 under P-384), {CONNECTIONS} connections, synced")
    print(f"  {COUNT / elapsed:8.0f} certificates a second")
    slowest = sorted(times)[int(COUNT * 0.99)]
    print(f"  {statistics.median(times) * 1000:8.1f} ms median, {slowest * 1000:.1f} ms at the 99th percentile")
    print(f"  {before:8.1f} MiB PSS before, {after:.1f} MiB after (goal: under {GOAL_MIB} MiB; all processes together)")


def _issue_all(port: int, token: str, requests: list[bytes]) -> list[float]:
    times, connection = [], http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/pkcs10"}
    for request in requests:
        started = time.perf_counter()
        connection.request("POST", "/api/v1/certificates?format=pem", request, headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append(time.perf_counter() - started)
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {body[:300]!r}")
    return times


def _pss_mib(pid: int) -> float:
    """The proportional set size of a process and its children (Linux, smaps_rollup)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for each in [str(pid), *children]:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{each}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024


def _request(number: int) -> bytes:
    key = ec.generate_private_key(ec.SECP384R1())
    name = f"node{number}.example.com"
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name.replace(".", "-EC.", 1))])
    names = x509.SubjectAlternativeName([x509.DNSName("example.com"), x509.DNSName(name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    return builder.sign(key, hashes.SHA384()).public_bytes(Encoding.PEM)


def _run(command: list[str], environ: dict[str, str], text: str = "") -> str:
    return subprocess.run(command, env=environ, input=text, capture_output=True, text=True, check=True).stdout


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(port: int, path: str = "/healthz") -> None:
    """Come back when the service answers."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the service did not start within 30 seconds")


if __name__ == "__main__":
    main()
