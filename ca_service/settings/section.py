"""Knows what all sections of the settings have in common, and how lists are written in one value."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

CONTRADICTION: Final = "contradiction"  # the type of an error that is about two settings


class Section(BaseModel):
    """A section: frozen, without keys that nobody knows, and silent about wrong values, which may be secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def joined(value: object) -> object:
    """A list of TOML as the one text that environment variables hold as well: `a, b`."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def split(value: str) -> tuple[str, ...]:
    """The parts of such a text."""
    return tuple(part for part in (each.strip() for each in value.split(",")) if part)


def contradiction(
    one: tuple[str, object], relation: str, other: tuple[str, object], remedy: str
) -> PydanticCustomError:
    """Two settings, each as (key, value), that are good alone but cannot go together: `one relation other`."""
    context = {
        "key": one[0],
        "value": one[1],
        "relation": relation,
        "other": other[0],
        "limit": other[1],
        "advice": remedy,
    }
    return PydanticCustomError(CONTRADICTION, "{key} {relation} {other}", context)
