"""The forms in which certificates and keys travel."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from ca_service.errors import InvalidInput, Refused
from ca_service.pki import encodings, keys, names
from ca_service.pki.contents import serial_text
from tests.support import certificates
from tests.support.refused_requests import rsa_key

AUTHORITY = certificates.intermediate()
CHAIN = (certificates.leaf(), *AUTHORITY.chain)
PASSPHRASE = b"a passphrase"

# Made by `openssl ecparam -name secp112r1 -genkey -noout`; it protects nothing.
_ON_A_CURVE_THAT_NOBODY_KNOWS = b"""-----BEGIN EC PRIVATE KEY-----
MD4CAQEEDrLMU71sZ57nkLa2041+oAcGBSuBBAAGoSADHgAEntRnVoUjSO2FiJ44
mvlhrEN+/LKXdSJvCidWgA==
-----END EC PRIVATE KEY-----
"""


def test_pem_has_unix_lines_and_one_final_newline() -> None:
    pem = encodings.pem(CHAIN[0])

    assert pem.startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert pem.endswith(b"-----END CERTIFICATE-----\n")
    assert b"\r" not in pem
    assert b"\n\n" not in pem


def test_pem_and_der_are_the_same_certificate() -> None:
    body = b"".join(encodings.pem(CHAIN[0]).splitlines()[1:-1])

    assert base64.b64decode(body) == encodings.der(CHAIN[0])


def test_a_pem_chain_keeps_its_order() -> None:
    assert encodings.load_certificates(encodings.pem_chain(CHAIN)) == CHAIN


def test_a_p7b_holds_the_same_certificates() -> None:
    assert set(encodings.load_certificates(encodings.p7b(CHAIN))) == set(CHAIN)


def test_a_der_certificate_is_read() -> None:
    assert encodings.load_certificates(encodings.der(CHAIN[0])) == (CHAIN[0],)


def test_a_der_p7b_is_read() -> None:
    bag = pkcs7.serialize_certificates(list(CHAIN), Encoding.DER)

    assert set(encodings.load_certificates(bag)) == set(CHAIN)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no certificate",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n",
        encodings.pem(CHAIN[0]) + b"\n" * encodings.MAX_CERTIFICATES_BYTES,
    ],
    ids=["empty", "text", "damaged-pem", "damaged-pkcs7", "too-large"],
)
def test_what_holds_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        encodings.load_certificates(data)
    assert refusal.value.rule == "certificate.unreadable"


def test_a_trust_store_holds_the_root_alone_under_its_name() -> None:
    root = AUTHORITY.chain[-1]
    name = names.common_name(root.subject) or ""
    store = pkcs12.load_pkcs12(encodings.trust_store(root, "changeit"), b"changeit")

    assert [entry.certificate for entry in store.additional_certs] == [root]
    assert [entry.friendly_name for entry in store.additional_certs] == [name.encode()]
    assert (store.key, store.cert) == (None, None)


def test_the_alias_of_a_root_without_a_common_name_is_its_whole_name() -> None:
    key = keys.generate_key("P-256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Example")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, certificates.NOW, certificates.NOW)
    root = builder.sign(key, keys.signature_hash(key.public_key()))
    store = pkcs12.load_pkcs12(encodings.trust_store(root, "changeit"), b"changeit")

    assert [entry.friendly_name for entry in store.additional_certs] == [b"O=Example"]


def test_the_fingerprint_is_the_sha256_of_the_der() -> None:
    assert encodings.fingerprint(CHAIN[0]) == hashlib.sha256(encodings.der(CHAIN[0])).hexdigest()


@pytest.mark.parametrize(("number", "text"), [(1, "0" * 39 + "1"), (2**159 - 1, "7" + "f" * 39)])
def test_a_serial_number_has_40_digits(number: int, text: str) -> None:
    assert serial_text(number) == text


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER], ids=["pem", "der"])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL], ids=["pkcs8", "sec1"])
def test_a_private_key_is_read_in_each_form(encoding: Encoding, form: PrivateFormat) -> None:
    data = AUTHORITY.key.private_bytes(encoding, form, NoEncryption())

    assert encodings.load_private_key(data, None).private_numbers() == AUTHORITY.key.private_numbers()


def _encrypted(encryption: KeySerializationEncryption) -> bytes:
    return AUTHORITY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_an_encrypted_key_is_read_with_its_passphrase() -> None:
    data = _encrypted(BestAvailableEncryption(PASSPHRASE))

    assert encodings.load_private_key(data, PASSPHRASE).private_numbers() == AUTHORITY.key.private_numbers()


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [
        (_encrypted(BestAvailableEncryption(PASSPHRASE)), b"wrong"),
        (_encrypted(BestAvailableEncryption(PASSPHRASE)), None),
        (_encrypted(NoEncryption()), PASSPHRASE),
        (b"no key", None),
        (_ON_A_CURVE_THAT_NOBODY_KNOWS, None),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None),
    ],
    ids=["wrong-passphrase", "no-passphrase", "needless-passphrase", "text", "unknown-curve", "damaged-pem"],
)
def test_a_private_key_that_cannot_be_read_is_refused(data: bytes, passphrase: bytes | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        encodings.load_private_key(data, passphrase)
    assert refusal.value.rule == "private-key.unreadable"


def test_an_rsa_key_is_refused() -> None:
    data = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    with pytest.raises(Refused) as refusal:
        encodings.load_private_key(data, None)
    assert refusal.value.rule == "private-key.not-ec"


def _pkcs12(certificate: x509.Certificate | None = AUTHORITY.certificate) -> bytes:
    key = AUTHORITY.key if certificate else None
    return pkcs12.serialize_key_and_certificates(
        b"ca", key, certificate, AUTHORITY.chain[1:], BestAvailableEncryption(PASSPHRASE)
    )


def test_a_pkcs12_file_gives_key_and_chain() -> None:
    key, chain = encodings.load_pkcs12(_pkcs12(), PASSPHRASE)

    assert key.private_numbers() == AUTHORITY.key.private_numbers()
    assert chain == AUTHORITY.chain


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [(_pkcs12(), b"wrong"), (b"no PKCS#12", None), (_pkcs12(None), PASSPHRASE)],
    ids=["wrong-passphrase", "text", "no-key"],
)
def test_a_pkcs12_file_without_a_readable_key_is_refused(data: bytes, passphrase: bytes | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        encodings.load_pkcs12(data, passphrase)
    assert refusal.value.rule == "private-key.unreadable"
    assert "`openssl pkcs12 -info -noout -in FILE`" in refusal.value.findings[0].remedy
