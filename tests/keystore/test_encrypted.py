"""Encrypted key files: closed to others, opened by their passphrase only, read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from ca_service.errors import KeystoreError
from ca_service.keystore.encrypted import EncryptedFileKeyStore
from ca_service.pki import keys
from tests.support.programs import Tool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the keys."""
    return tmp_path / "keys"


def opened(folder: Path, passphrase_file: Path | None = None) -> EncryptedFileKeyStore:
    """A key store as a new process opens it: in lab mode, or with a passphrase from elsewhere."""
    given = passphrase_file or folder / "passphrase"
    return EncryptedFileKeyStore(folder, given, may_create_passphrase=passphrase_file is None)


def test_an_id_that_is_none_is_no_id_of_an_installation(folder: Path) -> None:
    keystore = opened(folder)
    keystore.keep_installation_id("0" * 32)
    keystore.keep_installation_id("1" * 32)
    assert keystore.installation_id() == "0" * 32
    (folder / "installation.id").write_bytes(b"")
    with pytest.raises(KeystoreError) as caught:
        keystore.installation_id()
    assert caught.value.rule == "installation.id"


def test_the_mark_of_what_has_begun_is_replaced_and_goes_when_the_id_is_kept(folder: Path) -> None:
    keystore = opened(folder)
    assert keystore.begun_id() == ""
    for begun in ("0" * 32, "1" * 32, "1" * 32):
        keystore.begin(begun)
        assert opened(folder).begun_id() == begun
    keystore.keep_installation_id("1" * 32)
    assert keystore.begun_id() == ""


