"""The part of the benchmarks that needs npm says so where it is missing, and measures the page that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import bench_lighthouse


def report(shown: str) -> dict[str, Any]:
    """Return a report as Lighthouse writes it, as far as it is read; `shown` is the page after redirects."""
    numbers = {"first-contentful-paint": 1100, "largest-contentful-paint": 1234, "total-byte-weight": 20_480}
    return {
        "requestedUrl": "http://127.0.0.1/",
        "finalDisplayedUrl": shown,
        "categories": {name: {"score": 0.96} for name in bench_lighthouse.CATEGORIES},
        "audits": {name: {"numericValue": value} for name, value in numbers.items()},
    }


def test_without_npm_it_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bench_lighthouse.main()
    assert capsys.readouterr().out == "Lighthouse: skipped: no npm\n"


def test_a_page_is_a_line_of_scores() -> None:
    line = bench_lighthouse.row("overview", report("http://127.0.0.1/"))
    assert line.split() == ["overview", "96", "96", "96", "1.1", "1.2", "20"]


def test_a_page_that_led_to_another_has_no_scores() -> None:
    with pytest.raises(RuntimeError, match="/sign-in instead of"):
        bench_lighthouse.row("overview", report("http://127.0.0.1/sign-in"))
