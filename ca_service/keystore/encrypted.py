"""Private keys as encrypted PKCS#8 files: mode 0600, in a folder with mode 0700.

The handle of a private key signs, and does nothing else.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ca_service.errors import CAServiceError, Conflict, Finding, KeystoreError, Rule, Visibility
from ca_service.keystore import files
from ca_service.pki import encodings, keys
from ca_service.pki.parse_errors import PARSE_ERRORS

KEY_NOT_EXPORTABLE: Final = Rule(
    "key.not-exportable", "A key of the authority only signs. It cannot be exported.", "Use `ca-service ca root-key`."
)
KEY_NAME: Final = Rule("key.name", "No key can have this name.", "Check the database of this instance.")
KEY_MISSING: Final = Rule(
    "key.missing",
    "The private key {key_id} is not in {folder}.",
    "Restore it from a copy of the instance folder. Nothing can be signed without it.",
    visibility=Visibility.OPERATOR,
)
KEY_LOCKED: Final = Rule(
    "key.locked",
    "The private key {key_id} cannot be decrypted: the passphrase is wrong, or the file is damaged.",
    "Check keystore.passphrase_file, or restore the file from a backup.",
    visibility=Visibility.OPERATOR,
)
KEY_KIND: Final = Rule(
    "key.kind", "{key_id} is not an EC key.", "Restore the right file.", visibility=Visibility.OPERATOR
)
KEYSTORE_PASSPHRASE_MISSING: Final = Rule(
    "keystore.passphrase-missing",
    "The file {path} with the passphrase of the keys is missing.",
    "If the file is elsewhere, set keystore.passphrase_file, also for commands. Otherwise restore it from a backup. "
    "Only for a new installation, create it, with mode 0600: openssl rand -base64 32",
    visibility=Visibility.OPERATOR,
)
PASSPHRASE_SHORT: Final = Rule(
    "passphrase.short",
    "The passphrase in {path} is shorter than {limit} characters.",
    "Write a longer one to the file before the first key is created.",
    visibility=Visibility.OPERATOR,
)
PASSPHRASE_LONG: Final = Rule(
    "passphrase.long",
    "The passphrase in {path} is longer than {limit} characters.",
    "Write a shorter one to the file before the first key is created.",
    visibility=Visibility.OPERATOR,
)
INSTALLATION_ID: Final = Rule(
    "installation.id",
    "{path} does not contain the id of an installation (32 hexadecimal digits).",
    "Restore this file from a backup of the instance folder. Without a backup, delete it if you are sure that database "
    "and keys belong together: the next start writes it again.",
    visibility=Visibility.OPERATOR,
)
_KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SUFFIX: Final = ".key.pem"
_INSTALLATION: Final = "installation.id"
_BEGUN: Final = "installation.begun"
_INSTALLATION_ID: Final = re.compile(r"[0-9a-f]{32}")
_MIN_PASSPHRASE: Final = 16


class SigningHandle(ec.EllipticCurvePrivateKey):
    """An EC private key that signs, but never becomes bytes or numbers.

    The builders of `cryptography` accept it as a key. A PKCS#11 key can have the same interface.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.__key = key
        self.__public_key = key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        """Return the curve of the key."""
        return self.__key.curve

    @property
    def key_size(self) -> int:
        """Return the size of the curve in bits."""
        return self.__key.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the public key."""
        return self.__public_key

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Return the ECDSA signature of `data` (DER)."""
        return self.__key.sign(data, signature_algorithm)

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:  # noqa: ARG002
        """Refuse: a key of the authority only signs."""
        raise _refusal()

    def private_numbers(self) -> NoReturn:
        """Refuse: the key stays in the key store."""
        raise _refusal()

    def private_bytes(self, *_arguments: object, **_options: object) -> NoReturn:
        """Refuse: the key stays in the key store."""
        raise _refusal()

    def __copy__(self) -> SigningHandle:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> SigningHandle:
        return self

    def __reduce__(self) -> NoReturn:
        raise _refusal()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.curve.name}>"


def _refusal() -> KeystoreError:
    return KeystoreError.because(KEY_NOT_EXPORTABLE)


