"""Shared parts of the sections: the base class, lists in one value, contradictions between two settings."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

CONTRADICTION: Final = "contradiction"  # the type of errors about two settings


class Section(BaseModel):
    """A section: frozen, without unknown keys. Errors hide wrong values, which may be secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def joined(value: object) -> object:
    """Return a TOML list as text, `a, b`, as in environment variables."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def split(value: str) -> tuple[str, ...]:
    """Return the parts of such a text."""
    return tuple(part for part in (each.strip() for each in value.split(",")) if part)


def contradiction(
    one: tuple[str, object], relation: str, other: tuple[str, object], advice: str
) -> PydanticCustomError:
    """Return the error for two settings (key, value) that contradict each other: `one relation other`."""
    context = {
        "key": one[0],
        "value": one[1],
        "relation": relation,
        "other": other[0],
        "limit": other[1],
        "advice": advice,
    }
    return PydanticCustomError(CONTRADICTION, "{key} {relation} {other}", context)
