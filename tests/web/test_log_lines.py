"""The lines of the server's log: whole, and written without waiting."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from ca_service.web.log_lines import LogLines


def test_lines_of_the_log_are_whole_though_no_thread_waits_for_another(capfd: pytest.CaptureFixture[str]) -> None:
    handler = LogLines()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", ("y" * 500 + "\udcff",), None)
    handler.acquire()  # a real lock would keep the threads waiting
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(handler.handle, [record] * 200))
    assert capfd.readouterr().err.splitlines() == [f"INFO {'y' * 500}\\udcff"] * 200
