"""Knows how to look for a part of a text, so that nothing in it has a meaning of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ColumnElement, FunctionElement, SQLColumnExpression, literal
from sqlalchemy.ext.compiler import compiles


class _Contains(FunctionElement[bool]):
    type = Boolean()
    name = "contains"
    inherit_cache = True


def contains(column: SQLColumnExpression[str], text: str) -> ColumnElement[bool]:
    """Whether the text stands somewhere in the column, as it is: LIKE would give %, _ and NUL a meaning."""
    return _Contains(column, literal(text))


@compiles(_Contains)
def _for_sqlite(element: _Contains, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)}) > 0"


@compiles(_Contains, "postgresql")
def _for_postgresql(element: _Contains, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)}) > 0"
