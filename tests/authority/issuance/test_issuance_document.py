"""docs/issuance.md shows the steps of the procedure: the same, in the same order, where they are."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from ca_service.authority.issuance.issuance import Issuance
from tests.benchmarks.files_of_one_issuance import CORE, OURS, Count, measure

PROJECT = Path(__file__).parents[3]
DOCUMENT = (PROJECT / "docs" / "issuance.md").read_text(encoding="utf-8")


def test_the_document_has_the_titles_of_the_functions_steps() -> None:
    shown = re.findall(r"^## (\d\. .+)$", DOCUMENT, re.MULTILINE)
    steps = re.findall(r"# (\d\. [^:.]+)[:.]", inspect.getsource(Issuance._run))
    assert shown == steps
    assert [step[0] for step in steps] == list("1234567")


def test_each_step_names_a_function_that_exists() -> None:
    places = re.findall(r"^\*\*Where:\*\* `([\w/]+)\.py`: `(\w+)`$", DOCUMENT, re.MULTILINE)
    assert len(places) == 7
    missing = [
        (path, name) for path, name in places if not hasattr(importlib.import_module(path.replace("/", ".")), name)
    ]
    assert missing == []


def test_every_file_that_the_document_names_exists() -> None:
    assert [path for path in re.findall(r"`(ca_service/[\w/.]+)`", DOCUMENT) if not (PROJECT / path).exists()] == []


def settled(name: str) -> Count:
    """Measure the second run: the first one in a process also runs the modules that it imports."""
    measure((name,))
    return measure((name,))[name]


def test_one_issuance_parses_its_csr_once_and_stays_in_few_files() -> None:
    """The limits are what was reached (tests/benchmarks/files_of_one_issuance.py): lower them, do not raise them."""
    count = settled("core")
    assert count.parsed == 1
    for folders, most_files, most_changes in (((OURS,), 40, 197), (CORE, 29, 149)):
        files, changes = count.of(*folders)
        assert files <= most_files, count.files
        assert changes <= most_changes


def test_the_bundle_of_one_leaf_stays_in_few_files() -> None:
    files, changes = settled("bundle").of(OURS)
    assert files <= 17
    assert changes <= 66
