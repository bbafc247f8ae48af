"""CSRs and certificates loaded as they came or, where they are only unusual, from a copy in strict DER.

The rewritten copy is only read. The signature is verified over the bytes as they came, and subject and key are copied
from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ca_service.errors import Finding, Refused, Rule, Severity
from ca_service.pki import der
from ca_service.pki.der import Element
from ca_service.pki.parse_errors import PARSE_ERRORS
from ca_service.pki.visible_text import visible

CSR_MALFORMED: Final = Rule(
    "csr.malformed",
    "The CSR cannot be read: its structure does not follow PKCS#10.",
    "Create a new CSR on the node and upload it unchanged.",
)
CSR_VERSION: Final = Rule(
    "csr.version",
    "The version field of the CSR contains {version}, which would be version {number}. PKCS#10 has version 1 only, "
    "written as 0.",
    "Create the CSR with another program, such as OpenSSL. Some printers and cameras write this number.",
)
CSR_NOT_DER: Final = Rule(
    "csr.not-der",
    "The CSR is not written as DER demands: {what}. It is read all the same.",
    "Nothing needs to be done: this is not copied into the certificate. Update the program that wrote it if you can.",
    Severity.WARNING,
)
SUBJECT_STRING: Final = Rule(
    "subject.string",
    "{name} is encoded as {kind}, which cannot contain {character}. Some programs cannot read a certificate with it.",
    "Create a new CSR without that character, or with {name} encoded as UTF8String (OpenSSL: string_mask = utf8only).",
)

_ATTRIBUTES: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_BASIC_CONSTRAINTS: Final = der.object_identifier("2.5.29.19")
#: 1.2.840.113549.1.9.14 of PKCS#9, and 1.3.6.1.4.1.311.2.1.14 of Microsoft.
EXTENSION_REQUESTS: Final = (
    der.object_identifier("1.2.840.113549.1.9.14"),
    der.object_identifier("1.3.6.1.4.1.311.2.1.14"),
)
_PRINTABLE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_STRINGS: Final = {
    0x0C: ("UTF8String", "utf-8"),
    0x12: ("NumericString", "ascii"),
    0x13: ("PrintableString", "ascii"),
    0x14: ("T61String", "utf-8"),  # as the library reads it
    0x16: ("IA5String", "ascii"),
    0x1A: ("VisibleString", "ascii"),
    0x1C: ("UniversalString", "utf-32-be"),
    0x1E: ("BMPString", "utf-16-be"),
}
_MISSING: Final = "the field attributes is missing"
_UNSORTED: Final = "its attributes are not sorted"
_DEFAULT: Final = "a default value (FALSE) is written out"
_TRUE: Final = "the value TRUE is not written as FF"


@dataclass(frozen=True, slots=True)
class LoadedRequest:
    """A CSR that follows PKCS#10; subject and key are kept, because the library parses them anew at each access.

    `der` is as it came. `csr` was read from a copy in strict DER if there are `oddities`. `key` is None if it cannot be
    read.
    """

    der: bytes
    csr: x509.CertificateSigningRequest
    subject: x509.Name
    key: PublicKeyTypes | None
    oddities: tuple[Finding, ...] = ()

    @property
    def subject_public_key_info(self) -> bytes:
        """The key as it came, DER; nothing of it is verified."""
        return der.read(self.der)[0].children[0].children[2].der

    @classmethod
    def of(cls, request_der: bytes) -> LoadedRequest:
        """Load the DER of a CSR. Raises Refused if it is no PKCS#10."""
        loaded = cls._find(request_der)
        if loaded and _has_readable_extensions(loaded.csr):
            return loaded  # nearly always
        copy = rewritten_request(request_der)
        again = cls._find(copy.der) if copy.oddities else None
        if again:
            return replace(again, der=request_der, oddities=copy.findings)
        if loaded:
            return loaded  # its extensions are refused later, in words of their own
        raise Refused(*(unreadable_strings(request_der) or [CSR_MALFORMED.at()]))

    @classmethod
    def _find(cls, request_der: bytes) -> LoadedRequest | None:
        """Return the CSR as the library reads it, or None if it does not."""
        try:
            csr = x509.load_der_x509_csr(request_der)
            return cls(request_der, csr, csr.subject, _key_in(csr))
        except x509.InvalidVersion as error:
            version = error.parsed_version
            raise Refused(CSR_VERSION.at("/version", version=version, number=version + 1)) from error
        except (ValueError, TypeError):
            return None


def _key_in(csr: x509.CertificateSigningRequest) -> PublicKeyTypes | None:
    try:
        return csr.public_key()
    except PARSE_ERRORS:
        return None


def _has_readable_extensions(csr: x509.CertificateSigningRequest) -> bool:
    """Return whether the library reads the extensions, or refuses them for what they say and not for their encoding."""
    try:
        return csr.extensions is not None
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm):
        return True
    except (ValueError, TypeError):
        return False


class Rewritten(NamedTuple):
    """DER after its oddities were removed, and what these were."""

    der: bytes
    oddities: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """A warning for each oddity of a CSR."""
        return tuple(CSR_NOT_DER.at(what=what) for what in self.oddities)


