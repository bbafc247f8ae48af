"""All declared rules of the program, to explain them on a page and in docs/rules.md."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

import ca_service
from ca_service.errors import Rule

_SCRIPTS = ("ca_service.storage.migrations.", "ca_service.__main__")  # these run when they are imported


@cache
def declared_rules() -> Mapping[str, Rule]:
    """Return each rule by its id, in the order of the ids. The first call imports every module of the program."""
    names = (found.name for found in pkgutil.walk_packages(ca_service.__path__, "ca_service."))
    modules = [import_module(name) for name in names if not name.startswith(_SCRIPTS)]
    found = {rule.id: rule for module in modules for value in vars(module).values() for rule in _rules_of(value)}
    return MappingProxyType(dict(sorted(found.items())))


def _rules_of(value: object) -> Iterator[Rule]:
    """Yield the rule of a constant, or those of a table of rules."""
    values = value.values() if isinstance(value, dict) else (value,)
    return (each for each in values if isinstance(each, Rule))
