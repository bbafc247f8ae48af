"""Long load on a real server: `python -m tests.soak [SECONDS]`, ten minutes by default and at most.

Clients sign, fetch CRLs, ask OCSP, open pages, and are slow, in rounds. After each round all of them hang up, and what
the server still holds is measured: memory (PSS), open files, and the write-ahead log of the database. The last rounds
are compared with the first ones after the warm-up. Exit code 1: something has grown, or a request has failed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks import servers
from tests.benchmarks.machine import process_tree, pss_mib
from tests.soak.load import Load

ROUNDS: Final = 7
QUIET_SECONDS: Final = 8  # kept-alive connections end after 5
MIN_SECONDS: Final = 90
MAX_SECONDS: Final = 600
_WARM_UP: Final = 2  # rounds until each worker has loaded and cached what it needs
_COMPARED: Final = 2
_MIB: Final = 1024 * 1024
#: How much each figure may grow: a share of itself, and its unit for what varies between two moments.
_ALLOWED: Final = {"memory": (0.1, 4.0), "files": (0.0, 4.0), "wal": (0.1, 1.0)}


@dataclass(frozen=True, slots=True)
class Held:
    """Memory in MiB (PSS), open files, and the size of the write-ahead log in MiB."""

    memory: float
    files: float
    wal: float

    @classmethod
    def of(cls, pid: int, wal: Path) -> Held:
        """Measure a server and its workers."""
        files = sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in process_tree(pid))
        return cls(pss_mib(pid), files, wal.stat().st_size / _MIB if wal.exists() else 0.0)


def growth(rounds: Sequence[Held]) -> list[str]:
    """Return a line for each figure that has grown since the warm-up."""
    begun, ended = rounds[_WARM_UP : _WARM_UP + _COMPARED], rounds[-_COMPARED:]
    lines = []
    for name, (share, unit) in _ALLOWED.items():
        before, after = (statistics.median(asdict(each)[name] for each in part) for part in (begun, ended))
        if after > before * (1 + share) + unit:
            lines.append(f"{name} has grown from {before:.1f} to {after:.1f}")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Run the rounds, print what is held after each, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("seconds", type=int, nargs="?", default=MAX_SECONDS, help=f"{MIN_SECONDS} to {MAX_SECONDS}")
    seconds = min(max(parser.parse_args(arguments).seconds, MIN_SECONDS), MAX_SECONDS)
    rounds, failures = [], []
    with tempfile.TemporaryDirectory() as folder, servers.ours(Path(folder), "P-256") as authority:
        [pid], wal = authority.target.pids, Path(folder) / "instance/ca.sqlite3-wal"
        print(f"{'round':>5} {'answers':>8} {'memory':>8} {'files':>6} {'WAL':>6}", flush=True)
        for number in range(ROUNDS):
            load = Load(authority.target)
            load.run(seconds / ROUNDS - QUIET_SECONDS)
            time.sleep(QUIET_SECONDS)
            rounds.append(Held.of(pid, wal))
            failures += load.failures
            held = rounds[-1]
            print(f"{number:>5} {load.answers:>8} {held.memory:>8.1f} {held.files:>6.0f} {held.wal:>6.1f}", flush=True)
    faults = [*failures[:10], *growth(rounds)]
    print("\n".join(faults) or "flat")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
