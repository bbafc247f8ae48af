"""The JSON of the commands is that of the documents, and has the members that the API has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ca_service.cli.main import command
from ca_service.web.api.document import openapi_document
from tests.cli.answers import DOCUMENTS, SILENT, require_document
from tests.cli.command_line import CommandLine

_SUPERSEDED = ("--reason", "superseded", "--yes")


def leaves(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Return the names of the commands below a group, such as `user create`."""
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
        (("token", "list", "--account", "anna"), "tokens", "TokenDocument"),
        (
            ("revoke", "--host", "uccx1.example.com", "--reason", "superseded", "--yes"),
            "certificates",
            "ChangeDocument",
        ),
    ],
)
def test_a_command_and_the_api_describe_a_thing_with_the_same_members(
    ca: CommandLine, csr: Path, arguments: tuple[str, ...], place: str, schema: str
) -> None:
    ca.answer("sign", csr, "--out", "a.zip")
    assert ca("user", "create", "anna", "--password-stdin", data=b"four random words do").exit_code == 0
    ca.answer("token", "create", "--account", "anna")
    described = openapi_document("https://ca.example.com")["components"]["schemas"][schema]["properties"]
    assert list(ca.answer(*arguments)[place][0]) == list(described)


def test_a_failure_has_the_members_of_a_problem_but_the_status(ca: CommandLine) -> None:
    described = openapi_document("https://ca.example.com")["components"]["schemas"]["ProblemDocument"]["properties"]
    problem = json.loads(ca("show", "00", "--json").stderr)
    assert set(problem) == set(described) - {"status"}


@pytest.mark.parametrize("change", [{"more": 1}, {"after": None}])
def test_an_answer_with_another_member_or_type_is_no_document_of_its_command(change: dict[str, Any]) -> None:
    good = {"before": None, "after": "0001"}
    require_document(["db", "upgrade"], good)
    with pytest.raises(AssertionError):
        require_document(["db", "upgrade"], good | change)
