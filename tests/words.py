"""The plain-English check of `make check`: banned words in sentences, banned openings of docstrings.

    python -m tests.words [PATH ...]

Reads the strings, docstrings and comments of Python modules, the text of templates, the data of `vos/`, and the
documents. Each line of output is `file:line: word: sentence`; exit status 1 if there is one.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
CHECKED: Final = ("ca_service", "docs", "config", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
SUFFIXES: Final = {".py", ".html", ".txt", ".toml", ".md"}

#: Words that mark a sentence which wants rewriting, each with what to write in its place.
WORDS: Final = {
    r"nobody('s)?": "name the person, or use the passive of the thing",
    r"somebody('s)?|anybody('s)?": "a noun for the person: requester, approver, operator",
    r"whoever|whomever": "a noun for the person",
    r"lately": "recently",
    r"quicker": "faster, or: in the meantime",
    r"wish|wishes|wished": "request, option",
    r"mend|mends|mended|mending": "fix",
    r"(is|are|was|were|be|been) told": "tell the reader who tells whom",
    r"(it|that|this|which|they|what|who|nothing|name|names|key|file|files) stands?": "is",
    r"stands in the way": "prevents",
    r"lies in|lies on": "is in, is on",
    r"doors?": "interface",
    r"without a word": "silently",
    r"at once": "immediately, together",
    r"needs? (nobody's|no) leave|by which leave": "is approved automatically",
    r"in the way of": "prevents",
    r"of its own accord|by and by": "automatically",
    r"overtaken": "superseded",
    r"what (it|they|this|that|these) (may|can|mean|means|is for|are for)": "a noun",
    r"goes well|went well": "succeeds",
    r"to be had": "available",
    r"taken for": "mistaken for, treated as",
}
_BANNED: Final = [
    (re.compile(rf"(?<![-\w./`])(?:{word})(?![-\w`])", re.IGNORECASE), fix) for word, fix in WORDS.items()
]
#: A docstring begins with an imperative, or with the noun that the thing is.
_OPENING: Final = re.compile(
    r"(Knows|Says|What|Where|When|Who|Whoever|How|Why|Which|That|Those|Off|Of|So|Nothing|Something)\b"
)
_VERBLESS: Final = re.compile(r"(The|A|An|All|Every|Each|Its|Whether|Some|Both|These|Those)\b")
#: The docstring of a lint rule is the clause that it checks, which is a statement.
_CLAUSES: Final = "linting.py"
#: Sentences of others, quoted as they print them.
_QUOTED: Final = ("Doors:", "ca_service/vos/data/messages.toml")


@dataclass(frozen=True, slots=True)
class Fault:
    """One sentence that wants rewriting."""

    file: Path
    line: int
    word: str
    fix: str
    text: str

    def __str__(self) -> str:
        """The line of a report."""
        shown = " ".join(self.text.split())[:110]
        return f"{self.file}:{self.line}: {self.word!r} ({self.fix}): {shown}"


def check(paths: list[Path]) -> list[Fault]:
    """Return the faults of these files and folders, in the order of the files."""
    return [fault for path in paths for file in _files(path) for fault in _faults(file)]


def _files(path: Path) -> Iterator[Path]:
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    yield from (file for file in found if file.suffix in SUFFIXES and "requirements" not in file.parts)


def _faults(file: Path) -> Iterator[Fault]:
    text = file.read_text(encoding="utf-8")
    if str(file).endswith(_QUOTED[1:]):
        return
    pieces = _python(text) if file.suffix == ".py" else _prose(text)
    for line, sentence in pieces:
        for pattern, fix in _BANNED:
            if found := pattern.search(sentence):
                yield Fault(file, line, found[0], fix, sentence[max(0, found.start() - 50) :])
    if file.suffix == ".py" and file.name != _CLAUSES:
        yield from _openings(file, ast.parse(text))


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Strings that are sentences (they hold a blank) and comments; adjacent strings are joined by the parser."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _prose(text: str) -> Iterator[tuple[int, str]]:
    """Lines without tags, expressions and code."""
    for number, line in enumerate(text.splitlines(), 1):
        yield number, re.sub(r"<[^>]*>|`[^`]*`|\{#.*?#\}", " ", line)


def _openings(file: Path, tree: ast.Module) -> Iterator[Fault]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node) or ""
        found = _OPENING.match(docstring) or (_is_action(node) and _VERBLESS.match(docstring))
        if found:
            fix = "begin with an imperative" if _is_action(node) else "begin with the noun that it is"
            yield Fault(file, getattr(node, "lineno", 1), found[0], fix, docstring)


def _is_action(node: ast.AST) -> bool:
    """Tell a function from a property, named like a value, and from a command, whose docstring is its help."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    decorators = " ".join(map(ast.unparse, node.decorator_list))
    return not any(word in decorators for word in ("property", "command", "group"))


def main(arguments: list[str]) -> int:
    """Print the faults of these paths, or of everything that is checked; return the exit status."""
    paths = [Path(argument) for argument in arguments] or [Path(name) for name in CHECKED if Path(name).exists()]
    faults = check(paths)
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{len(faults)} sentences want rewriting\n" if faults else "plain English: no banned words\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
