"""The declared rules: each id once, each used, none written where it is raised, and docs/rules.md complete."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

from tests import rules_document
from tests.rules_document import ROOT, Declaration

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*")
_MODULES: Final = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


@pytest.fixture(scope="module")
def declared() -> list[Declaration]:
    return rules_document.declarations()


def test_each_id_is_declared_once(declared: list[Declaration]) -> None:
    counts = Counter(each.rule.id for each in declared)
    assert [rule for rule, count in counts.items() if count > 1] == []
    assert len(declared) > 300


def test_ids_are_words_with_dots_and_hyphens(declared: list[Declaration]) -> None:
    assert [each.rule.id for each in declared if not _ID.fullmatch(each.rule.id)] == []


def test_a_text_is_a_sentence_and_its_values_have_names(declared: list[Declaration]) -> None:
    texts = [text for each in declared for text in (each.rule.problem, each.rule.remedy) if text]
    fields = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None}
    assert [name for name in fields if not name.isidentifier()] == []
    whole = [each.rule for each in declared if not each.rule.id.startswith("approval.")]  # reasons, within a sentence
    assert [rule.id for rule in whole if not rule.problem.endswith((".", "}", ".)"))] == []


def test_a_rule_is_built_only_at_the_head_of_a_module() -> None:
    assert list(_rules_inside_functions()) == []


def test_no_finding_or_error_is_made_from_an_id_that_is_written_there() -> None:
    assert list(_literal_ids()) == []


def test_every_rule_that_is_declared_is_used() -> None:
    names = Counter(name for tree in _MODULES.values() for node in ast.walk(tree) for name in _loaded(node))
    assert [name for name in _constants() if not names[name]] == []


def test_the_document_is_the_one_that_make_docs_writes(declared: list[Declaration]) -> None:
    assert rules_document.DOCUMENT.read_text() == rules_document.render(declared), "run: make docs"


def _rules_inside_functions() -> Iterator[str]:
    """Yield the places where logic builds a rule: the reader of stored findings may, and the table of the linter."""
    for path, tree in _MODULES.items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(map(rules_document.builds_a_rule, ast.walk(function))):
                place = f"{path.relative_to(ROOT).as_posix()}:{function.name}"
                if place not in ("storage/rows.py:_rule", "pki/linting.py:_declared"):
                    yield place


def _literal_ids() -> Iterator[str]:
    for path, tree in _MODULES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("because", "Finding"):
                yield f"{_place(path, node)}"


def _loaded(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr


def _constants() -> Iterator[str]:
    for node in (node for tree in _MODULES.values() for node in tree.body if isinstance(node, ast.AnnAssign)):
        if isinstance(node.target, ast.Name) and node.value is not None and rules_document.builds_a_rule(node.value):
            yield node.target.id


def _place(path: Path, node: ast.Call) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
