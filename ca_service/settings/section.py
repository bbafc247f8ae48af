"""The parts of all sections: the base class, lists and roles in one value, approval rules, contradictions."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.approval import DEFAULT_RULES, is_pattern
from ca_service.pki.profiles import LEAF_PROFILES

_Text = Annotated[str, Field(min_length=1, max_length=200)]
CONTRADICTION: Final = "contradiction"  # the type of errors about two settings


def _known_profile(value: str) -> str:
    if value not in LEAF_PROFILES:
        raise ValueError(f"must be one of {', '.join(LEAF_PROFILES)}")
    return value


def _pattern(value: str) -> str:
    if not is_pattern(value):
        raise ValueError("must be a DNS name such as uc.example.com, or *.uc.example.com for everything below it")
    return value.lower()


class ApprovalRule(BaseModel):
    """One approval rule. authority/issuance/approval.py describes the conditions."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    profiles: tuple[Annotated[str, AfterValidator(_known_profile)], ...] = ()
    names: tuple[Annotated[str, AfterValidator(_pattern)], ...] = ()
    roles: tuple[Role, ...] = ()
    accounts: tuple[_Text, ...] = ()
    tokens: tuple[_Text, ...] = ()


def as_toml(rules: Sequence[dict[str, Any]]) -> str:
    """Return the rules on one line, for the environment."""
    return f"[{', '.join(map(_table, rules))}]"


def _table(rule: dict[str, Any]) -> str:
    """Return a rule as an inline table. JSON strings and lists of them are valid TOML."""
    return f"{{{', '.join(f'{name} = {json.dumps(value)}' for name, value in rule.items() if value)}}}"


def _read(value: object) -> object:
    """Return the array in a TOML text from the environment; return any other value unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"rules = {value}")["rules"]
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not a TOML array of rules: {error}") from error


def _sound(rules: tuple[ApprovalRule, ...]) -> tuple[ApprovalRule, ...]:
    """Check that each rule has its own name and at least one condition. A rule for everyone names all roles."""
    names = [rule.name for rule in rules]
    for rule in rules:
        if names.count(rule.name) > 1 or rule.name == "operator":
            raise ValueError(f"the rule name {rule.name} is used twice or reserved")
        if not any((rule.profiles, rule.names, rule.roles, rule.accounts, rule.tokens)):
            raise ValueError(f"the rule {rule.name} has no condition; name all roles to approve everything")
        if rule.tokens and not rule.accounts:  # token labels are chosen by their owners, so they are not unique
            raise ValueError(f"the rule {rule.name} names tokens, so it must also name the accounts of these tokens")
    return rules


Rules = Annotated[tuple[ApprovalRule, ...], BeforeValidator(_read), AfterValidator(_sound)]
DEFAULT: Final = tuple(ApprovalRule(name=rule.name, roles=rule.roles) for rule in DEFAULT_RULES)


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