def private_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    """A file with this mode."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.fixture
def key_file(folder: Path) -> Path:
    """The file of a key in a store in lab mode."""
    opened(folder).generate("root-g1", "P-256")
    return folder / "root-g1.key.pem"


def rule_of(store: EncryptedFileKeyStore) -> str:
    """The rule for which the key is refused."""
    with pytest.raises(KeystoreError) as caught:
        store.signer("root-g1")
    return caught.value.rule


# Files


def test_folder_key_and_passphrase_are_closed_to_others(key_file: Path) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (key_file.parent, *key_file.parent.iterdir())}
    assert modes == {"keys": 0o700, "root-g1.key.pem": 0o600, "passphrase": 0o600}


def test_the_umask_does_not_open_them(folder: Path) -> None:
    before = os.umask(0)
    try:
        opened(folder).generate("root-g1", "P-256")
    finally:
        os.umask(before)
    opened(folder).check()


def test_the_key_lies_encrypted(key_file: Path) -> None:
    assert key_file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")


def test_openssl_reads_the_key_file_with_the_passphrase_file(key_file: Path, openssl: Tool) -> None:
    passphrase = f"file:{key_file.parent / 'passphrase'}"
    shown = openssl("pkey", "-in", key_file, "-passin", passphrase, "-pubout").encode()
    public = opened(key_file.parent).signer("root-g1").public_key()
    assert shown.strip().splitlines()[0] == b"-----BEGIN PUBLIC KEY-----"
    shown_key = load_pem_public_key(shown)
    assert isinstance(shown_key, ec.EllipticCurvePublicKey)
    assert keys.public_key_der(shown_key) == keys.public_key_der(public)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777, 0o610])
def test_a_key_that_others_could_read_is_refused_at_start_and_when_used(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    store = opened(key_file.parent)
    with pytest.raises(KeystoreError, match="chmod 0600") as caught:
        store.check()
    assert caught.value.rule == "keystore.mode"
    assert rule_of(store) == "keystore.mode"


def test_an_open_folder_or_passphrase_is_refused_at_start(key_file: Path) -> None:
    for path, wanted in ((key_file.parent, 0o700), (key_file.parent / "passphrase", 0o600)):
        path.chmod(0o755)
        with pytest.raises(KeystoreError, match=f"chmod {wanted:04o}"):
            opened(key_file.parent).check()
        path.chmod(wanted)
    opened(key_file.parent).check()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["folder", "key"])
def test_a_key_or_folder_of_another_user_is_refused(key_file: Path, what: str) -> None:
    os.chown(key_file if what == "key" else key_file.parent, 65534, -1)
    with pytest.raises(KeystoreError, match="belongs to user 65534") as caught:
        opened(key_file.parent).check()
    assert caught.value.rule == "keystore.owner"


def test_a_store_that_is_not_there_yet_is_fine_at_start(folder: Path) -> None:
    opened(folder).check()
    assert not folder.exists()


def test_the_draft_of_another_process_is_passed_over_at_start(key_file: Path) -> None:
    private_file(key_file.with_name(".x.draft"), b"", 0o666)
    opened(key_file.parent).check()


@pytest.mark.parametrize("name", ["", "..", "../root", "a/b", "Root", "a b", "-a", "a\n", "x" * 64])
def test_a_key_name_cannot_lead_elsewhere(folder: Path, name: str) -> None:
    with pytest.raises(KeystoreError) as caught:
        opened(folder).has(name)
    assert caught.value.rule == "key.name"


# Passphrases


def test_lab_mode_makes_a_random_passphrase_with_the_first_key(folder: Path, tmp_path: Path) -> None:
    for path in (folder, tmp_path / "other"):
        opened(path).generate("root-g1", "P-256")
    passphrases = {(path / "passphrase").read_bytes() for path in (folder, tmp_path / "other")}
    assert len(passphrases) == 2
    assert all(len(passphrase) > 40 for passphrase in passphrases)


def test_lab_mode_keeps_its_passphrase(folder: Path) -> None:
    opened(folder).generate("root-g1", "P-256")
    before = (folder / "passphrase").read_bytes()
    opened(folder).generate("intermediate-g1", "P-256")
    assert (folder / "passphrase").read_bytes() == before
    assert opened(folder).signer("root-g1")


def test_lab_mode_makes_no_second_passphrase_beside_keys_under_a_lost_one(key_file: Path) -> None:
    (key_file.parent / "passphrase").unlink()
    store = opened(key_file.parent)
    with pytest.raises(KeystoreError) as caught:
        store.generate("intermediate-g1", "P-256")
    assert caught.value.rule == "keystore.passphrase-missing"
    assert not store.has("intermediate-g1")


def test_a_passphrase_from_elsewhere_is_used_and_never_made(folder: Path, tmp_path: Path) -> None:
    given = private_file(tmp_path / "secret", b"a passphrase from elsewhere\r\n")
    opened(folder, given).generate("root-g1", "P-256")
    assert opened(folder, given).signer("root-g1")
    assert {path.name for path in folder.iterdir()} == {"root-g1.key.pem"}


def test_a_passphrase_from_elsewhere_that_is_missing_is_told_at_start(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"set keystore\.passphrase_file") as caught:
        opened(folder, tmp_path / "secret").check()
    assert caught.value.rule == "keystore.passphrase-missing"


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_secret_that_is_mounted_as_a_link_is_judged_by_where_it_leads(
    folder: Path, tmp_path: Path, mode: int
) -> None:
    private_file(tmp_path / "data", b"a passphrase from elsewhere", mode)
    (tmp_path / "secret").symlink_to("data")
    opened(folder, tmp_path / "secret").check()


@pytest.mark.parametrize("passphrase", [b"", b"\n", b"x" * 15, b"x" * 15 + b"\r\n"])
def test_a_short_passphrase_is_refused_at_start_and_makes_no_key(
    folder: Path, tmp_path: Path, passphrase: bytes
) -> None:
    store = opened(folder, private_file(tmp_path / "secret", passphrase))
    with pytest.raises(KeystoreError) as at_start:
        store.check()
    with pytest.raises(KeystoreError) as caught:
        store.generate("root-g1", "P-256")
    assert (at_start.value.rule, caught.value.rule) == ("passphrase.short", "passphrase.short")
    assert not store.has("root-g1")


def test_a_passphrase_longer_than_any_key_can_have_is_refused(folder: Path, tmp_path: Path) -> None:
    store = opened(folder, private_file(tmp_path / "secret", b"x" * 1024))
    with pytest.raises(KeystoreError) as caught:
        store.check()
    assert caught.value.rule == "passphrase.long"


# Damage


def test_a_wrong_passphrase_opens_nothing(key_file: Path, tmp_path: Path) -> None:
    wrong = private_file(tmp_path / "secret", b"quite another passphrase")
    assert rule_of(opened(key_file.parent, wrong)) == "key.locked"


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"])
def test_a_damaged_file_is_told(key_file: Path, damage: bytes) -> None:
    key_file.write_bytes(damage)
    assert rule_of(opened(key_file.parent)) == "key.locked"


def test_a_file_that_lost_its_end_is_told(key_file: Path) -> None:
    key_file.write_bytes(key_file.read_bytes()[:150])
    assert rule_of(opened(key_file.parent)) == "key.locked"


def test_a_key_that_was_put_there_unencrypted_is_told(key_file: Path) -> None:
    plain = ec.generate_private_key(ec.SECP256R1())
    key_file.write_bytes(plain.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert rule_of(opened(key_file.parent)) == "key.locked"


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_key_that_is_not_ec_is_told(key_file: Path, kind: str) -> None:
    passphrase = (key_file.parent / "passphrase").read_bytes().strip()
    other = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    form = BestAvailableEncryption(passphrase)
    key_file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, form))
    assert rule_of(opened(key_file.parent)) == "key.kind"


# Once


def test_a_key_is_read_once_a_process(key_file: Path) -> None:
    store = opened(key_file.parent)
    assert store.signer("root-g1") is store.signer("root-g1")


@pytest.mark.fault("keys and files", "A key file is deleted while the service runs", "the key signs nothing any longer")
def test_a_key_whose_file_is_gone_is_not_used_from_memory_and_returns_with_its_file(key_file: Path) -> None:
    store, content = opened(key_file.parent), key_file.read_bytes()
    first = store.signer("root-g1")
    key_file.unlink()
    assert rule_of(store) == "key.missing"
    private_file(key_file, content)
    assert store.signer("root-g1").public_key() == first.public_key()


@pytest.mark.fault(
    "keys and files",
    "A key file is replaced while the service runs",
    "the new file is read; a key of another certificate is refused",
)
def test_a_key_file_that_was_replaced_or_overwritten_is_read_again(key_file: Path) -> None:
    store = opened(key_file.parent)
    first, other = store.signer("root-g1"), key_file.with_name("other-g1.key.pem")
    second = opened(key_file.parent).generate("other-g1", "P-256")
    other.replace(key_file)
    assert store.signer("root-g1").public_key() == second.public_key() != first.public_key()
    private_file(key_file, b"nothing")
    assert rule_of(store) == "key.locked"


def test_errors_tell_no_secret(key_file: Path, tmp_path: Path) -> None:
    wrong = private_file(tmp_path / "secret", b"quite another passphrase")
    with pytest.raises(KeystoreError) as caught:
        opened(key_file.parent, wrong).signer("root-g1")
    assert "quite another" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"
