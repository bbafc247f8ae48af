"""Rules for automatic approval as settings: written in TOML or in the environment, and sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service.authority.access.permissions import Role
from ca_service.errors import ConfigurationError
from ca_service.settings import load

RULES = "CA_SERVICE_POLICY__RULES"


def test_rules_of_a_file_replace_those_of_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('[[policy.rules]]\nname = "lab-hosts"\nnames = ["*.Lab.example.com"]\nroles = ["requester"]\n')
    (rule,) = load({"CA_SERVICE_CONFIG": str(path)}).settings.policy.rules
    assert (rule.name, rule.names, rule.roles) == ("lab-hosts", ("*.lab.example.com",), (Role.REQUESTER,))


def test_there_may_be_no_rules() -> None:
    assert load({RULES: "[]"}).settings.policy.rules == ()


def test_what_is_shown_can_be_put_into_the_environment() -> None:
    lab = '{name = "lab", names = ["*.lab.example.com"], accounts = ["anna \\"x\\""], tokens = ["a"]}'
    text = f'[{lab}, {{name = "s", profiles = ["server"]}}]'
    (shown,) = (each.value for each in load({RULES: text}).listing() if each.key == "policy.rules")
    assert load({RULES: shown}).settings.policy.rules == load({RULES: text}).settings.policy.rules


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("anybody", "not a TOML array"),
        ('[{name = "x"}]', "no condition"),
        ('[{roles = ["requester"]}]', "policy.rules.0.name"),
        ('[{name = "A b", roles = ["requester"]}]', "pattern"),
        ('[{name = "x", roles = ["king"]}]', "requester"),
        ('[{name = "x", profiles = ["root"]}]', "vos, server"),
        ('[{name = "x", names = ["*.*.example.com"]}]', "DNS name"),
        ('[{name = "x", names = ["*"]}]', "DNS name"),
        ('[{name = "x", accounts = [""]}]', "at least 1"),
        ('[{name = "x", roles = ["requester"]}, {name = "x", roles = ["auditor"]}]', "rule name x is used twice"),
        ('[{name = "operator", roles = ["requester"]}]', "the rule name operator is used twice or reserved"),
        ('[{name = "x", tokens = ["renewal"]}]', "accounts"),
    ],
)
def test_a_rule_that_nobody_could_use_is_refused_with_where_it_was_set(rules: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({RULES: rules})
    assert reason in str(caught.value)
    assert f"(from {RULES})" in str(caught.value)
