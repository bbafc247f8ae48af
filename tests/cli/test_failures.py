"""How a command fails: each exit code, no traceback, one form of error."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import Result

from ca_service.cli.failures import ExitCode, exit_code
from ca_service.cli.interfaces import Program
from ca_service.cli.main import command
from ca_service.cli.outputs import Target
from ca_service.errors import (
    CAServiceError,
    ConfigurationError,
    Conflict,
    InvalidInput,
    KeystoreError,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    NotReady,
    Refused,
    Rule,
    SigningError,
    TooLarge,
)
from tests.cli.command_line import CommandLine, deciding_rule, run


def _failing(error: BaseException, *arguments: str) -> Result:
    """A command whose installation cannot be opened for this reason."""

    def fail(*_: object) -> NoReturn:
        raise error

    return run(Program(fail, fail, fail, fail), *arguments)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CAServiceError, 1),
        (Refused, 4),
        (InvalidInput, 2),
        (TooLarge, 2),
        (NotFound, 1),
        (Conflict, 1),
        (NotAuthenticated, 5),
        (NotAllowed, 5),
        (NotReady, 1),
        (ConfigurationError, 1),
        (KeystoreError, 1),
        (SigningError, 1),
    ],
)
def test_every_class_of_error_has_its_exit_code(kind: type[CAServiceError], code: int) -> None:
    error = kind.because(Rule("some.rule", "Something is {what}.", "Mend {what}."), what="wrong {brace}")
    assert exit_code(error) == code
    result = _failing(error, "db", "current", "--json")
    assert result.exit_code == code
    assert json.loads(result.stderr) == {
        "type": "/rules/some.rule",
        "title": kind.title,
        "detail": "Something is wrong {brace}.",
        "code": kind.code,
        "errors": [
            {
                "pointer": "",
                "rule": "some.rule",
                "severity": "error",
                "detail": "Something is wrong {brace}.",
                "remedy": "Mend wrong {brace}.",
            }
        ],
    }


def test_a_person_reads_what_is_wrong_and_how_to_mend_it() -> None:
    result = _failing(NotAllowed.because(Rule("some.rule", "It is not yours.", "Ask for it.")), "db", "current")
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "ca-service: Not allowed",
        "error: It is not yours.",
        "  fix   Ask for it.",
        "  rule  some.rule",
    ]


def test_an_unknown_fault_tells_its_kind_and_neither_its_text_nor_a_traceback() -> None:
    result = _failing(RuntimeError("the secret is 1234"), "db", "current")
    assert result.exit_code == 1
    assert "RuntimeError" in result.stderr
    assert "1234" not in result.stderr
    assert "Traceback" not in result.stderr


def test_the_traceback_of_an_unknown_fault_is_shown_when_it_is_asked_for() -> None:
    result = _failing(RuntimeError("boom"), "--traceback", "db", "current")
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("rule  command.failed\n")


def test_what_the_operating_system_refuses_is_told_with_the_path() -> None:
    result = _failing(PermissionError(13, "Permission denied", "/srv/ca"), "db", "current")
    assert result.exit_code == 1
    assert "Permission denied (/srv/ca)" in result.stderr
    assert "rule  system.error" in result.stderr


def test_an_error_of_the_operating_system_without_words_is_told_by_its_kind() -> None:
    assert "The operating system refused: TimeoutError." in _failing(TimeoutError(), "db", "current").stderr


def test_what_the_operating_system_refuses_without_a_path_blames_no_folder() -> None:
    result = _failing(OSError(98, "Address already in use"), "db", "current")
    assert "The operating system refused: Address already in use." in result.stderr
    assert "folder" not in result.stderr
    assert "rule  system.refused" in result.stderr


def test_an_instance_folder_that_is_a_file_is_told(ca: CommandLine, csr: Path) -> None:
    assert ca.rule("--instance", csr, "ca", "show", code=1) == "keystore.unwritable"


def test_an_instance_folder_that_others_can_read_is_told(ca: CommandLine) -> None:
    ca.folder.chmod(0o755)
    assert ca.rule("ca", "show", code=1) == "keystore.mode"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), EOFError()])
def test_an_interrupted_command_ends_with_1_and_says_so(error: BaseException) -> None:
    result = _failing(error, "db", "current", "--json")
    assert result.exit_code == 1
    assert deciding_rule(result) == "interrupted"


def test_an_option_that_does_not_exist_is_told_in_json_too(ca: CommandLine) -> None:
    assert ca.rule("sign", "x.csr", "--nope", code=2) == "usage"


def test_a_file_that_is_called_like_an_option_changes_nothing(ca: CommandLine, here: Path) -> None:
    (here / "--json").write_bytes(b"hello")
    result = ca("sign", "--", "--json")
    assert result.exit_code == 4
    assert result.stderr.startswith("ca-service: The request was refused\n")


def test_the_help_that_is_named_belongs_to_the_command(ca: CommandLine) -> None:
    assert "`ca-service sign --help` shows how it is used." in ca("sign").stderr
    assert "`ca-service cluster create --help` shows" in ca("cluster", "create", "Lab", "--node", "a").stderr


def test_colour_is_for_terminals_alone(ca: CommandLine) -> None:
    assert "\x1b[31m" in ca("check", "-", data=b"hello", color=True).stdout
    assert "\x1b[" not in ca("check", "-", data=b"hello").stdout


def test_a_reader_who_has_gone_ends_the_command_with_an_error(
    ca: CommandLine, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody_reads:
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        with pytest.raises(SystemExit) as ended:
            command.main(["config", "show"], obj=ca.program())
    assert ended.value.code == ExitCode.ERROR
    assert "rule  output.closed" in capfd.readouterr().err


@contextmanager
def _files_end_at(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("is_secret", [False, True])
def test_a_write_that_fails_half_way_leaves_nothing(here: Path, is_secret: bool) -> None:
    with _files_end_at(1000), pytest.raises(InvalidInput) as refused:
        Target("out", is_secret=is_secret).write("out", b"x" * 2000)
    assert refused.value.rule == "file.unwritable"
    assert list(here.iterdir()) == []


def test_the_title_of_an_invalid_value_says_what_the_matter_is() -> None:
    assert InvalidInput.title == "Invalid value"
