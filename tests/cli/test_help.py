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


_SECTIONS = {
    "Certificates": ("sign", "check", "fit", "requests", "list", "show", "renew", "revoke", "release"),
    "Clusters and nodes": ("cluster", "node", "probe", "lab-node"),
    "Help with nodes": ("explain", "products", "questions", "matrix"),
    "Authority": ("init", "ca", "crl", "trust-kit"),
    "People": ("user", "token"),
    "Service": ("serve", "doctor", "jobs", "notices", "audit", "config", "db", "completion"),
}


def _section(text: str, title: str) -> list[str]:
    """Return the lines of a section of the help."""
    return [line.strip() for line in text.partition(f"{title}:\n")[2].partition("\n\n")[0].splitlines()]


def test_the_help_lists_every_command_in_its_section_and_each_exit_code(new_ca: CommandLine) -> None:
    text = new_ca("--help").stdout
    found = {title: tuple(line.split()[0] for line in _section(text, title)) for title in _SECTIONS}
    assert found == _SECTIONS
    assert sorted(command.list_commands(click.Context(command))) == sorted(sum(_SECTIONS.values(), ()))
    assert [line.split()[0] for line in text.partition("Exit codes:")[2].splitlines()[1:8]] == list("0123456")
    assert set(MEANINGS) == set(ExitCode)


def test_the_texts_of_all_sections_are_below_one_another(new_ca: CommandLine) -> None:
    text = new_ca("--help").stdout
    lines = [line for title in _SECTIONS for line in text.partition(f"{title}:\n")[2].partition("\n\n")[0].splitlines()]
    assert len({len(line) - len(line.split(maxsplit=1)[1]) for line in lines}) == 1


@pytest.mark.parametrize("name", command.list_commands(click.Context(command)))
def test_the_help_of_a_command_begins_with_its_summary(new_ca: CommandLine, name: str) -> None:
    text = new_ca("--help").stdout
    listed = dict(line.split(maxsplit=1) for title in _SECTIONS for line in _section(text, title))
    assert " ".join(str(_ALL[name,].help).split()).startswith(listed[name])


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("sgin",), "Did you mean 'sign'?"),
        (("clusters", "list"), "Did you mean one of: 'cluster'"),
        (("cluster", "lsit"), "Did you mean 'list'?"),
        (("sign", "a.csr", "--fromat", "pem"), "--format"),
        (("--instnce", "x", "list"), "--instance"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_similar_one(
    new_ca: CommandLine, arguments: tuple[str, ...], meant: str
) -> None:
    result = new_ca(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert meant in result.stderr


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
