"""The roles of groups: `ca-admins=administrator; voice=requester`, or a table in TOML."""

from __future__ import annotations

from collections.abc import Mapping

from ca_service.authority.access.permissions import Role


def read_roles(value: object) -> dict[str, Role]:
    """Return the role of each group, in the given order. Raises ValueError for an unknown role.

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
            raise ValueError("must be GROUP=ROLE, and ; between several")
        found.append((group.strip(), role.strip()))
    return found


def _role(text: str) -> Role:
    if text not in set(Role):
        raise ValueError(f"must name one of the roles: {', '.join(role.value for role in Role)}")
    return Role(text)
