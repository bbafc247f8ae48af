"""The tables of the documents say what the code does: settings, profiles, roles, exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ca_service.authority.access.permissions import PERMISSIONS, SCOPES, Role
from ca_service.cli.failures import MEANINGS
from ca_service.errors import Visibility
from ca_service.pki.profiles import PROFILES, Profile
from ca_service.settings import load
from ca_service.vos.experience import rows
from ca_service.vos.served import Remark, Verdict
from tests.e2e.test_agents import REFUSED
from tests.probe.test_tomcat import VERDICTS
from tests.support.factories import Lab

DOCS: Final = Path(__file__).parents[2] / "docs"
ORDINALS: Final = {"one": 1, "two": 2}
NOTHING: Final = "\N{EN DASH}"


def table(file: str, title: str) -> list[list[str]]:
    """Return the rows of the table in this section of a document, the one with the titles first, cell by cell."""
    text = (DOCS / file).read_text("utf-8")
    [found] = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    lines = [line for line in str(found).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if set("".join(row)) - {"-"}]


def bare(text: str) -> str:
    """A cell without the marks of code."""
    return text.strip("`")


def profile_row(name: str) -> dict[str, str]:
    """The row of a profile, by the titles of the columns."""
    titles, *rows = table("operating/authority.md", "Certificate profiles")
    [row] = [row for row in rows if bare(row[0]) == name]
    return dict(zip(titles, row, strict=True))


def usages(cell: str, *, default: bool) -> tuple[str, ...]:
    """What a cell lists: `a, b` for always, `as requested within a, b; by default the first two` for a choice,
    `a; also b if requested` for more on request."""
    always, _, optional = cell.removesuffix(" if requested").partition("; also ")
    listed, _, said = always.removeprefix("as requested within ").partition("; by default the first ")
    found = () if listed == NOTHING else tuple(listed.split(", "))
    if default:
        return found[: ORDINALS[said]] if said else found
    return (*found, *(optional.split(", ") if optional else ()))


def test_the_settings_table_has_every_setting_with_its_default_and_nothing_else(tmp_path: Path) -> None:
    listing = load({}, tmp_path).listing()
    expected = {setting.key: setting.value for setting in listing if setting.key != "instance_path"}

    _, *rows = table("operating/settings.md", "Settings")

    assert [(bare(row[0]), bare(row[1])) for row in rows] == list(expected.items())


def test_the_profiles_table_has_every_profile_and_nothing_else() -> None:
    _, *rows = table("operating/authority.md", "Certificate profiles")

    assert [bare(row[0]) for row in rows] == list(PROFILES)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_the_profiles_table_has_the_usages(profile: Profile) -> None:
    row = profile_row(profile.name)
    bits, purposes = row["Key usage"], row["Extended key usage"]

    assert usages(bits, default=False) == profile.key_usage
    assert usages(bits, default=True) == profile.default_key_usage
    assert usages(purposes, default=False) == profile.extended_key_usage
    assert usages(purposes, default=True) == profile.default_extended_key_usage
    assert {cell.startswith("as requested") for cell in (bits, purposes)} == {profile.copies_usages}
    assert ("; also " in purposes) is bool(profile.optional_extended_key_usage)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_the_profiles_table_has_the_constraints_lifetimes_and_curves(profile: Profile) -> None:
    row = profile_row(profile.name)
    constraints = f"CA:TRUE, path length {profile.path_length}" if profile.is_authority else "CA:FALSE"

    assert row["Basic constraints"] == constraints
    assert row["Lifetime"] == f"{profile.default_days} days, at most {profile.max_days}"
    assert tuple(re.findall(r"P-\d+", row["Keys"])) == profile.curves


def granted() -> Iterator[tuple[str, str]]:
    """Each action with each role that has a tick in its row."""
    titles, *rows = table("operating/accounts.md", "Roles")
    for action, *cells in rows:
        assert set(cells) <= {"✓", ""}
        yield from ((action, role) for role, cell in zip(titles[1:], cells, strict=True) if cell)


def test_the_roles_table_ticks_what_each_role_may_do() -> None:
    titles, *rows = table("operating/accounts.md", "Roles")

    assert set(titles[1:]) == {role.value for role in Role}
    assert {row[0] for row in rows} == {action.value for action in PERMISSIONS}
    assert set(granted()) == {(action.value, role.value) for action, roles in PERMISSIONS.items() for role in roles}


def test_the_scopes_table_has_every_scope_with_what_it_opens() -> None:
    _, *rows = table("operating/accounts.md", "Tokens")

    assert {bare(row[0]): row[1] for row in rows} == {name: scope.text for name, scope in SCOPES.items()}


def test_the_checks_table_has_every_check_with_its_occasion_and_audience() -> None:
    audiences = {Visibility.PUBLIC: "everyone", Visibility.OPERATOR: "operator"}
    _, *rows = table("operating/deployment.md", "Checks")

    assert [(bare(row[0]), *row[1:]) for row in rows] == [
        (check.id, check.title, check.occasion.name.lower(), audiences[check.audience]) for check in Lab().doctor.checks
    ]


def test_the_exit_codes_are_those_of_the_command() -> None:
    [line] = re.findall(r"^Exit codes: (.+)\.$", (DOCS / "using" / "command-line.md").read_text("utf-8"), re.MULTILINE)
    told = [(int(number), meaning) for number, meaning in (each.split(" ", 1) for each in line.split(", "))]

    assert [number for number, _ in told] == [code.value for code in MEANINGS]
    assert all(full.startswith(meaning) for (_, meaning), full in zip(told, MEANINGS.values(), strict=True))


def test_the_page_about_probes_has_the_server_of_every_verdict_and_remark() -> None:
    _, *found = table("using/probes.md", "How the tests produce them")
    produced, rows_of_cisco = found[: len(Verdict) + len(Remark)], found[len(Verdict) + len(Remark) + 1 :]
    assert [bare(row[0]) for row in produced] == [*Verdict, *Remark]
    tests = {bare(name) for row in produced for name in row[-1].split(", ")}
    assert [name for name in tests if not (DOCS.parent / "tests/probe" / name).exists()] == []
    assert [(bare(row[0]), bare(row[1])) for row in rows_of_cisco] == [(row.tomcat, row.tomcat_ecdsa) for row in rows()]
    assert [bare(row[2]) for row in rows_of_cisco] == list(VERDICTS.values())


def test_the_page_about_probes_has_the_errors_of_the_browsers() -> None:
    _, *found = table("using/probes.md", "In the browsers of agents")
    assert {bare(row[0].replace("`, `", "-")): (bare(row[1]), bare(row[2])) for row in found} == REFUSED
