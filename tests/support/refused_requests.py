"""Knows every kind of request that is refused, each a good one with a single fault, and the rule that says so."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)

from ca_service.pki import der
from ca_service.pki.known_keys import PRINTED_KEYS
from tests.support import asn1, pkcs10
from tests.support.asn1 import UTF8_STRING
from tests.support.pkcs10 import DNS, EMAIL, IP, KEY_USAGE, URI, Recipe
from tests.support.requests import (
    BLANK_PARENT_DOMAIN,
    CUCM_14SU2,
    PURPOSES,
    USAGE,
    Request,
    key,
    subject,
    usages,
)

_EC_PUBLIC_KEY: Final = asn1.oid("1.2.840.10045.2.1")
_SUBJECT: Final = subject("bad1-EC.example.com")
_EXTENSIONS: Final = (*usages(USAGE, PURPOSES), pkcs10.hosts("example.com", "bad1.example.com"))
_PASSWORD: Final = pkcs10.attribute(pkcs10.CHALLENGE_PASSWORD, asn1.tlv(UTF8_STRING, b"secret"))
_MICROSOFT_REQUEST: Final = "1.3.6.1.4.1.311.2.1.14"


def _pem(recipe: Recipe) -> bytes:
    return pkcs10.pem(recipe.der())


def _good(
    *extensions: bytes,
    subject: bytes = _SUBJECT,
    attributes: tuple[bytes, ...] = (),
    hash_: pkcs10.Hash | None = None,
    version: int = 0,
    public_key: bytes | None = None,
) -> bytes:
    """A request in which one field differs from what it ought to be; PEM."""
    return _pem(
        Recipe(
            key("bad1"),
            subject,
            extensions or _EXTENSIONS,
            attributes,
            hash_ or hashes.SHA256(),
            version,
            public_key,
        )
    )


def _twin(name: str) -> bytes:
    extensions = (*usages(USAGE, PURPOSES), pkcs10.hosts("example.com", f"{name}.example.com"))
    return _good(*extensions, subject=subject(f"{name}-EC.example.com"))


def _with_names(*entries: tuple[int, str | bytes]) -> bytes:
    return _good(*usages(USAGE, PURPOSES), pkcs10.alternative_name(*entries))


def _with_private_key(number: int) -> bytes:
    return _pem(Recipe(ec.derive_private_key(number, ec.SECP256R1()), _SUBJECT, _EXTENSIONS))


def _other_name(kind: str, tag: int) -> bytes:
    """The alternative name with an otherName alone."""
    value = asn1.context(0, asn1.tlv(tag, b"_service.example.com"))
    name = asn1.context(0, asn1.oid(kind), value)
    return pkcs10.extension(pkcs10.ALTERNATIVE_NAME, asn1.sequence(name))


def _on_curve(curve: type[ec.EllipticCurve]) -> bytes:
    return _pem(Recipe(key(curve.__name__, curve), _SUBJECT, _EXTENSIONS))


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The key of a `tomcat` request, which is not for us."""
    return rsa.generate_private_key(65537, 2048)


def _tomcat() -> bytes:
    extensions = (*usages(USAGE, PURPOSES), pkcs10.hosts("example.com", "uccx1.example.com"))
    return _pem(Recipe(rsa_key(), subject("uccx1.example.com"), extensions))


def _capf() -> bytes:
    constraints = pkcs10.extension(
        pkcs10.BASIC_CONSTRAINTS, asn1.sequence(asn1.boolean(True), asn1.integer(0)), critical=True
    )
    bits = pkcs10.key_usage("digitalSignature", "keyCertSign")
    return _good(constraints, bits, pkcs10.hosts("cucm1.example.com"), subject=subject("CAPF-1a2b3c4d"))


def _tampered() -> bytes:
    der = bytearray(Recipe(key("bad1"), _SUBJECT, _EXTENSIONS).der())
    place = der.index(b"bad1.example.com")
    der[place : place + 4] = b"bad2"
    return pkcs10.pem(bytes(der))


def _without_signature(*attributes: bytes) -> bytes:
    recipe = Recipe(key("bad1"), _SUBJECT, _EXTENSIONS, attributes)
    info, algorithm, _ = der.read(recipe.der())[0].children
    return pkcs10.pem(asn1.sequence(info.der, algorithm.der, asn1.bit_string(b"")))


