"""The private files of an instance folder: each that is damaged is named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ca_service.errors import KeystoreError, NotReady
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.keystore.instance_files import InstanceFiles, make_session_key
from ca_service.keystore.secret_box import FileSecretBox

GARBAGE = bytes(range(128, 192))
DAMAGED = {"empty": b"", "garbage": GARBAGE, "short": b"x" * 31, "blanks": b" " * 40, "control": b"x" * 40 + b"\x00"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An instance folder with every private file."""
    keys = _keystore(tmp_path)
    for key_id in ("root-g1", "intermediate-g1"):
        keys.generate(key_id, "P-256")
    keys.keep_installation_id("1" * 32)
    make_session_key(tmp_path / "session.key")
    FileSecretBox(tmp_path / "factors.key").encrypt(b"secret", "totp:1")
    return tmp_path


def _keystore(folder: Path) -> EncryptedFileKeyStore:
    return EncryptedFileKeyStore(folder / "keys", folder / "keys" / "passphrase", may_create_passphrase=True)


def instance_files(folder: Path) -> InstanceFiles:
    """The files, as the service looks at them."""
    return InstanceFiles(folder, _keystore(folder), FileSecretBox(folder / "factors.key"), folder / "session.key")


def rules(folder: Path) -> set[str]:
    """The rules that the files break."""
    return {found.rule for found in instance_files(folder).find_faults()}


def test_sound_files_and_missing_ones_have_no_fault(folder: Path, tmp_path: Path) -> None:
    assert rules(folder) == set()
    assert rules(tmp_path / "nothing") == set()
    assert not (tmp_path / "nothing").exists()


@pytest.mark.fault("keys and files", "A private file is empty or damaged", "names it and the fix")
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("session.key", "session-key.damaged"),
        ("factors.key", "factor-key.damaged"),
        ("keys/root-g1.key.pem", "key.locked"),
        ("keys/intermediate-g1.key.pem", "key.locked"),
        ("keys/installation.id", "installation.id"),
    ],
)
@pytest.mark.parametrize("content", [b"", GARBAGE], ids=["empty", "garbage"])
def test_an_empty_or_damaged_file_is_named_with_what_to_do(folder: Path, name: str, rule: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    [found] = instance_files(folder).find_faults()
    assert found.rule == rule
    assert Path(name).name.split(".")[0] in found.detail
    assert found.remedy


@pytest.mark.fault("keys and files", "Other users can read a private file", "names it and the fix")
@pytest.mark.parametrize("name", ["session.key", "factors.key", "keys/root-g1.key.pem", "keys/installation.id"])
def test_a_file_that_others_can_read_is_named(folder: Path, name: str) -> None:
    (folder / name).chmod(0o644)
    assert "keystore.mode" in rules(folder)


def test_an_empty_passphrase_is_named(folder: Path) -> None:
    (folder / "keys" / "passphrase").write_bytes(b"")
    assert "passphrase.short" in rules(folder)


def test_a_folder_in_place_of_a_file_is_named(folder: Path) -> None:
    (folder / "session.key").unlink()
    (folder / "session.key").mkdir(mode=0o700)
    assert rules(folder) == {"keystore.unreadable"}


def test_a_session_key_of_the_settings_needs_no_file(folder: Path) -> None:
    (folder / "session.key").write_bytes(b"")
    files = InstanceFiles(folder, _keystore(folder), FileSecretBox(folder / "factors.key"), None)
    assert files.find_faults() == ()


@pytest.mark.parametrize("content", DAMAGED.values(), ids=[*DAMAGED])
def test_a_damaged_session_key_is_refused_and_left_alone(folder: Path, content: bytes) -> None:
    (folder / "session.key").write_bytes(content)
    with pytest.raises(KeystoreError, match="Delete it: the next start makes a new one") as caught:
        make_session_key(folder / "session.key")
    assert caught.value.rule == "session-key.damaged"
    assert str(folder / "session.key") in str(caught.value)
    assert (folder / "session.key").read_bytes() == content


def test_a_session_key_that_an_operator_wrote_is_used_as_it_is(folder: Path) -> None:
    (folder / "session.key").write_bytes(b"written by an operator, long enough\n")
    assert make_session_key(folder / "session.key") == "written by an operator, long enough\n"


@pytest.mark.fault("keys and files", "`factors.key` is empty or damaged", "encrypts and decrypts nothing")
@pytest.mark.parametrize("content", [b"", GARBAGE, b"x" * 31, b"x" * 33], ids=["empty", "garbage", "short", "long"])
def test_no_secret_is_encrypted_or_read_with_a_damaged_key(folder: Path, content: bytes) -> None:
    box = FileSecretBox(folder / "factors.key")
    sealed = box.encrypt(b"secret", "totp:1")
    (folder / "factors.key").write_bytes(content)
    with pytest.raises(NotReady) as caught:
        box.encrypt(b"secret", "totp:1")
    assert caught.value.rule == "factor-key.damaged"
    with pytest.raises(NotReady) as caught:
        box.decrypt(sealed, "totp:1")
    assert caught.value.rule == "factor-key.damaged"
