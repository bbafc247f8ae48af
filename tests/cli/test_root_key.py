"""`ca root-key`: how the key of the root goes offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, Keyboard

_PASSPHRASE = "correct horse battery"
_FILE = ("--passphrase-file", "passphrase")


@pytest.fixture(autouse=True)
def passphrase_file(here: Path) -> None:
    """The passphrase of the copy, as a file."""
    (here / "passphrase").write_text(f"{_PASSPHRASE}\nwhat follows does not count\n")


@pytest.fixture
def copy(ca: CommandLine) -> str:
    """A copy of the root's key."""
    assert ca("ca", "root-key", "export", "--out", "root.key", *_FILE).exit_code == 0
    return "root.key"


def test_openssl_opens_the_copy_which_nobody_else_can_read(here: Path, copy: str, openssl: Callable[..., str]) -> None:
    assert (here / copy).stat().st_mode & 0o777 == 0o600
    assert (here / copy).read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert "prime256v1" in openssl("pkey", "-in", copy, "-passin", f"pass:{_PASSPHRASE}", "-noout", "-text")


def test_the_whole_way_offline_leaves_an_authority_that_signs(ca: CommandLine, csr: Path, copy: str) -> None:
    assert ca("ca", "root-key", "verify", copy, *_FILE).stdout == "This is the key of Example Lab; it signs.\n"
    assert ca.answer("ca", "root-key", "remove", copy, *_FILE) == {"removed": True}
    assert ca.answer("ca", "show")["authorities"][0]["has_key"] is False
    assert not (ca.folder / "keys" / "root-g1.key.pem").exists()
    assert ca("sign", csr).exit_code == 0


def test_removing_tells_that_the_copy_is_all_there_is(ca: CommandLine, copy: str) -> None:
    assert "The copy is all there is of it." in ca("ca", "root-key", "remove", copy, *_FILE).stdout


def test_a_removed_key_can_neither_be_exported_nor_removed_again(ca: CommandLine, copy: str) -> None:
    ca("ca", "root-key", "remove", copy, *_FILE)
    assert ca.rule("ca", "root-key", "export", "--out", "again.key", *_FILE, code=1) == "root-key.offline"
    assert ca.rule("ca", "root-key", "remove", copy, *_FILE, code=1) == "root-key.offline"


def test_the_copy_can_be_written_to_a_folder(ca: CommandLine, here: Path) -> None:
    (here / "usb").mkdir()
    assert ca.answer("ca", "root-key", "export", "--out", "usb", *_FILE) == {"file": "usb/root.key.pem"}
    assert ca.rule("ca", "root-key", "export", "--out", "usb", *_FILE, code=1) == "file.secret-exists"


def test_a_disk_that_is_not_there_is_not_replaced_by_a_folder(ca: CommandLine, here: Path) -> None:
    assert ca.rule("ca", "root-key", "export", "--out", "usb/", *_FILE, code=2) == "file.unwritable"
    assert not (here / "usb").exists()


def test_the_copy_can_go_through_a_pipe(ca: CommandLine) -> None:
    result = ca("ca", "root-key", "export", "--out", "-", *_FILE)
    assert result.stdout.startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert result.stdout.endswith("-----END ENCRYPTED PRIVATE KEY-----\n")


def test_a_copy_never_replaces_a_file_and_nothing_is_exported(ca: CommandLine, copy: str, here: Path) -> None:
    before = (here / copy).read_bytes()
    assert ca.rule("ca", "root-key", "export", "--out", copy, *_FILE, code=1) == "file.secret-exists"
    assert ca.rule("ca", "root-key", "export", "--out", copy, *_FILE, "--force", code=2) == "usage"
    assert (here / copy).read_bytes() == before


def test_at_a_terminal_a_new_passphrase_is_typed_twice_and_a_known_one_once(ca: CommandLine) -> None:
    typed = _PASSPHRASE.encode() + b"\n"
    exported = ca("ca", "root-key", "export", "--out", "root.key", data=Keyboard(typed * 2))
    assert exported.exit_code == 0
    assert _PASSPHRASE not in exported.output
    assert ca("ca", "root-key", "verify", "root.key", data=Keyboard(typed)).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (("export", "--out", "new.key"), 2, "passphrase.missing"),
        (("export", "--out", "new.key", "--passphrase-file", "nothing"), 2, "file.missing"),
        (("export", "--out", "new.key", "--passphrase-file", "/dev/null"), 4, "passphrase.length"),
        (("export",), 2, "usage"),
        (("export", "--out", "-", "--passphrase-file", "passphrase"), 2, "output.twice"),
        (("verify", "root.key", "--passphrase-file", "/dev/null"), 2, "private-key.unreadable"),
        (("verify", "nothing.key", "--passphrase-file", "passphrase"), 2, "file.missing"),
        (("remove", "root.key", "--passphrase-file", "/dev/null"), 2, "private-key.unreadable"),
    ],
)
@pytest.mark.usefixtures("copy")
def test_each_refusal_has_its_rule(ca: CommandLine, arguments: tuple[str, ...], code: int, rule: str) -> None:
    assert ca.rule("ca", "root-key", *arguments, code=code) == rule


@pytest.mark.parametrize("command", ["verify", "remove"])
def test_the_key_of_something_else_is_refused_and_nothing_removed(
    ca: CommandLine, openssl: Callable[..., str], command: str
) -> None:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "open.key")
    openssl("pkey", "-in", "open.key", "-aes256", "-passout", f"pass:{_PASSPHRASE}", "-out", "other.key")
    assert ca.rule("ca", "root-key", command, "other.key", *_FILE, code=4) == "root-key.mismatch"
    assert ca.answer("ca", "show")["authorities"][0]["has_key"] is True


@pytest.mark.parametrize("command", ["verify", "remove"])
def test_without_a_root_there_is_no_key_to_take_offline(
    new_ca: CommandLine, ca: CommandLine, copy: str, command: str, tmp_path: Path
) -> None:
    ca("--instance", tmp_path / "empty", "db", "upgrade")
    arguments = ("--instance", tmp_path / "empty", "ca", "root-key", command, copy, *_FILE)
    assert new_ca.rule(*arguments, code=1) == "authority.missing"