def rewritten_request(request_der: bytes) -> Rewritten:
    """Return a CSR with sorted attributes and without default values; unchanged if it cannot be taken apart."""
    try:
        info, *signature = der.read(request_der)[0].children
        version, subject, key, *fields = info.children
        attributes, oddities = _attributes(fields)
    except (der.DERError, ValueError, IndexError):
        return Rewritten(request_der)
    made = der.sequence(version.der, subject.der, key.der, attributes)
    return Rewritten(der.sequence(made, *(part.der for part in signature)), tuple(dict.fromkeys(oddities)))


def extensions_of(certificate: x509.Certificate) -> x509.Extensions:
    """Return the extensions of a certificate, also where a default value is written out.

    Raises what the library raises for those that cannot be read.
    """
    try:
        return certificate.extensions
    except ValueError:
        again = rewritten_certificate(certificate.public_bytes(Encoding.DER))
        if not again.oddities:
            raise
        return x509.load_der_x509_certificate(again.der).extensions


def rewritten_certificate(certificate_der: bytes) -> Rewritten:
    """Return a certificate without default values in its extensions. Raises ValueError if it cannot be taken apart."""
    tbs, *signature = der.read(certificate_der)[0].children
    oddities = list[str]()
    fields = [_extensions_field(field, oddities) if field.tag == _EXTENSIONS else field.der for field in tbs.children]
    made = der.sequence(der.sequence(*fields), *(part.der for part in signature))
    return Rewritten(made, tuple(dict.fromkeys(oddities)))


def _extensions_field(field: Element, oddities: list[str]) -> bytes:
    return der.encode(_EXTENSIONS, *(_extension_list(each, oddities) for each in field.children))


def _attributes(fields: list[Element]) -> tuple[bytes, list[str]]:
    oddities = list[str]()
    if not fields:
        return der.encode(_ATTRIBUTES), [_MISSING]
    (field,) = fields
    found = [_attribute(each, oddities) for each in field.children]
    if sorted(found) != found:
        oddities.append(_UNSORTED)
    return der.encode(field.tag, *sorted(found)), oddities


def _attribute(attribute: Element, oddities: list[str]) -> bytes:
    kind, values = attribute.children
    if kind.der not in EXTENSION_REQUESTS:
        return attribute.der
    lists = (_extension_list(each, oddities) for each in values.children)
    return der.sequence(kind.der, der.encode(values.tag, *lists))


def _extension_list(extensions: Element, oddities: list[str]) -> bytes:
    return der.sequence(*(_extension(each, oddities) for each in extensions.children))


def _extension(extension: Element, oddities: list[str]) -> bytes:
    kind, *critical, value = extension.children
    content = value.der
    if kind.der == _BASIC_CONSTRAINTS:
        constraints, _ = der.read(value.content)
        content = der.octet_string(der.sequence(*_without_defaults(constraints.children, oddities)))
    return der.sequence(kind.der, *_without_defaults(critical, oddities), content)


def _without_defaults(elements: Iterable[Element], oddities: list[str]) -> Iterator[bytes]:
    """Yield the elements without FALSE, the default of both places; DER does not write it (X.690, 11.5)."""
    for element in elements:
        if element.tag != der.BOOLEAN:
            yield element.der
        elif element.content == b"\x00":
            oddities.append(_DEFAULT)
        else:
            if element.content != b"\xff":
                oddities.append(_TRUE)
            yield der.encode(der.BOOLEAN, b"\xff")


def unreadable_strings(request_der: bytes) -> tuple[Finding, ...]:
    """Return one error for each value of the subject that its own string type does not allow."""
    try:
        subject = der.read(request_der)[0].children[0].children[1]
        parts = [part for rdn in subject.children for part in rdn.children]
        return tuple(_unreadable_strings(parts))
    except (der.DERError, ValueError, IndexError):
        return ()


def _unreadable_strings(parts: Iterable[Element]) -> Iterator[Finding]:
    for number, part in enumerate(parts):
        kind, value = part.children
        name, encoding = _STRINGS.get(value.tag, ("", ""))
        if name and (character := _wrong_character(value, encoding)):
            yield SUBJECT_STRING.at(f"/subject/{number}", name=_attribute_name(kind), kind=name, character=character)


def _wrong_character(value: Element, encoding: str) -> str:
    """Return the first character that the string type does not allow, for a reader; empty if all are allowed."""
    try:
        text = value.content.decode(encoding)
    except UnicodeDecodeError as error:
        return f"the byte {value.content[error.start]:02X}"
    wrong = (each for each in text if value.tag == 0x13 and ord(each) not in _PRINTABLE)
    return next((f"\u201c{visible(each)}\u201d" for each in wrong), "")


def _attribute_name(kind: Element) -> str:
    """Return the short name of an attribute type, or its number."""
    oid = x509.ObjectIdentifier(_dotted(kind.content))
    try:
        return x509.NameAttribute(oid, "XX").rfc4514_attribute_name
    except (ValueError, TypeError):  # a type whose value is no text
        return oid.dotted_string


def _dotted(content: bytes) -> str:
    numbers, number = list[int](), 0
    for octet in content:
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))
