"""The log handler of the server: threads queue whole lines, and one thread of each process writes them.

A pipe that is not read takes 64 KiB, and then keeps its writer waiting. Only the writing thread may wait there: the
queue is bounded, what does not fit is dropped and counted, and a line of the log gives the count later.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, cast

_STANDARD_ERROR: Final = 2
_MOST_LINES: Final = 5000
_ATTEMPTS: Final = 20  # of a line that matters to find room in the queue
_PAUSE_SECONDS: Final = 0.05
_LAST_SECONDS: Final = 1.0  # to write what is queued when the process ends


class LogLines(logging.Handler):
    """Writes records to standard error. Errors wait a second for room in a full queue; other records do not.

    Each process has a writer of its own, also after a fork, and no thread waits for another at every request: a queue
    of the standard library takes a line without a lock of ours.
    """

    def __init__(self, descriptor: int = _STANDARD_ERROR) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._writers: dict[int, _Writer] = {}  # by process

    def createLock(self) -> None:  # noqa: N802 - the name that logging calls
        self.lock = cast(Any, _NoLock())  # not None, which Python 3.13 would enter

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer().put(self._line(record), is_patient=record.levelno >= logging.ERROR)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Wait until everything is written, but for a second at most: the log may not be read."""
        writer = self._writers.get(os.getpid())
        if writer:
            writer.flush()

    def _writer(self) -> _Writer:
        found = self._writers.get(os.getpid())
        if found is None:
            made = _Writer(self._descriptor, self._dropped)
            found = self._writers.setdefault(os.getpid(), made)  # one of two threads that come together is first
            if found is made:
                found.start()
        return found

    def _dropped(self, count: int) -> bytes:
        said = "%s lines of the log were dropped, because it was not read in time"
        return self._line(logging.LogRecord("ca_service.log", logging.WARNING, "", 0, said, (count,), None))

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")


class _Writer:
    """The queue of one process, and the thread that writes its lines. `dropped` returns the line with a count."""

    def __init__(self, descriptor: int, dropped: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._dropped = dropped
        self._queue: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        self._counting = threading.Lock()  # taken only where a line is lost
        self._lost = 0
        self.start = threading.Thread(target=self._write_all, name="log", daemon=True).start

    def put(self, line: bytes, *, is_patient: bool) -> None:
        """Queue a line, or drop it if the queue is full and stays full."""
        if self._queue.qsize() < _MOST_LINES or (is_patient and self._gets_room()):
            self._queue.put(line)
        else:
            self._lose(1)

    def flush(self) -> None:
        """Wait until the lines before are written, or for a second."""
        is_reached = threading.Event()
        self._queue.put(is_reached)
        is_reached.wait(_LAST_SECONDS)

    def _gets_room(self) -> bool:
        for _ in range(_ATTEMPTS):
            time.sleep(_PAUSE_SECONDS)
            if self._queue.qsize() < _MOST_LINES:
                return True
        return False

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count

    def _write_all(self) -> None:
        while True:
            found = self._queue.get()
            if isinstance(found, threading.Event):
                found.set()
            elif not self._write(found):
                self._lose(1)
            count = self._lost
            if count and self._queue.empty() and self._write(self._dropped(count)):  # the log is read again
                self._lose(-count)

    def _write(self, line: bytes) -> bool:
        """Write a line, with one system call unless it is cut off, so that the lines of processes do not mix.

        Return False if the log is closed, which is no reason to stop.
        """
        try:
            while line:
                try:
                    line = line[os.write(self._descriptor, line) :]
                except BlockingIOError:  # another program has made this terminal or pipe non-blocking
                    select.select([], [self._descriptor], [])
        except OSError:
            return False
        return True


class _NoLock:
    """A lock for what needs none, with the methods that logging calls."""

    def acquire(self) -> None:
        """Take nothing."""

    release = acquire

    def __enter__(self) -> None:
        """Take nothing."""

    def __exit__(self, *_error: object) -> None:
        """Give nothing back."""
