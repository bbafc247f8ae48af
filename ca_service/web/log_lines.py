"""The log handler of the server, which writes whole lines to standard error."""

from __future__ import annotations

import logging
import os
from typing import Any, Final, cast

_STANDARD_ERROR: Final = 2


class _NoLock:
    """A lock for what needs none, with the methods that logging calls."""

    def acquire(self) -> None:
        """Take nothing."""

    release = acquire

    def __enter__(self) -> None:
        """Take nothing."""

    def __exit__(self, *_error: object) -> None:
        """Give nothing back."""


class LogLines(logging.Handler):
    """Writes each record to standard error with one system call, which threads and processes need no lock for.

    A handler with a lock makes the threads of a worker wait for one another at every request.
    """

    def createLock(self) -> None:  # noqa: N802 - the name that logging calls
        self.lock = cast(Any, _NoLock())  # not None, which Python 3.13 would enter

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(_STANDARD_ERROR, f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:
            self.handleError(record)
