"""Encrypted secrets in the database: unreadable without the key file beside it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ca_service.errors import KeystoreError, NotReady
from ca_service.keystore.secret_box import FileSecretBox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of the key."""
    return tmp_path / "factors.key"


def test_what_was_sealed_can_be_read_by_another_process(path: Path) -> None:
    sealed = FileSecretBox(path).encrypt(b"secret", "totp:1")
    assert b"secret" not in sealed
    assert FileSecretBox(path).decrypt(sealed, "totp:1") == b"secret"


def test_the_same_secret_looks_different_each_time(path: Path) -> None:
    assert len({FileSecretBox(path).encrypt(b"secret", "totp:1") for _ in range(10)}) == 10


def test_the_key_is_made_once_and_closed_to_others(path: Path) -> None:
    for _ in range(2):
        FileSecretBox(path).encrypt(b"secret", "totp:1")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeystoreError):
        FileSecretBox(path).encrypt(b"secret", "totp:1")


@pytest.mark.parametrize("spoil", ["purpose", "byte", "short", "key", "no key"])
def test_what_cannot_be_read_says_what_to_do(path: Path, spoil: str) -> None:
    sealed = FileSecretBox(path).encrypt(b"secret", "totp:1")
    if spoil in ("key", "no key"):
        path.unlink()
    if spoil == "key":
        FileSecretBox(path).encrypt(b"another", "totp:2")
    sealed = {"byte": sealed[:-1] + bytes([sealed[-1] ^ 1]), "short": sealed[:14]}.get(spoil, sealed)
    with pytest.raises(NotReady, match="ca-service user reset NAME") as caught:
        FileSecretBox(path).decrypt(sealed, "totp:2" if spoil == "purpose" else "totp:1")
    assert caught.value.rule == "factor-key.missing"
    assert str(path) in str(caught.value)
