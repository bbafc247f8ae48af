"""The lines for PowerShell are valid PowerShell, by a grammar that we did not write; they are not run here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from ca_service.vos import trust_kit
from ca_service.vos.products import get_product
from ca_service.vos.runbook_parts import powershell_line
from ca_service.vos.trust_kit import TrustKit
from tests.support import certificates
from tests.vos.runbooks import EVERY, of_release

HOST = "o'brien-$env:x`$(exit).example.com"  # no host of ours: what PowerShell would take as its own


def parts(line: str) -> Iterator[tuple[Node, str]]:
    """Every part of a line as PowerShell reads it, with its text."""
    waiting = [Parser(Language(tree_sitter_powershell.language())).parse(line.encode()).root_node]
    while waiting:
        part = waiting.pop()
        yield part, line.encode()[part.start_byte : part.end_byte].decode()
        waiting.extend(part.children)


def faults(line: str) -> list[str]:
    """The parts of a line that are not PowerShell."""
    return [text or f"missing {part.type}" for part, text in parts(line) if part.is_error or part.is_missing]


def invalid(lines: list[str]) -> dict[str, list[str]]:
    """The lines with faults, and these."""
    return {line: found for line in lines if (found := faults(line))}


@pytest.mark.parametrize("line", ["if ($x { 1 }", "Copy-Item 'a", "'a' -replace ("])
def test_the_judge_finds_what_is_not_powershell(line: str) -> None:
    assert faults(line)


def test_the_lines_of_every_runbook_are_powershell() -> None:
    lines = [line for each in EVERY for step in of_release(*each).steps for line in step.powershell]
    assert len(set(lines)) > 10
    assert invalid(lines) == {}


@pytest.mark.parametrize("base_url", ["http://ca.example.com/ca/kit/", ""], ids=["downloaded", "from the ZIP"])
def test_the_lines_that_install_and_remove_the_root_are_powershell(base_url: str) -> None:
    kit = TrustKit((certificates.intermediate().certificate, certificates.root().certificate))
    [windows, firefox] = [each for each in trust_kit.list_systems() if each.id in {"windows", "firefox"}]
    lines = [
        line
        for system in (windows, firefox)
        for ways in (trust_kit.install_steps, trust_kit.undo_steps)
        for way in ways(system, kit.places(base_url))
        for step in way.steps
        for line in step.terminal
        if not line.startswith("sudo ")
    ]
    assert len(lines) > 8
    assert invalid(lines) == {}


def test_a_host_stays_one_string() -> None:
    line = powershell_line(HOST, get_product("uccx").releases[0].ports)

    assert faults(line) == []
    strings = [text for part, text in parts(line) if part.type == "verbatim_string_characters"]
    assert strings.count("'" + HOST.replace("'", "''") + "'") == 4
