"""Shared parts of the sections: the base class, lists and roles in one value, contradictions between two settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from ca_service.authority.access.permissions import Role

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


def read_roles(value: object) -> dict[str, Role]:
    """Return the role of each group, in the given order. Raises ValueError for an unknown role.

    The text is `ca-admins=administrator; voice=requester`; in TOML it is a table.

    Group names may contain = and , as in LDAP: the role follows the last =, and semicolons separate the pairs.
    """
    pairs = value.items() if isinstance(value, Mapping) else _pairs(str(value))
    return {str(group): _role(str(role)) for group, role in pairs}


def write_roles(roles: Mapping[str, Role]) -> str:
    """Return the roles as text."""
    return "; ".join(f"{group}={role.value}" for group, role in roles.items())


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for part in filter(None, map(str.strip, text.replace("\n", ";").split(";"))):
        group, equals, role = part.rpartition("=")
        if not equals or not group.strip():
            raise ValueError("must be GROUP=ROLE, with ; between several pairs")
        found.append((group.strip(), role.strip()))
    return found


def _role(text: str) -> Role:
    if text not in set(Role):
        raise ValueError(f"must name one of the roles: {', '.join(role.value for role in Role)}")
    return Role(text)
