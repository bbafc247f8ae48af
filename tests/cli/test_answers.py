"""The JSON of the commands is that of the documents, and has the members that the API has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ca_service.cli.main import command
from ca_service.web.api.document import openapi_document
from tests.cli.answers import DOCUMENTS, SILENT
from tests.cli.command_line import CommandLine


def leaves(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of the commands below a group, such as `user create`."""
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found
        yield from leaves(found, (*path, name))


def test_each_command_has_its_document() -> None:
    assert sorted(leaves(command)) == sorted((*DOCUMENTS, *SILENT))


@pytest.mark.parametrize(
    ("arguments", "place", "schema"),
    [
        (("check", "uccx1.csr"), "checks", "CheckDocument"),
        (("sign", "uccx1.csr", "--out", "b.zip"), "certificates", "CertificateDocument"),
        (("list",), "certificates", "CertificateSummaryDocument"),
        (("audit", "list"), "events", "EventDocument"),
    ],
)
def test_a_command_and_the_api_describe_a_thing_with_the_same_members(
    ca: CommandLine, csr: Path, arguments: tuple[str, ...], place: str, schema: str
) -> None:
    ca.answer("sign", csr, "--out", "a.zip")
    described = openapi_document("https://ca.example.com")["components"]["schemas"][schema]["properties"]
    assert list(ca.answer(*arguments)[place][0]) == list(described)
