"""The machine that a benchmark runs on, and the CPU time of a process tree (Linux)."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOISY: Final = 1.5  # load average for each figure to be trusted
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor, number of cores, and the load average of the last minute."""

    processor: str
    cores: int
    load: float

    @classmethod
    def now(cls) -> Machine:
        """Return the machine as it is at the moment."""
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        return cls(found[1] if found else platform.processor(), os.cpu_count() or 1, os.getloadavg()[0])


def process_tree(pid: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from process_tree(int(child))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process, its descendants and its past children have used."""
    return sum(map(_own_seconds, process_tree(pid)))


def _own_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / _TICKS  # utime and stime (proc_pid_stat(5), 14 and 15)


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process and its descendants."""
    total = 0
    for each in process_tree(pid):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{each}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1024