def _rsa_algorithm() -> bytes:
    """A valid ECDSA signature that says of itself that it is an RSA one."""
    return _under_algorithm("1.2.840.113549.1.1.11")


def _unknown_algorithm() -> bytes:
    return _under_algorithm("1.2.3.4")


def _under_algorithm(oid: str) -> bytes:
    der = Recipe(key("bad1"), _SUBJECT, _EXTENSIONS).der()
    ecdsa = asn1.sequence(asn1.oid("1.2.840.10045.4.3.2"))
    start, end = 4, der.rindex(ecdsa)  # the outer length takes two bytes here
    return pkcs10.pem(asn1.sequence(der[start:end], asn1.sequence(asn1.oid(oid)), der[end + len(ecdsa) :]))


def _compressed() -> bytes:
    algorithm = asn1.sequence(_EC_PUBLIC_KEY, asn1.oid("1.2.840.10045.3.1.7"))
    return asn1.sequence(algorithm, asn1.bit_string(_point(PublicFormat.CompressedPoint)))


def _point(form: PublicFormat) -> bytes:
    return key("bad1").public_key().public_bytes(Encoding.X962, form)


def _off_the_curve() -> bytes:
    good = pkcs10.spki(key("bad1"))
    return good[:-1] + bytes((good[-1] ^ 1,))


def explicit_parameters() -> bytes:
    """P-256 spelled out (SEC 1, C.2)."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"
    g = (
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    )
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    curve = asn1.sequence(
        asn1.integer(1),
        asn1.sequence(asn1.oid("1.2.840.10045.1.1"), asn1.integer(prime)),
        asn1.sequence(asn1.octet_string((prime - 3).to_bytes(32, "big")), asn1.octet_string(bytes.fromhex(b))),
        asn1.octet_string(bytes.fromhex(g)),
        asn1.integer(order),
        asn1.integer(1),
    )
    return asn1.sequence(asn1.sequence(_EC_PUBLIC_KEY, curve), asn1.bit_string(_point(PublicFormat.UncompressedPoint)))


def _certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key("bad1").public_key(), 1, start, start)
    return builder.sign(key("bad1"), hashes.SHA256())


def _private_key(form: PrivateFormat, encoding: Encoding = Encoding.PEM, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key("bad1").private_bytes(encoding, form, encryption)


def _pkcs12() -> bytes:
    return pkcs12.serialize_key_and_certificates(b"x", key("bad1"), _certificate(), None, NoEncryption())


def _ed25519() -> bytes:
    return _pem(Recipe(ed25519.Ed25519PrivateKey.generate(), _SUBJECT, _EXTENSIONS))


def _subject(*attributes: tuple[str, str]) -> bytes:
    return pkcs10.name(*((kind, UTF8_STRING, value) for kind, value in attributes))


def _rsa_private_key() -> bytes:
    return rsa_key().private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _second_extension_request() -> bytes:
    """Microsoft's, beside the one of PKCS#9: which of the two counts?"""
    return pkcs10.attribute(_MICROSOFT_REQUEST, asn1.sequence(pkcs10.hosts("other.example.com")))


_NAMES: Final = _EXTENSIONS[-1]
_GOOD: Final = _good()
_DER: Final = Recipe(key("bad1"), _SUBJECT, _EXTENSIONS).der()
_PKCS8: Final = _private_key(PrivateFormat.PKCS8)

_HOST: Final = (DNS, "bad1.example.com")
_BODY: Final = b"\n".join(_GOOD.splitlines()[1:-1])

