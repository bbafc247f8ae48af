"""Knows what may stand in the subject and in the subject alternative name of a request."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import names

SAN_DNS_NAME: Final = Rule(
    "san.dns-name",
    "\u201c{value}\u201d is not a DNS name.",
    "Create a new CSR with host names of letters, digits, hyphens and dots.",
)
SAN_TYPE: Final = Rule(
    "san.type",
    "The subject alternative name contains a name of the type {kind}: {value}.",
    "Only DNS names and IP addresses are issued. Create a new CSR without it.",
)
SAN_IP_ADDRESS: Final = Rule(
    "san.ip-address",
    "{value} is a network; a certificate names single addresses (RFC 5280, 4.2.1.6).",
    "Create a new CSR with the address of the host itself.",
)

SUBJECT_EMPTY: Final = Rule(
    "subject.empty",
    "The subject is empty.",
    "Make a new request with at least a common name.",
)
SUBJECT_TOO_LARGE: Final = Rule(
    "subject.too-large",
    "The subject has {size} bytes; {limit} are allowed.",
    "Make a new request with shorter values.",
)
SUBJECT_ENCODING: Final = Rule(
    "subject.encoding",
    "The subject is encoded in a way that cannot be copied byte for byte.",
    "Make a new request whose subject is encoded as DER.",
)
SUBJECT_CHARACTERS: Final = Rule(
    "subject.characters",
    "{name} contains a control character: {value}.",
    "Make a new request without it (a NUL in a name is a known way to deceive).",
)
SAN_EMPTY: Final = Rule(
    "san.empty",
    "The subject alternative name is there but empty (RFC 5280, 4.2.1.6 forbids that).",
    "Make a new request with at least one name.",
)
SAN_TOO_MANY: Final = Rule(
    "san.too-many",
    "The request asks for {count} names; {limit} are allowed.",
    "Make a request for fewer names.",
)
SAN_DUPLICATE: Final = Rule(
    "san.duplicate",
    "A name stands in the subject alternative name twice.",
    "Make a new request that lists each name once.",
)
SUBJECT_COUNTRY: Final = Rule(
    "subject.country",
    "C is \u201c{value}\u201d and not a country code of two letters. It is copied as it is.",
    "To mend it, set the country on the node (set web-security) and make a new request.",
    Severity.WARNING,
)
SUBJECT_COMMON_NAME_LENGTH: Final = Rule(
    "subject.common-name-length",
    "The common name has {length} characters; X.520 allows {limit}. It is copied as it is.",
    "Some clients refuse it. A shorter host name or a shorter common name would mend it.",
    Severity.WARNING,
)

MAX_NAMES: Final = 100
MAX_ATTRIBUTES: Final = 100  # that are judged one by one; a longer subject is too large anyway
MAX_SUBJECT_BYTES: Final = 4096
MAX_COMMON_NAME: Final = 64  # ub-common-name, RFC 5280, A.1


def judge_subject(subject: x509.Name, subject_der: bytes) -> Iterator[Finding]:
    """What is wrong, or merely odd, about a subject; junk of real nodes passes with a warning."""
    attributes = list(subject)
    if not attributes:
        yield SUBJECT_EMPTY.at("/subject")
    if len(subject_der) > MAX_SUBJECT_BYTES:
        yield SUBJECT_TOO_LARGE.at("/subject", size=len(subject_der), limit=MAX_SUBJECT_BYTES)
    if subject.public_bytes() != subject_der:
        yield SUBJECT_ENCODING.at("/subject")
    for number, attribute in enumerate(attributes[:MAX_ATTRIBUTES]):
        yield from _subject_attribute(f"/subject/{number}", attribute)


def _subject_attribute(pointer: str, attribute: x509.NameAttribute[str | bytes]) -> Iterator[Finding]:
    value = names.attribute_text(attribute)
    if not names.is_plain(value):
        yield SUBJECT_CHARACTERS.at(pointer, name=attribute.rfc4514_attribute_name, value=names.visible(value))
    elif attribute.oid == NameOID.COUNTRY_NAME and not (len(value) == 2 and value.isascii() and value.isalpha()):
        yield SUBJECT_COUNTRY.at(pointer, value=value)
    elif attribute.oid == NameOID.COMMON_NAME and len(value) > MAX_COMMON_NAME:
        yield SUBJECT_COMMON_NAME_LENGTH.at(pointer, length=len(value), limit=MAX_COMMON_NAME)


def judge_alternative_name(extension: x509.SubjectAlternativeName | None) -> Iterator[Finding]:
    """What is wrong about a requested subject alternative name, whatever the profile."""
    entries = list(extension or ())
    if extension is not None and not entries:
        yield SAN_EMPTY.at("/subject_alternative_name")
    if len(entries) > MAX_NAMES:
        yield SAN_TOO_MANY.at("/subject_alternative_name", count=len(entries), limit=MAX_NAMES)
        return
    if len(set(entries)) != len(entries):
        yield SAN_DUPLICATE.at("/subject_alternative_name")
    for number, entry in enumerate(entries):
        yield from _alternative_name(f"/subject_alternative_name/{number}", entry)


def _alternative_name(pointer: str, entry: x509.GeneralName) -> Iterator[Finding]:
    if isinstance(entry, x509.DNSName):
        if not _is_host(entry.value):
            yield _unusable_name(SAN_DNS_NAME, pointer, entry)
    elif not isinstance(entry, x509.IPAddress):
        yield _unusable_name(SAN_TYPE, pointer, entry)
    elif not isinstance(entry.value, IPv4Address | IPv6Address):
        yield _unusable_name(SAN_IP_ADDRESS, pointer, entry)


def _unusable_name(rule: Rule, pointer: str, entry: x509.GeneralName) -> Finding:
    kind, value = names.general_name(entry)
    return rule.at(pointer, kind=kind, value=value)


def _is_host(name: str) -> bool:
    """A DNS name, or a wildcard below a domain of two labels or more: *.com would stand for half the world."""
    if not name.startswith("*."):
        return names.is_dns_name(name)
    return names.is_dns_name(name[2:]) and "." in name[2:]
