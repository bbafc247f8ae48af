"""Other people's servers in processes of their own: started in a folder, waited for, and ended with the test."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ca_service import clock

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0


@contextmanager
def running(command: Sequence[str | Path], folder: Path, is_ready: Callable[[], bool]) -> Iterator[Path]:
    """Run this server in this folder until the end of the block; yield its log, once it is ready.

    Fail with the log if it ends before, or is not ready within a minute.
    """
    log = folder / "log"
    runner = ["setpriv", "--pdeathsig", "KILL"]  # it does not outlive us
    with log.open("wb") as output:
        process = subprocess.Popen([*runner, *map(str, command)], cwd=folder, stdout=output, stderr=output)
    try:
        ends = clock.stopwatch() + _START_SECONDS
        while not is_ready():
            assert process.poll() is None, log.read_text("utf-8")
            assert clock.stopwatch() < ends, f"not ready: {log.read_text('utf-8')}"
            time.sleep(0.05)
        yield log
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def answers(*ports: int) -> bool:
    """Whether a program listens on each of these ports of loopback."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return False
    return True
