"""The declared rules: each id once, each used, none written where it is raised, and docs/rules.md complete."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Final

import pytest

import ca_service
from ca_service.app.serving import declared_rules
from ca_service.errors import Rule
from tests.docs import rules

ROOT: Final = Path(ca_service.__file__).parent
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*")
#: The readers of stored findings and of those of a server, and the table of lint rules, each made from the clause that
#: a function checks.
_BUILDERS: Final = ("storage/rows.py:_rule", "cli/api.py:finding_of", "pki/linting.py:_declared")


@cache
def modules() -> dict[Path, ast.Module]:
    """The syntax of each module."""
    return {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}


@pytest.fixture(scope="module")
def declared() -> list[Rule]:
    return [rule for _, rule in rules.declared()]


def test_each_id_is_declared_once(declared: list[Rule]) -> None:
    counts = Counter(rule.id for rule in declared)
    assert [rule for rule, count in counts.items() if count > 1] == []
    assert len(declared) > 300


def test_ids_are_words_with_dots_and_hyphens(declared: list[Rule]) -> None:
    assert [rule.id for rule in declared if not _ID.fullmatch(rule.id)] == []


def test_a_text_is_a_sentence_and_its_values_have_names(declared: list[Rule]) -> None:
    texts = [text for rule in declared for text in (rule.problem, rule.remedy) if text]
    fields = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None}
    assert [name for name in fields if not name.isidentifier()] == []
    whole = [rule for rule in declared if not rule.id.startswith("approval.")]  # reasons, within a sentence
    assert [rule.id for rule in whole if not rule.problem.endswith((".", "}", ".)"))] == []


def test_a_rule_is_built_only_at_the_head_of_a_module() -> None:
    assert list(_rules_inside_functions()) == []


def test_no_finding_or_error_is_made_from_an_id_that_is_written_there() -> None:
    assert list(_literal_ids()) == []


def test_every_rule_that_is_declared_is_used() -> None:
    names = Counter(name for tree in modules().values() for node in ast.walk(tree) for name in _loaded(node))
    assert [name for name in _constants() if not names[name]] == []


def test_the_service_explains_every_rule(declared: list[Rule]) -> None:
    assert sorted(rule.id for rule in declared) == list(declared_rules())


def test_the_document_is_the_one_that_make_docs_writes() -> None:
    assert rules.FILE.read_text(encoding="utf-8") == rules.document(), "run: make docs"


def _rules_inside_functions() -> Iterator[str]:
    for path, tree in modules().items():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and any(map(_builds_a_rule, ast.walk(function))):
                place = f"{path.relative_to(ROOT).as_posix()}:{function.name}"
                if place not in _BUILDERS:
                    yield place


def _literal_ids() -> Iterator[str]:
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("because", "Finding"):
                    yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"


def _builds_a_rule(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule"


def _loaded(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr


def _constants() -> Iterator[str]:
    for node in (node for tree in modules().values() for node in tree.body if isinstance(node, ast.AnnAssign)):
        if isinstance(node.target, ast.Name) and node.value is not None and _builds_a_rule(node.value):
            yield node.target.id
