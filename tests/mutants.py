"""Change the code in one place at a time, and list the changes that no test notices.

    python -m tests.mutants ca_service/pki/csr.py --tests tests/pki/test_csr.py tests/pki/test_description.py

Each mutant is one small change: a comparison or a condition turned round, a statement deleted, a number or a flag
changed. It is written into a copy of this tree, and the tests run there until one fails. The sample is the same
for the same seed, so that two versions of the tests can be compared. Slow: nothing here runs in `make test`.
"""

from __future__ import annotations

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
_SECONDS: Final = 120  # for the tests of one mutant: an endless loop counts as noticed
_OPPOSITES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the new text of the bytes from `start` to `end` of a module."""

    path: Path
    line: int
    start: int
    end: int
    text: str

    def of(self, source: bytes) -> bytes:
        """Return the module with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def shown(self, source: bytes) -> str:
        """Return where it is, and what becomes what, in one line."""
        before, after = " ".join(source[self.start : self.end].decode().split()), " ".join(self.text.split())
        return f"{self.path}:{self.line}: {before[:60]} -> {after[:60]}"


def mutants_of(path: Path, source: bytes) -> Iterator[Mutant]:
    """Return every mutant of a module, in the order of its tree."""
    starts = [0]
    for row in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(row))
    for node in _mutable(ast.parse(source)):
        for text in _changes(node):
            start = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
            yield Mutant(path, node.lineno, start, end, text)


def _mutable(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Return what a mutant may change: no annotation, decorator, docstring or import."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params", "values") and not _is_plain(node, name):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.expr | ast.stmt) and not isinstance(child, ast.Import | ast.ImportFrom):
                yield child
            if isinstance(child, ast.AST):
                yield from _mutable(child)


def _is_plain(node: ast.AST, field: str) -> bool:
    return field == "values" and not isinstance(node, ast.JoinedStr)


def _changes(node: ast.expr | ast.stmt) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[first, *others], comparators=comparators):
            ops: list[ast.cmpop] = [_OPPOSITES[type(first)](), *others]
            yield f"({ast.unparse(ast.Compare(left, ops, comparators))})"
        case ast.BoolOp(op=op, values=values):
            yield f"({ast.unparse(ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"({ast.unparse(operand)})"
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)):
            yield str(value + 1)
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield "pass"
        case ast.Raise():
            yield "pass"


def survivors(mutants: Sequence[Mutant], tests: Sequence[str]) -> Iterator[Mutant]:
    """Return the mutants that these tests do not notice; raises SystemExit if the tests fail without a change."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(PROJECT, tree, ignore=shutil.ignore_patterns(".*", "instance", "__pycache__"))
        if not _pass(tree, tests):
            raise SystemExit("the tests fail or take too long without a change")
        for mutant in mutants:
            file, source = tree / mutant.path, (PROJECT / mutant.path).read_bytes()
            file.write_bytes(mutant.of(source))
            if _pass(tree, tests):
                yield mutant
            file.write_bytes(source)


def _pass(tree: Path, tests: Sequence[str]) -> bool:
    options = ("-x", "-q", "-n", "0", "-p", "no:randomly", "-p", "no:cacheprovider", f"--timeout={_SECONDS}")
    command = (sys.executable, "-B", "-m", "pytest", *options, *tests)
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _modules(paths: Sequence[str]) -> Iterator[Path]:
    for path in map(Path, paths):
        found = sorted((PROJECT / path).rglob("*.py")) if (PROJECT / path).is_dir() else [PROJECT / path]
        yield from (each.relative_to(PROJECT) for each in found)


def main() -> None:
    """Print the mutants that survive, and how many there were."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+", help="modules or folders to change")
    parser.add_argument("--tests", nargs="+", required=True, help="the tests that should notice")
    parser.add_argument("--sample", type=int, default=40, help="how many mutants; 40 unless given")
    parser.add_argument("--seed", type=int, default=1, help="of the sample; 1 unless given")
    parser.add_argument("--only", default="", help="only changes of a text that begins so, such as 'require('")
    given = parser.parse_args()
    sources = {path: (PROJECT / path).read_bytes() for path in _modules(given.modules)}
    every = [each for path, source in sources.items() for each in mutants_of(path, source)]
    every = [each for each in every if sources[each.path][each.start :].decode().startswith(given.only)]
    sample = random.Random(given.seed).sample(every, min(given.sample, len(every)))  # noqa: S311 - nothing secret
    alive = 0
    for mutant in survivors(sample, given.tests):
        alive += 1
        print(mutant.shown(sources[mutant.path]), flush=True)  # noqa: T201 - it is there to print
    print(f"{alive} of {len(sample)} mutants survive ({len(every)} in all)")  # noqa: T201 - it is there to print


if __name__ == "__main__":
    main()
