"""Inputs of a command: files, standard input, passwords and passphrases; CSRs and options as the API takes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import click

from ca_service.authority.issuance.conflicts import MAX_REQUESTS
from ca_service.authority.issuance.examination import Options
from ca_service.cli.console import Console
from ca_service.errors import InvalidInput, Rule, TooLarge
from ca_service.pki import archive, armour
from ca_service.pki.archive import Entry
from ca_service.pki.profiles import DEFAULT_LEAF_DAYS, MAX_LEAF_DAYS
from ca_service.pki.visible_text import visible
from ca_service.vos.destinations import Hint
from ca_service.vos.products import products

if TYPE_CHECKING:
    from ca_service.cli.api import File

FILE_TOO_LARGE: Final = Rule(
    "file.too-large",
    "{file} is larger than {limit} bytes.",
    "Give only the file of the certificate, key or passphrase.",
)

FILE_UNREADABLE: Final = Rule(
    "file.unreadable",
    "{file} cannot be read: {reason}.",
    "Check who owns the file and may read it.",
)
FILE_STDIN_TWICE: Final = Rule(
    "file.stdin-twice",
    "Standard input (-) was given twice.",
    "Give it once, and files for the rest.",
)
FILE_MISSING: Final = Rule(
    "file.missing",
    "There is no file {file}.",
    "Check its name; `-` stands for standard input.",
)
FOLDER_EMPTY: Final = Rule(
    "file.folder-empty",
    "The folder {folder} has no file whose name ends in .csr.",
    "Name the files one by one, or rename them.",
)
FILE_DIRECTORY: Final = Rule(
    "file.directory",
    "{file} is a folder.",
    "Name the files in it: {file}/*",
)
PASSWORD_MISSING: Final = Rule(
    "password.missing",
    "There is no terminal to ask for the password.",
    "Pipe it in: ca-service ... --password-stdin < FILE",
)
PASSPHRASE_MISSING: Final = Rule(
    "passphrase.missing",
    "There is no terminal to ask for the passphrase.",
    "Name a file that holds it: --passphrase-file FILE",
)
CONFIRMATION_MISSING: Final = Rule(
    "confirmation.missing",
    "Nothing was done: it has to be confirmed by the name {name}.",
    "Read the consequences, then repeat the command with --confirm {name}",
)
PASSWORD_ENCODING: Final = Rule(
    "password.encoding",
    "The password is not UTF-8 text.",
    "Pipe it in as UTF-8.",
)

Command = TypeVar("Command", bound=Callable[..., Any])
LIFETIME_HELP: Final = (
    f"Lifetime in days, at most {MAX_LEAF_DAYS}.  [default: policy.default_days of the settings; "
    f"{DEFAULT_LEAF_DAYS} is a choice, not a limit]"
)
STANDARD: Final = "-"  # stands for standard input, or for standard output
MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_SECRET_BYTES: Final = 4096


def read_requests(console: Console, files: Sequence[str]) -> list[bytes]:
    """Return the CSRs in each file, ZIP or folder (`*.csr`); findings on the console will name them.

    Raises InvalidInput for a file that cannot be read, or a folder without CSRs.
    """
    named = [each for file in files for each in _in_folder(file)]
    contents = read_files(named, armour.CSR_TOO_LARGE)
    found = archive.split_all(_announced(console, map(Entry, map(_label, named), contents)), MAX_REQUESTS)
    console.sources = tuple(each.name for each in found)
    return [each.data for each in found]


def _announced(console: Console, files: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the files; a fault of one, such as a damaged ZIP, is then reported with its name."""
    for file in files:
        console.sources = (file.name,)
        yield file


def hints(console: Console) -> list[Hint]:
    """Return the names of the files that `read_requests` has read, which say for which purpose their CSRs are."""
    return [Hint(Path(each).name) for each in console.sources]


def csr_files(console: Console, requests: Sequence[bytes]) -> list[File]:
    """Return the CSRs that `read_requests` has read, under the names of their files, which say their purpose."""
    return [("csr", (Path(name).name, data)) for name, data in zip(console.sources, requests, strict=True)]


def destination_options(command: Command) -> Command:
    """Add the options that say where the certificates go."""
    for name, text in (
        ("--version-of", "Version of the product, such as 11.5 or 14SU2."),
        ("--product", f"Product of the hosts; `sign` remembers it: {', '.join(products())}."),
        ("--purpose", "Purpose on the node, such as tomcat-ECDSA.  [default: as file name and CSR show]"),
    ):
        command = click.option(name, default="", help=text)(command)
    return command


