"""`fit`: would the node take it, and would it work; in words and in JSON, with an exit code of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result

from ca_service.authority.issuance.fit_checks import FitChecks
from ca_service.vos.fit import Files
from tests.cli.command_line import CommandLine, run
from tests.support import spoiled
from tests.support.fakes import FixedClock
from tests.support.spoiled import SPOILED

Command = Callable[..., Result]


@pytest.fixture
def ca(ca: CommandLine) -> Iterator[Command]:
    """The command, with noon as the time of the fit checks: the certificates of the test are made for it."""
    with ca.opened() as installation:
        at_noon = replace(installation, fit_checks=FitChecks(FixedClock()))
        yield partial(run, replace(ca.program(), open_installation=lambda _path: at_noon))


def arguments(of: Files, folder: Path) -> list[str | Path]:
    """The files on disk, and the options that name them."""
    found: list[str | Path] = []
    parts = [("csr", of.csr), ("cert", of.certificate), *(("chain", each) for each in of.chain)]
    if of.trust:
        parts.append(("trust", of.trust.encode()))
    for number, (name, data) in enumerate(parts):
        if data is not None:
            path = folder / f"{number}-{name}.pem"
            path.write_bytes(data)
            found += [f"--{name}", path]
    return found


@pytest.mark.parametrize(("make", "rule"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
def test_each_of_ten_spoiled_certificates_is_named_and_ends_with_4(
    ca: Command, here: Path, make: Callable[[], Files], rule: str
) -> None:
    result = ca("fit", *arguments(make(), here))

    assert result.exit_code == 4
    assert f"rule   {rule}\n" in result.stdout
    assert result.stdout.startswith("The node would")


def test_a_good_one_passes(ca: Command, here: Path) -> None:
    result = ca("fit", *arguments(spoiled.files(trust="tomcat-trust/other.pem: x"), here))

    assert result.exit_code == 0
    assert result.stdout.startswith("It fits.")
    assert "public key: passed" in result.stdout


def test_what_the_node_will_say_is_told_word_for_word(ca: Command, here: Path) -> None:
    result = ca("fit", *arguments(spoiled.spoiled(hosts=("uccx1.example.com",)), here))

    assert "CSR SAN and Certificate SAN does not match" in result.stdout


def test_without_the_request_it_says_what_was_not_checked(ca: Command, here: Path) -> None:
    of = spoiled.files()
    result = ca("fit", *arguments(Files(None, of.certificate, of.chain), here))

    assert result.exit_code == 0
    assert "public key: not checked" in result.stdout


def test_the_answer_in_json_is_that_of_the_api(ca: Command, here: Path) -> None:
    result = ca("fit", *arguments(spoiled.spoiled(bits=("digitalSignature",)), here), "--json")

    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["taken"], answer["works"]) == (4, True, False)
    assert {each["stage"] for each in answer["checks"]} == {"upload", "use"}


@pytest.mark.parametrize(
    ("data", "rule", "code"), [(b"nonsense", "fit.readable", 2), (b"-----BEGIN PRIVATE KEY-----", "fit.private-key", 4)]
)
def test_a_file_that_cannot_be_read_is_named(ca: Command, here: Path, data: bytes, rule: str, code: int) -> None:
    (here / "x.pem").write_bytes(data)
    result = ca("fit", "--cert", "x.pem")

    assert result.exit_code == code
    assert rule in result.stderr


def test_the_certificate_is_needed(ca: Command) -> None:
    assert ca("fit").exit_code == 2
