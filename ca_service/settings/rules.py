"""Approval rules in the settings: tables in TOML, or an array in the environment."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ca_service.authority.access.permissions import Role
from ca_service.authority.issuance.approval import DEFAULT_RULES, is_pattern
from ca_service.pki.profiles import LEAF_PROFILES


def _known_profile(value: str) -> str:
    if value not in LEAF_PROFILES:
        raise ValueError(f"must be one of {', '.join(LEAF_PROFILES)}")
    return value


def _pattern(value: str) -> str:
    if not is_pattern(value):
        raise ValueError("must be a DNS name such as uc.example.com, or *.uc.example.com for everything below it")
    return value.lower()


_Text = Annotated[str, Field(min_length=1, max_length=200)]


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
