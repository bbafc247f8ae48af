"""Makes docs/operating/faults.md from the tests that break something on purpose.

python -m tests.docs.faults

Such a test is marked with `@pytest.mark.fault(AREA, "what is broken", "what the service does")`.
`python -m pytest -m fault` runs them all.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "docs" / "operating" / "faults.md"
#: The areas in the order of the page.
AREAS: Final = ("processes", "disk", "database", "clock", "keys and files", "memory", "other services", "same moment")
_TITLES: Final = {
    "processes": "Processes that are stopped",
    "disk": "Disk",
    "database": "Database",
    "clock": "Clock",
    "keys and files": "Keys and private files",
    "memory": "Memory",
    "other services": "Other services",
    "same moment": "Two at the same moment",
}
_HEAD: Final = """\
# Faults

What the tests break on purpose, and what the service does then: {faults} faults, {tests} tests. This page is made by
`make docs` from the marks of the tests; `python -m pytest -m fault` runs them.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A mark: its area, what is broken, what the service does, and the test that shows it."""

    area: str
    broken: str
    answer: str
    test: str


def marked() -> Iterator[Fault]:
    """Yield every mark of every test, in the order of the files."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                place = f"{path.relative_to(ROOT / 'tests').as_posix()}: {node.name.removeprefix('test_')}"
                yield from (Fault(*arguments, place) for arguments in _marks(node))


def _marks(function: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
            area, broken, answer = (ast.literal_eval(argument) for argument in decorator.args)
            yield area, broken, answer


def document() -> str:
    """Return the page. Tests of the same fault with the same answer share a row."""
    faults = sorted(marked(), key=lambda each: (AREAS.index(each.area), each.broken.lower(), each.answer))
    rows = [
        (*fault, [each.test for each in same])
        for fault, same in groupby(faults, key=lambda each: (each.area, each.broken, each.answer))
    ]
    text = _HEAD.format(faults=len(rows), tests=len({each.test for each in faults}))
    for area, of_area in groupby(rows, key=lambda row: row[0]):
        text += f"\n## {_TITLES[area]}\n\n| Fault | The service | Test |\n|---|---|---|\n"
        text += "".join(f"| {broken} | {answer} | {_cell(tests)} |\n" for _, broken, answer, tests in of_area)
    return text


def _cell(tests: list[str]) -> str:
    return "; ".join(f"`{test}`" for test in tests)


def main() -> None:
    """Write the page."""
    FILE.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
