"""Facts about Cisco's products: data with sources; holds none of them itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

_DATA: Final = "data"
NOT_CONFIRMED: Final = "Not confirmed by Cisco\u2019s documents."


@dataclass(frozen=True, slots=True)
class Source:
    """A source of facts. `tag` is its short name in the data, `title` what a reader searches for."""

    tag: str
    title: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence that is true of a product, with the tags of its sources.

    What is not confirmed was inferred: the sources lead to it, but no document says it.
    """

    text: str
    sources: tuple[str, ...]
    is_confirmed: bool = True


@cache
def sources() -> Mapping[str, Source]:
    """Return all sources by their tag."""
    return {tag: Source(tag, title) for tag, title in table("sources")["source"].items()}


@cache
def table(name: str) -> Mapping[str, Any]:
    """Return one file of the data, unchanged."""
    file = resources.files(__package__).joinpath(_DATA, f"{name}.toml")
    return tomllib.loads(file.read_text("utf-8"))


def fact(row: Mapping[str, Any]) -> Fact:
    """Return the fact of a row: its text, where it was read, and whether it was read or inferred."""
    return Fact(row["text"], tuple(row["sources"]), not row.get("inferred", False))


def titles(tags: Sequence[str]) -> tuple[str, ...]:
    """Return the titles of these sources, each once; raises KeyError for one that is not listed."""
    return tuple(dict.fromkeys(sources()[tag].title for tag in tags))
