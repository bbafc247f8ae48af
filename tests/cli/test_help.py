"""What the command says of itself."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from ca_service import __version__
from ca_service.cli.failures import MEANINGS, ExitCode
from ca_service.cli.main import command
from tests.cli.command_line import CommandLine


def _commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield (*above, name), found
        if isinstance(found, click.Group):
            yield from _commands(found, *above, name)


_ALL = dict(_commands(command))
_LEAVES = {path: found for path, found in _ALL.items() if not isinstance(found, click.Group)}


@pytest.mark.parametrize("path", _LEAVES, ids=" ".join)
def test_the_help_of_each_command_has_an_example_and_json(new_ca: CommandLine, path: tuple[str, ...]) -> None:
    result = new_ca(*path, "--help")
    assert result.exit_code == 0
    assert "\n  Example" in result.stdout
    assert "ca-service " + path[0] in result.stdout
    assert "--json" in result.stdout
    assert not new_ca.folder.exists()


@pytest.mark.parametrize("path", _ALL, ids=" ".join)
def test_every_option_and_every_command_explains_itself(path: tuple[str, ...]) -> None:
    assert _ALL[path].help
    unexplained = [option.name for option in _ALL[path].params if isinstance(option, click.Option) and not option.help]
    assert unexplained == []


def test_the_help_lists_every_command_of_the_issue_and_each_exit_code(new_ca: CommandLine) -> None:
    text = new_ca("--help").stdout
    names = [
        "init",
        "serve",
        "sign",
        "requests",
        "cluster",
        "renew",
        "check",
        "fit",
        "probe",
        "explain",
        "products",
        "matrix",
        "node",
        "lab-node",
        "show",
        "list",
        "revoke",
        "release",
        "ca",
        "trust-kit",
        "crl",
        "user",
        "token",
        "audit",
        "notices",
        "jobs",
        "config",
        "db",
        "doctor",
    ]
    assert [line.split()[0] for line in text.partition("Commands:")[2].splitlines()[1 : len(names) + 1]] == names
    assert [line.split()[0] for line in text.partition("Exit codes:")[2].splitlines()[1:8]] == list("0123456")
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("name", command.list_commands(click.Context(command)))
def test_the_help_of_a_command_begins_with_its_summary(new_ca: CommandLine, name: str) -> None:
    listed = dict(
        line.split(maxsplit=1)
        for line in new_ca("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
        if line
    )
    assert " ".join(str(_ALL[name,].help).split()).startswith(listed[name])


def test_an_unknown_command_is_a_usage_error(new_ca: CommandLine) -> None:
    assert new_ca.rule("sgin", code=2) == "usage"


@pytest.mark.parametrize("path", [(), *(path for path in _ALL if path not in _LEAVES)], ids=" ".join)
def test_a_group_alone_shows_its_help_as_it_is_and_is_a_usage_error(new_ca: CommandLine, path: tuple[str, ...]) -> None:
    result = new_ca(*path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == new_ca(*path, "--help").stdout


@pytest.mark.parametrize(
    ("path", "default"),
    [
        (("init",), "authority.name of the settings"),
        (("init",), "authority.root_curve of the settings"),
        (("init",), "authority.root_days of the settings"),
        (("init",), "authority.intermediate_curve of the settings"),
        (("init",), "authority.intermediate_days of the settings"),
        (("ca", "request"), "authority.intermediate_curve of the settings"),
        (("ca", "export"), "standard output for pem and p7b, a named file here for der and p12"),
    ],
)
def test_the_help_tells_what_counts_where_an_option_is_left_out(
    new_ca: CommandLine, path: tuple[str, ...], default: str
) -> None:
    assert f"[default: {default}]" in " ".join(new_ca(*path, "--help").stdout.split())


def test_the_version_is_that_of_the_package(new_ca: CommandLine) -> None:
    assert new_ca("--version").stdout == f"ca-service, version {__version__}\n"
