"""Makes docs/rules.md from the declared rules of the code.

python -m tests.docs.rules
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import ca_service
from ca_service.errors import Rule, Visibility

FILE: Final = Path(__file__).parents[2] / "docs" / "rules.md"
_HEAD: Final = """\
# Rules

Every finding and every error has a rule with a stable id, the same on pages, in the API and at the command line.
The words in braces are values of the finding. Only an *error* prevents signing. This page is made by `make docs`.

"""


def declared() -> Iterator[tuple[str, Rule]]:
    """Yield every rule with the module that declares it; a rule that others import counts where it is declared."""
    seen = set[int]()
    for module in pkgutil.walk_packages(ca_service.__path__, "ca_service."):
        if ".migrations" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        source = Path(str(loaded.__file__)).read_text(encoding="utf-8")
        for name, value in vars(loaded).items():
            rules = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,)
            for rule in rules:
                is_here = isinstance(value, dict) or (isinstance(rule, Rule) and f'"{rule.id}"' in source)
                if isinstance(rule, Rule) and is_here and id(rule) not in seen and not name.startswith("__"):
                    seen.add(id(rule))
                    yield module.name, rule


def document() -> str:
    """Return the page, sorted by id."""
    entries = [_entry(module, rule) for module, rule in sorted(declared(), key=lambda each: each[1].id)]
    return _HEAD + "\n".join(entries)


def _entry(module: str, rule: Rule) -> str:
    shown = " Only the operator sees the text." if rule.visibility is Visibility.OPERATOR else ""
    remedy = f"\nFix: {_escaped(rule.remedy)}\n" if rule.remedy else ""
    options = f"\nOptions of API and command line: `{rule.options}`\n" if rule.options else ""
    return (
        f'## <a id="{rule.id}"></a>`{rule.id}`\n\n{rule.severity.value.capitalize()}.{shown} {_escaped(rule.problem)}\n'
        f"{remedy}{options}\nDeclared in `{module}`.\n"
    )


def _escaped(text: str) -> str:
    """Keep Markdown from reading marks in a text."""
    return text.replace("*", "\\*").replace("<", "&lt;")


def main() -> None:
    """Write the page."""
    FILE.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
