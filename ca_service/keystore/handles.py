"""The handle of a private key: it signs, and does nothing else."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec

from ca_service.errors import KeystoreError, Rule

KEY_NOT_EXPORTABLE: Final = Rule(
    "key.not-exportable", "A key of the authority only signs. It cannot be exported.", "Use `ca-service ca root-key`."
)


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