#: (rule, name, bytes): the wrapping is refused.
_WRAPPINGS: Final = (
    ("csr.empty", "empty", b""),
    ("csr.empty", "blank", b" \r\n\x00\n"),
    ("csr.too-large", "too-large", _GOOD + b"\n" * 70_000),
    ("csr.private-key", "key-beside-it", _GOOD + _PKCS8),
    ("csr.private-key", "key-alone", _PKCS8),
    ("csr.private-key", "sec1-key", _private_key(PrivateFormat.TraditionalOpenSSL)),
    ("csr.private-key", "openssh-key", _private_key(PrivateFormat.OpenSSH)),
    ("csr.private-key", "encrypted-key", _private_key(PrivateFormat.PKCS8, password=b"secret")),
    ("csr.private-key", "pkcs8-der-key", _private_key(PrivateFormat.PKCS8, Encoding.DER)),
    ("csr.private-key", "sec1-der-key", _private_key(PrivateFormat.TraditionalOpenSSL, Encoding.DER)),
    ("csr.private-key", "encrypted-der-key", _private_key(PrivateFormat.PKCS8, Encoding.DER, b"secret")),
    ("csr.private-key", "rsa-der-key", _rsa_private_key()),
    ("csr.certificate", "certificate", _certificate().public_bytes(Encoding.PEM)),
    ("csr.certificate", "certificate-der", _certificate().public_bytes(Encoding.DER)),
    ("csr.certificate", "certificate-beside-it", _certificate().public_bytes(Encoding.PEM) + _GOOD),
    ("csr.pkcs7", "pkcs7", pkcs7.serialize_certificates([_certificate()], Encoding.PEM)),
    ("csr.pkcs7", "pkcs7-der", pkcs7.serialize_certificates([_certificate()], Encoding.DER)),
    ("csr.pkcs12", "pkcs12", _pkcs12()),
    ("csr.truncated", "truncated-pem", _GOOD[: len(_GOOD) // 2]),
    ("csr.truncated", "truncated-der", _DER[:-10]),
    ("csr.truncated", "truncated-inside", pkcs10.pem(_DER[:300])),
    ("csr.trailing-data", "trailing-data", _DER + b"\x05\x00"),
    ("csr.trailing-data", "trailing-data-in-pem", pkcs10.pem(_DER + b"\x00")),
    ("csr.encoding", "not-base64", _GOOD.replace(_BODY, b"!" + _BODY[1:])),
    ("csr.encoding", "not-ascii", _GOOD.replace(_BODY, b"\xe4" + _BODY[1:])),
    ("csr.truncated", "one-character-missing", _GOOD.replace(_BODY, _BODY[:70] + _BODY[71:])),
    ("csr.unreadable", "prose", b"Please sign this for me. " * 10),
    ("csr.unreadable", "a-word", b"hello"),
    ("csr.unreadable", "blanks-and-a-sign", b"a" + b" " * 60_000 + b"!"),
    ("csr.unreadable", "other-der", asn1.sequence(asn1.integer(1))),
    ("csr.unreadable", "not-a-sequence-in-pem", pkcs10.pem(asn1.octet_string(b"hello"))),
    ("csr.unreadable", "damaged-der", asn1.sequence(asn1.sequence(b"\x1f\x81\x01\x00"))),
    ("csr.unreadable", "indefinite-length", b"\x30\x80" + _DER[4:] + b"\x00\x00"),
)
#: (rule, name, bytes): the request itself is refused, whatever the profile.
_CONTENTS: Final = (
    ("csr.malformed", "not-pkcs10", asn1.sequence(asn1.sequence(), asn1.sequence(), asn1.bit_string(b""))),
    ("subject.string", "subject-not-utf8", _good(subject=_SUBJECT.replace("ö".encode(), b"\xff\xff"))),
    ("csr.malformed", "attribute-not-der", _good(attributes=(asn1.sequence(asn1.oid("1.2.3"), b"\x31\x7f"),))),
    ("csr.version", "version-2", _good(version=1)),
    ("csr.duplicate-attribute", "duplicate-attribute", _good(attributes=(_PASSWORD, _PASSWORD))),
    ("csr.duplicate-attribute", "two-extension-requests", _good(attributes=(_second_extension_request(),))),
    ("csr.key.rsa", "rsa-tomcat", _tomcat()),
    ("csr.key.type", "ed25519", _ed25519()),
    ("csr.key.curve", "secp256k1", _on_curve(ec.SECP256K1)),
    ("csr.key.curve", "p-224", _on_curve(ec.SECP224R1)),
    ("csr.key.point", "compressed-point", _good(public_key=_compressed())),
    ("csr.key.known", "tiny-key", _with_private_key(1)),
    ("csr.key.known", "key-of-rfc-9500", _with_private_key(int(PRINTED_KEYS["P-256"][-1], 16))),
    ("csr.key.explicit-parameters", "explicit-parameters", _good(public_key=explicit_parameters())),
    ("csr.key.invalid", "point-off-the-curve", _good(public_key=_off_the_curve())),
    ("csr.signature", "tampered", _tampered()),
    ("csr.signature", "signed-by-another", _good(public_key=pkcs10.spki(key("bad2")))),
    ("csr.signature", "says-rsa", _rsa_algorithm()),
    ("csr.signature", "no-signature", _without_signature()),
    ("csr.password-removed", "password-removed", _without_signature(_PASSWORD)),
    ("csr.signature-hash", "sha1", _good(hash_=hashes.SHA1())),  # noqa: S303 - that is the fault
    ("csr.signature-hash", "unknown-algorithm", _unknown_algorithm()),
    ("csr.duplicate-extension", "duplicate-extension", _good(*_EXTENSIONS, _EXTENSIONS[0])),
    ("csr.extension", "key-usage-not-der", _good(pkcs10.extension(KEY_USAGE, b"\x03\x7f"))),
    ("csr.extension", "x400-name", _with_names((3, b"x400"))),
    ("subject.too-large", "huge-subject", _good(subject=_subject(*(("OU", "x" * 60),) * 80))),
    ("subject.characters", "nul-in-common-name", _good(subject=_subject(("CN", "bad1.example.com\0.evil.example")))),
    ("subject.characters", "turned-around", _good(subject=_subject(("CN", "bad1\u202ecod.example.com")))),
    ("san.empty", "no-names", _with_names()),
    ("san.too-many", "101-names", _with_names(*((DNS, f"n{number}.example.com") for number in range(101)))),
    ("san.prefix", "prefix-typed", _with_names((DNS, "DNS:bad1.example.com"))),
    ("san.prefix", "address-of-a-page", _with_names((DNS, "https://bad1.example.com/"))),
    ("san.address-as-dns", "address-as-dns-name", _with_names((DNS, "192.0.2.10"))),
    ("san.xmpp", "xmpp-address", _good(*usages(USAGE, PURPOSES), _other_name("1.3.6.1.5.5.7.8.5", UTF8_STRING))),
    ("san.xmpp", "srv-name", _good(*usages(USAGE, PURPOSES), _other_name("1.3.6.1.5.5.7.8.7", asn1.IA5_STRING))),
    ("san.type", "principal-name", _good(*usages(USAGE, PURPOSES), _other_name("1.3.6.1.4.1.311.20.2.3", UTF8_STRING))),
    ("san.type", "uri", _with_names(_HOST, (URI, "https://bad1.example.com/"))),
    ("san.type", "email", _with_names(_HOST, (EMAIL, "admin@example.com"))),
    ("san.dns-name", "nul-in-name", _with_names((DNS, "bad1.example.com\0.evil.example"))),
    ("san.dns-name", "underscore", _with_names((DNS, "bad_1.example.com"))),
    ("san.dns-name", "wildcard-inside", _with_names((DNS, "bad*.example.com"))),
    ("san.dns-name", "long-label", _with_names((DNS, "x" * 64 + ".example.com"))),
    ("san.dns-name", "empty-name", _with_names((DNS, ""))),
    ("san.ip-address", "network", _with_names((IP, bytes((10, 0, 0, 0, 255, 0, 0, 0))))),
)
#: Refused by what the profile `vos` and the policy allow; `csr.read_request` alone lets them pass.
BY_POLICY: Final = (
    Request("wildcard", _with_names((DNS, "*.example.com")), "san.wildcard"),
    Request("empty-subject", _good(subject=_subject()), "subject.empty"),
    Request("capf", _capf(), "csr.authority"),
    Request("content-commitment", _good(pkcs10.key_usage("contentCommitment"), _NAMES), "csr.key-usage"),
    Request("code-signing", _good(pkcs10.extended_key_usage("codeSigning"), _NAMES), "csr.extended-key-usage"),
    CUCM_14SU2,
    BLANK_PARENT_DOMAIN,
)
#: Refused by `csr.read_request` itself.
BY_INTAKE: Final = tuple(Request(name, data, rule) for rule, name, data in (*_WRAPPINGS, *_CONTENTS))
#: Every refusal, with its rule: through whichever door a request comes, the answer is the same.
REFUSALS: Final = (*BY_INTAKE, *BY_POLICY)
#: Two nodes with one key: each is good, but not both.
SAME_KEY_TWICE: Final = (
    Request("same-key-1", _twin("twin1")),
    Request("same-key-2", _twin("twin2")),
)