class EncryptedFileKeyStore:
    """Keys in files, each encrypted under the passphrase of `passphrase_file`.

    With `may_create_passphrase` (lab mode), a random passphrase is created beside the first key. Everyone who can read
    the folder can then use the keys, but a key file alone is useless.
    """

    def __init__(self, folder: Path, passphrase_file: Path, *, may_create_passphrase: bool) -> None:
        self._folder = folder
        self._passphrase_file = passphrase_file
        self._may_create_passphrase = may_create_passphrase
        self._handles: dict[str, tuple[object, SigningHandle]] = {}
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise KeystoreError if other users can read the folder, a key or the passphrase.

        A passphrase that may not be created must exist. A read-only copy of another user passes: its keys are not read.
        """
        if self._folder.exists():
            if files.is_foreign_copy(self._folder):
                return
            files.check_private_folder(self._folder)
        if not self._may_create_passphrase:
            self._passphrase()

    def find_faults(self) -> Iterator[Finding]:
        """Yield what is wrong with each file here. Each key is read and decrypted again, which takes a millisecond."""
        looks: list[Callable[[], object]] = [self.check, self.installation_id]
        looks += [partial(self._load, key_id) for key_id in self.list_keys()]
        for look in looks:
            try:
                look()
            except CAServiceError as error:
                yield from error.findings

    def has(self, key_id: str) -> bool:
        """Return whether there is a key with this name."""
        return self._path(key_id).exists()

    def generate(self, key_id: str, curve: str) -> ec.EllipticCurvePrivateKey:
        """Generate a key on this curve, write it, and only then return it. Raises Conflict if it exists."""
        self.store(key_id, keys.generate_key(curve))
        return self.signer(key_id)

    def store(self, key_id: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Store an imported key. Raises Conflict if there is a key with this name."""
        files.make_private_folder(self._folder)
        files.write_private(self._path(key_id), _encrypted(key, self._passphrase_for_writing()))

    def signer(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        """Return the key for signing. It is decrypted once in each process, and again if its file was replaced.

        Without its file it does not sign any longer: what an operator has taken away is not used from memory.
        """
        with self._lock:
            file = files.identity(self._path(key_id))
            held = self._handles.pop(key_id, None)
            if held is None or file is None or held[0] != file:
                held = file, SigningHandle(self._load(key_id))
            self._handles[key_id] = held
            return held[1]

    def export(self, key_id: str, passphrase: bytes) -> bytes:
        """Return the key as PEM (PKCS#8), encrypted with another passphrase."""
        return _encrypted(self._load(key_id), passphrase)

    def remove(self, key_id: str) -> None:
        """Delete the file of the key. Idempotent."""
        with self._lock:
            self._handles.pop(key_id, None)
            files.remove_private(self._path(key_id))

    def list_keys(self) -> tuple[str, ...]:
        """Return the names of all key files, sorted."""
        return tuple(sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob(f"[!.]*{_SUFFIX}")))

    def installation_id(self) -> str:
        """Return the id in the file beside the keys, or an empty text. Raises KeystoreError if the file is damaged."""
        return self._id_in(_INSTALLATION)

    def begun_id(self) -> str:
        """Return the id in the mark beside the keys, or an empty text. Raises KeystoreError if it is damaged."""
        return self._id_in(_BEGUN)

    def begin(self, installation_id: str) -> None:
        """Write the mark. It replaces that of an installation which has made no key."""
        if self.begun_id() != installation_id:
            files.make_private_folder(self._folder)
            files.remove_private(self._folder / _BEGUN)
            self._keep_id(_BEGUN, installation_id)

    def keep_installation_id(self, installation_id: str) -> None:
        """Write the id into a file beside the keys. Idempotent: another process writes the same one."""
        self._keep_id(_INSTALLATION, installation_id)
        files.remove_private(self._folder / _BEGUN)

    def _id_in(self, name: str) -> str:
        path = self._folder / name
        if not path.exists():
            return ""
        found = files.read_public(path).decode("ascii", "replace").strip()
        if not _INSTALLATION_ID.fullmatch(found):
            raise KeystoreError.because(INSTALLATION_ID, path=path)
        return found

    def _keep_id(self, name: str, installation_id: str) -> None:
        files.make_private_folder(self._folder)
        with suppress(Conflict):
            files.write_private(self._folder / name, f"{installation_id}\n".encode("ascii"))

    def _path(self, key_id: str) -> Path:
        if not _KEY_ID.fullmatch(key_id):
            raise KeystoreError.because(KEY_NAME)
        return self._folder / f"{key_id}{_SUFFIX}"

    def _load(self, key_id: str) -> ec.EllipticCurvePrivateKey:
        if not self.has(key_id):
            raise KeystoreError.because(KEY_MISSING, key_id=key_id, folder=self._folder)
        data = files.read_private(self._path(key_id))
        try:
            key = load_pem_private_key(data, self._passphrase())
        except PARSE_ERRORS as error:
            raise KeystoreError.because(KEY_LOCKED, key_id=key_id) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeystoreError.because(KEY_KIND, key_id=key_id)
        return key

    def _passphrase_for_writing(self) -> bytes:
        """Return the passphrase. Create it if allowed, but never beside keys that another passphrase encrypts."""
        if self._may_create_passphrase and not self._passphrase_file.exists() and not self._keeps_keys():
            files.write_private(self._passphrase_file, secrets.token_urlsafe(32).encode() + b"\n")
        return self._passphrase()

    def _keeps_keys(self) -> bool:
        return any(self._folder.glob(f"*{_SUFFIX}"))

    def _passphrase(self) -> bytes:
        if files.identity(self._passphrase_file) is None:
            raise KeystoreError.because(KEYSTORE_PASSPHRASE_MISSING, path=self._passphrase_file)
        passphrase = files.read_private(self._passphrase_file).rstrip(b"\r\n")
        if len(passphrase) < _MIN_PASSPHRASE:
            raise KeystoreError.because(PASSPHRASE_SHORT, path=self._passphrase_file, limit=_MIN_PASSPHRASE)
        if len(passphrase) > encodings.MAX_PASSPHRASE:
            raise KeystoreError.because(PASSPHRASE_LONG, path=self._passphrase_file, limit=encodings.MAX_PASSPHRASE)
        return passphrase


def _encrypted(key: ec.EllipticCurvePrivateKey, passphrase: bytes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase))