def option_query(options: Options) -> dict[str, object]:
    """Return the options as query parameters."""
    destination = options.destination
    return {
        "profile": options.profile,
        "validity_days": options.validity_days,
        "new": options.new,
        "add_host_name": options.add_host_name,
        "purpose": destination.purpose,
        "product": destination.product,
        "version": destination.version,
    }


def _in_folder(file: str) -> list[str]:
    """Return the CSR files in a folder, sorted, or the file itself."""
    if file == STANDARD or not Path(file).is_dir():
        return [file]
    found = sorted(str(each) for each in Path(file).iterdir() if each.suffix.lower() == ".csr" and each.is_file())
    if not found:
        raise InvalidInput.because(FOLDER_EMPTY, folder=file)
    return found


def _label(file: str) -> str:
    """Return the name of a file for a person."""
    return "standard input" if file == STANDARD else file


def read_files(files: Sequence[str], too_large: Rule = FILE_TOO_LARGE) -> list[bytes]:
    """Return the content of each file; raises InvalidInput for one that cannot be read."""
    if list(files).count(STANDARD) > 1:
        raise InvalidInput.because(FILE_STDIN_TWICE)
    return [read_file(file, too_large) for file in files]


def read_file(file: str, too_large: Rule = FILE_TOO_LARGE) -> bytes:
    """Return the content of a file, or of standard input; raises InvalidInput, TooLarge above four megabytes.

    No more than that is read, so that a pipe without end is refused as well.
    """
    try:
        data = _read(sys.stdin.buffer) if file == STANDARD else _read_path(Path(file))
    except OSError as error:
        raise _unreadable(file, error) from error
    if len(data) > MAX_BYTES:
        raise TooLarge.because(too_large, file=file, size=f"more than {MAX_BYTES}", limit=MAX_BYTES)
    return data


def read_lines(file: str, max_line: int) -> Iterator[bytes]:
    """Yield the lines of a file of any size, or of standard input; one that is longer than `max_line` comes in pieces.

    Raises InvalidInput if it cannot be read.
    """
    try:
        with nullcontext(sys.stdin.buffer) if file == STANDARD else Path(file).open("rb") as stream:
            while line := stream.readline(max_line + 1):
                yield line
    except OSError as error:
        raise _unreadable(file, error) from error


def _read_path(path: Path) -> bytes:
    with path.open("rb") as stream:
        return _read(stream)


def _read(stream: IO[bytes]) -> bytes:
    return stream.read(MAX_BYTES + 1)


def _unreadable(file: str, error: OSError) -> InvalidInput:
    if isinstance(error, FileNotFoundError):
        return InvalidInput.because(FILE_MISSING, file=file)
    if isinstance(error, IsADirectoryError):
        return InvalidInput.because(FILE_DIRECTORY, file=file.rstrip("/"))
    return InvalidInput.because(FILE_UNREADABLE, file=file, reason=error.strerror or type(error).__name__)


def read_password(*, from_standard_input: bool, is_new: bool = True) -> str:
    """Return a password: the first line of standard input, or typed at a terminal, twice if it is new."""
    if from_standard_input:
        return _text(sys.stdin.buffer.readline(_MAX_SECRET_BYTES).rstrip(b"\r\n"))
    if not is_terminal():
        raise InvalidInput.because(PASSWORD_MISSING)
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=is_new, err=True))


def find_passphrase(file: str | None) -> bytes | None:
    """Return the first line of the passphrase file, or None where none was named."""
    return read_file(file).split(b"\n")[0].rstrip(b"\r") if file else None


def get_passphrase(file: str | None, *, is_new: bool = False) -> bytes:
    """Return the passphrase from its file, or as it is typed at a terminal; a new one is typed twice."""
    found = find_passphrase(file)
    if found is not None:
        return found
    if not is_terminal():
        raise InvalidInput.because(PASSPHRASE_MISSING)
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True)).encode()


def require_typed(console: Console, name: str, given: str | None, warnings: Sequence[str]) -> None:
    """Raise InvalidInput unless the name was given to confirm, or is typed at a terminal below the warnings.

    Without a terminal, the warnings come with the error.
    """
    is_asked = given is None and is_terminal()
    if is_asked:
        click.echo("\n".join(warnings), err=True)
        given = typed_to_go_on(name)
    if given != name:
        if not is_asked:
            console.remark(*warnings)
        raise InvalidInput.because(CONFIRMATION_MISSING, name=name)


def typed_to_go_on(name: str) -> str:
    """Ask the operator to type this name, and return the answer; the caller compares."""
    return str(click.prompt(f"Type {visible(name)} to go on", default="", show_default=False, err=True))


def is_terminal() -> bool:
    """Return whether a terminal is there to ask."""
    return sys.stdin.isatty()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput.because(PASSWORD_ENCODING) from error
