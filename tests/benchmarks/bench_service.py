"""Issuing over HTTP beside other authorities; `python -m tests.benchmarks.bench_service [--rounds N] [--count N]`.

All are measured in one run and turn by turn: this service on SQLite and on PostgreSQL, `cfssl serve` on both (Debian:
golang-cfssl), and `step-ca` where it is on the path. Every CSR is distinct, every certificate is stored and synced.
step-ca has no PostgreSQL column: it is measured with its own database. The client runs on the same machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ca_service import __version__
from tests.benchmarks import servers
from tests.benchmarks.load import Figures, run
from tests.benchmarks.machine import NOISY, Machine, pss_mib
from tests.benchmarks.servers import Authority
from tests.support import postgresql

CONNECTIONS: Final = (1, 8, 32)
CURVES: Final = ("P-256", "P-384")
GOAL_MIB: Final = 150
RESULTS: Final = Path(".bench")
_DURABLE: Final = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@dataclass(frozen=True, slots=True)
class Contender:
    """An authority to be measured; `on_postgresql`: with a database of its own there."""

    name: str
    start: Callable[[Path, str, str], AbstractContextManager[Authority]]
    on_postgresql: bool = False


def main(arguments: Sequence[str] = ()) -> None:
    """Print one table, and keep it as JSON in .bench/."""
    options = _options(arguments)
    before, results = Machine.now(), {}
    with tempfile.TemporaryDirectory() as folder, _postgresql() as server:
        for curve in CURVES:
            results[curve] = _measure(Path(folder), curve, server, options)
    after = Machine.now()
    _print(results, before, after)
    _keep(results, before, after)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_service")
    parser.add_argument("--rounds", type=int, default=3, help="how often each cell is measured, turn by turn")
    parser.add_argument("--count", type=int, default=240, help="certificates of each cell and round")
    return parser.parse_args(arguments)


@contextmanager
def _postgresql() -> Iterator[postgresql.Server | None]:
    """A PostgreSQL server that syncs every commit, or None where it is not installed."""
    programs = postgresql.find_programs()
    if programs is None:
        yield None
        return
    with postgresql.serving(programs, _DURABLE) as server:
        server.make_template()
        yield server


def _contenders(server: postgresql.Server | None) -> Iterator[Contender]:
    yield Contender("ca_service, SQLite", servers.ours)
    if servers.installed("cfssl"):
        yield Contender("cfssl, SQLite", servers.cfssl)
    if servers.installed("step-ca"):
        yield Contender("step-ca, badger", servers.step_ca)
    if server is not None:
        yield Contender("ca_service, PostgreSQL", servers.ours, on_postgresql=True)
    if server is not None and servers.installed("cfssl"):
        yield Contender("cfssl, PostgreSQL", servers.cfssl, on_postgresql=True)


Cells = dict[tuple[str, int], Figures]


def _measure(folder: Path, curve: str, server: postgresql.Server | None, options: argparse.Namespace) -> Cells:
    """Return the medians of each contender and number of connections, and of a static file of ours."""
    found: dict[tuple[str, int], list[Figures]] = {}
    with ExitStack() as stack:
        running: dict[str, Authority] = {}
        for number, contender in enumerate(_contenders(server)):
            place = folder / f"{curve}-{number}"
            url = stack.enter_context(server.database("template0")) if server and contender.on_postgresql else ""
            running[contender.name] = stack.enter_context(contender.start(place, curve, url))
        fresh = iter(servers.csrs(curve, (len(CONNECTIONS) + 1) * (options.rounds * options.count + 64)))
        for authority in running.values():
            run(authority.target, [authority.wrap(next(fresh)) for _ in range(16)], 4)  # warm
        for _ in range(options.rounds):
            for connections in CONNECTIONS:
                bodies = [next(fresh) for _ in range(options.count)]
                for name, authority in running.items():
                    wrapped = [authority.wrap(body) for body in bodies]
                    found.setdefault((name, connections), []).append(run(authority.target, wrapped, connections))
                static = servers.static_of(running["ca_service, SQLite"])
                figures = run(static, [b""] * options.count * 2, connections)
                found.setdefault(("static file of ca_service", connections), []).append(figures)
            batch = b"".join(next(fresh) for _ in range(options.count))
            figures = _of_each(run(servers.batch_of(running["ca_service, SQLite"]), [batch], 1), options.count)
            found.setdefault(("ca_service, SQLite, one batch", 1), []).append(figures)
        memory = pss_mib(running["ca_service, SQLite"].target.pids[0])
        print(f"{curve}: {memory:.0f} MiB PSS of {servers.WORKERS} workers on SQLite (goal: under {GOAL_MIB})")
    return {cell: Figures.median(rounds) for cell, rounds in found.items()}


def _of_each(batch: Figures, count: int) -> Figures:
    """Return the figures of a batch for each certificate; the milliseconds until the answer stay those of the batch."""
    return replace(batch, rate=batch.rate * count, cpu=batch.cpu / count)


def _print(results: dict[str, Cells], before: Machine, after: Machine) -> None:
    print(f"{before.processor}, {before.cores} cores; load {before.load:.1f} before, {after.load:.1f} after", end="")
    print(f" (noisy: it was above {NOISY} before)" if before.load > NOISY else "")
    print(f"{'':8}{'':31}{'connections':>12}{'/s':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'CPU ms':>8}{'ours':>7}")
    for curve, cells in results.items():
        for (name, connections), each in sorted(cells.items(), key=lambda cell: (cell[0][1], cell[0][0])):
            rival = name.replace("cfssl", "ca_service").replace("step-ca, badger", "ca_service, SQLite")
            ratio = f"{cells[rival, connections].rate / each.rate:6.2f}x" if rival != name else ""
            numbers = f"{each.rate:8.0f}{each.p50:9.1f}{each.p95:9.1f}{each.p99:9.1f}{each.cpu:8.1f}"
            print(f"{curve:8}{name:31}{connections:12}{numbers}{ratio:>7}")


def _keep(results: dict[str, Cells], before: Machine, after: Machine) -> None:
    """Write the results as JSON: one file a run."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    cells = [
        {"curve": curve, "name": name, "connections": connections, **asdict(figures)}
        for curve, measured in results.items()
        for (name, connections), figures in measured.items()
    ]
    document = {"at": now.isoformat(), "version": __version__, "before": asdict(before), "after": asdict(after)}
    (RESULTS / f"service-{now:%Y%m%dT%H%M%S}.json").write_text(json.dumps(document | {"cells": cells}, indent=1))


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
    import sys

    main(sys.argv[1:])
