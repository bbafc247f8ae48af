"""Sends requests over several connections at a time, and says how long each answer took."""

from __future__ import annotations

import http.client
import ssl
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from tests.benchmarks.machine import cpu_seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go; `pids` are the servers whose CPU time counts. `context`: over TLS."""

    port: int
    path: str
    pids: tuple[int, ...]
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers a second; milliseconds for one (median, 95th and 99th percentile), and of CPU time for each."""

    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float

    @classmethod
    def median(cls, rounds: Sequence[Figures]) -> Figures:
        """Return the median of each figure."""
        return cls(**{name: statistics.median(asdict(each)[name] for each in rounds) for name in asdict(rounds[0])})


def run(target: Target, bodies: Sequence[bytes], connections: int) -> Figures:
    """Send every body once. Raises RuntimeError for an answer that is no success."""
    parts = [bodies[number::connections] for number in range(connections)]
    cpu, started = _cpu(target), time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        times = sorted(took for part in pool.map(lambda part: _send(target, part), parts) for took in part)
    elapsed, count = time.perf_counter() - started, len(times)
    p95, p99 = times[int(count * 0.95)], times[int(count * 0.99)]
    milliseconds = (each * 1000 for each in (statistics.median(times), p95, p99, (_cpu(target) - cpu) / count))
    return Figures(count / elapsed, *milliseconds)


def _cpu(target: Target) -> float:
    return sum(map(cpu_seconds, target.pids))


def _send(target: Target, bodies: Sequence[bytes]) -> list[float]:
    times, connection = [], _connect(target)
    for body in bodies:
        started = time.perf_counter()
        connection.request(target.method, target.path, body or None, target.headers)
        answer = connection.getresponse()
        content = answer.read()
        times.append(time.perf_counter() - started)
        if answer.status not in (200, 201):
            raise RuntimeError(f"{answer.status}: {content[:300]!r}")
    connection.close()
    return times


def _connect(target: Target) -> http.client.HTTPConnection:
    if target.context:
        return http.client.HTTPSConnection("localhost", target.port, timeout=60, context=target.context)
    return http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
