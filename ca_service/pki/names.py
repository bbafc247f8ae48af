"""Names: distinguished names, DNS names, general names; how they are displayed and judged."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import der
from ca_service.pki.visible_text import is_plain, visible

SUBJECT_EMPTY: Final = Rule(
    "subject.empty",
    "The subject is empty, and a node needs one.",
    "Create a new CSR with at least a common name. For other servers and clients, use the profile server or client.",
)
SUBJECT_TOO_LARGE: Final = Rule(
    "subject.too-large",
    "The subject has {size} bytes; {limit} are allowed.",
    "Create a new CSR with shorter values.",
)
SUBJECT_ENCODING: Final = Rule(
    "subject.encoding",
    "The subject is encoded in a way that cannot be copied byte for byte.",
    "Create a new CSR whose subject is encoded as DER.",
)
SUBJECT_CHARACTERS: Final = Rule(
    "subject.characters",
    "{name} contains a control character: {value}.",
    "Create a new CSR without it. (A NUL in a name is a known way to deceive.)",
)
SAN_EMPTY: Final = Rule(
    "san.empty",
    "The subject alternative name is empty, which RFC 5280, 4.2.1.6 forbids.",
    "Create a new CSR with at least one name.",
)
SAN_TOO_MANY: Final = Rule(
    "san.too-many",
    "The CSR asks for {count} names; {limit} are allowed.",
    "Create a CSR for fewer names.",
)
SAN_DUPLICATE: Final = Rule(
    "san.duplicate",
    "The name {value} occurs more than once in the subject alternative name. It is copied unchanged.",
    "Nothing needs to be done: a node compares the names of CSR and certificate, and clients need each only once.",
    Severity.WARNING,
)
SUBJECT_COUNTRY: Final = Rule(
    "subject.country",
    "C is \u201c{value}\u201d and not a country code of two letters. It is copied unchanged.",
    "To fix it, set the country on the node (set web-security) and create a new CSR.",
    Severity.WARNING,
)
SUBJECT_COMMON_NAME_LENGTH: Final = Rule(
    "subject.common-name-length",
    "The common name has {length} characters; X.520 allows {limit}. It is copied unchanged.",
    "Some clients refuse it. Use a shorter host name or a shorter common name.",
    Severity.WARNING,
)
SUBJECT_COUNTRY_REFUSED: Final = Rule(
    "subject.country-refused",
    "C is \u201c{value}\u201d and not a country code of two letters.",
    "Create a new CSR with a country code such as DE, or without C.",
)
SUBJECT_COMMON_NAME_REFUSED: Final = Rule(
    "subject.common-name-refused",
    "The common name has {length} characters; X.520 allows {limit}.",
    "Create a new CSR with a shorter common name, or without one. The host names go into the subject alternative name.",
)
#: What is refused outside of Cisco's nodes, by the id of the warning about a node.
STRICT: Final = {
    SUBJECT_COUNTRY.id: SUBJECT_COUNTRY_REFUSED,
    SUBJECT_COMMON_NAME_LENGTH.id: SUBJECT_COMMON_NAME_REFUSED,
}
SAN_DNS_NAME: Final = Rule(
    "san.dns-name",
    "\u201c{value}\u201d is not a DNS name.",
    "Create a new CSR with host names of letters, digits, hyphens and dots.",
)
SAN_PREFIX: Final = Rule(
    "san.prefix",
    "\u201c{value}\u201d is not a DNS name: {prefix} was typed as a part of it.",
    "Create a new CSR, and type {name} without {prefix}.",
)
SAN_ADDRESS_AS_DNS: Final = Rule(
    "san.address-as-dns",
    "{value} is an IP address, but the CSR lists it as a DNS name. Clients would not find it.",
    "Create a new CSR that lists it as an IP address (OpenSSL: IP:{value}), or only host names.",
)
# Cisco Expressway Certificate Creation and Use Deployment Guide (X15.5), Managing Expressway Certificates.
SAN_XMPP: Final = Rule(
    "san.xmpp",
    "The subject alternative name contains the {kind} {value}. Only DNS names and IP addresses are issued.",
    "On the page Generate CSR of an Expressway, select the format DNS, as Cisco advises: for chat node aliases "
    "and XMPP federation domains in place of XMPPAddress, for Unified CM registration domains in place of SRVName "
    "(or CollabEdgeDNS, which puts collab-edge. before the domain). Then create a new CSR.",
)
SAN_TYPE: Final = Rule(
    "san.type",
    "The subject alternative name contains a name of the kind {kind}: {value}.",
    "Only DNS names and IP addresses are issued. Create a new CSR without it.",
)
SAN_IP_ADDRESS: Final = Rule(
    "san.ip-address",
    "{value} is a network. A certificate names single addresses (RFC 5280, 4.2.1.6).",
    "Create a new CSR with the address of the host itself.",
)

MAX_NAMES: Final = 100
MAX_ATTRIBUTES: Final = 100  # judged one by one; a longer subject is too large anyway
MAX_SUBJECT_BYTES: Final = 4096
MAX_COMMON_NAME: Final = 64  # ub-common-name, RFC 5280, A.1

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_DNS_NAME = 253
#: What is typed before a name where a form or a tool expects the name alone.
_PREFIXED: Final = re.compile(
    r"((?:DNS|DNS\.\d{1,3}|IP|email|URI|SAN|https?)\s*[:=]\s*(?://)?)([^/\s]{1,253})/?", re.IGNORECASE
)

GENERAL_NAME_TYPES: dict[type[x509.GeneralName], str] = {
    x509.DNSName: "DNS",
    x509.IPAddress: "IP",
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "URI",
    x509.DirectoryName: "directory name",
    x509.RegisteredID: "registered ID",
    x509.OtherName: "other name",
}


def is_dns_name(name: str) -> bool:
    """Return whether this is a host or domain name in preferred syntax (RFC 1034, 3.5; RFC 1123, 2.1).

    Something like 192.0.2.1 is not one: the last label of a name is not a number.
    """
    is_name = len(name) <= _MAX_DNS_NAME and _DNS_NAME.fullmatch(name) is not None
    return is_name and not name.rpartition(".")[2].isdigit()


def bracketed(host: str) -> str:
    """Return a host as it is written before a port: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def is_wildcard(name: str) -> bool:
    """Return whether a DNS name covers more than one host."""
    return "*" in name


def common_name(name: x509.Name) -> str | None:
    """Return the last common name of a subject, which is the most specific one, or None."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[-1].value) if values else None


def common_names(name: x509.Name) -> tuple[str, ...]:
    """Return all common names of a subject, in their order."""
    return tuple(str(found.value) for found in name.get_attributes_for_oid(NameOID.COMMON_NAME))


def folded_common_names(name: x509.Name) -> tuple[str, ...]:
    """Return all common names of a subject as they are compared."""
    return tuple(map(_folded, common_names(name)))


def name_parts(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return (attribute type, value) in the order of the name, with the short names of RFC 4514."""
    return tuple((attribute.rfc4514_attribute_name, attribute_text(attribute)) for attribute in name)


def visible_parts(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return the same with control and format characters made visible."""
    return _made_visible(name_parts(name))


def _made_visible(parts: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if all(value.isprintable() for _, value in parts):
        return parts  # nearly always
    return tuple((kind, visible(value)) for kind, value in parts)


def attribute_text(attribute: x509.NameAttribute[str | bytes]) -> str:
    """Return an attribute's value for a reader; bytes as hexadecimal."""
    value = attribute.value
    return value.hex() if isinstance(value, bytes) else value


def name_text(name: x509.Name) -> str:
    """Return the name on one line, in its own order: `C=DE, O=Example, CN=uccx1-EC.example.com`."""
    return ", ".join(f"{kind}={value}" for kind, value in visible_parts(name))


def folded(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return a name as it is compared (RFC 5280, 7.1): each value without case, width and needless blanks."""
    return tuple((attribute.oid.dotted_string, _folded(str(attribute.value))) for attribute in name)


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def label(name: x509.Name) -> str:
    """Return a short label for a reader: the common name, or else the whole name."""
    return visible(common_name(name) or name_text(name))


#: Other names that have a meaning: RFC 6120, 13.7.1.4; RFC 4985, 2; Microsoft.
_OTHER_NAMES: Final = {
    "1.3.6.1.5.5.7.8.5": "XMPP address",
    "1.3.6.1.5.5.7.8.7": "SRVName",
    "1.3.6.1.4.1.311.20.2.3": "user principal name",
}


def general_name(name: x509.GeneralName) -> tuple[str, str]:
    """Return (type, value) of a general name, both for a reader: `("DNS", "uccx1.example.com")`."""
    return _made_visible((_general_name(name),))[0]


def _general_name(name: x509.GeneralName) -> tuple[str, str]:
    kind = GENERAL_NAME_TYPES[type(name)]
    if isinstance(name, x509.OtherName):
        return _other_name(name)
    if isinstance(name, x509.DirectoryName):
        return kind, name_text(name.value)
    if isinstance(name, x509.RegisteredID):
        return kind, name.value.dotted_string
    return kind, str(name.value)


def _other_name(name: x509.OtherName) -> tuple[str, str]:
    kind = _OTHER_NAMES.get(name.type_id.dotted_string)
    if kind:
        with suppress(ValueError):  # DERError and UnicodeDecodeError are
            return kind, der.read(name.value)[0].content.decode()
    return GENERAL_NAME_TYPES[x509.OtherName], f"{name.type_id.dotted_string}:{name.value.hex()}"


def general_names(names: Iterable[x509.GeneralName]) -> tuple[tuple[str, str], ...]:
    """Return (type, value) of each general name."""
    return _made_visible(tuple(map(_general_name, names)))


def general_names_text(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    """Return each name as `DNS:uccx1.example.com`."""
    return tuple(map(":".join, general_names(names)))


def judge_subject(subject: x509.Name, subject_der: bytes) -> Iterator[Finding]:
    """Yield what is wrong or odd about a subject; junk of real nodes passes with a warning, which may be `STRICT`."""
    attributes = list(subject)
    if len(subject_der) > MAX_SUBJECT_BYTES:
        yield SUBJECT_TOO_LARGE.at("/subject", size=len(subject_der), limit=MAX_SUBJECT_BYTES)
    if subject.public_bytes() != subject_der:
        yield SUBJECT_ENCODING.at("/subject")
    for number, attribute in enumerate(attributes[:MAX_ATTRIBUTES]):
        yield from _subject_attribute(f"/subject/{number}", attribute)


def _subject_attribute(pointer: str, attribute: x509.NameAttribute[str | bytes]) -> Iterator[Finding]:
    value = attribute_text(attribute)
    if not value.isprintable() and not is_plain(value):
        yield SUBJECT_CHARACTERS.at(pointer, name=attribute.rfc4514_attribute_name, value=visible(value))
    elif attribute.oid == NameOID.COUNTRY_NAME and not (len(value) == 2 and value.isascii() and value.isalpha()):
        yield SUBJECT_COUNTRY.at(pointer, value=value)
    elif attribute.oid == NameOID.COMMON_NAME and len(value) > MAX_COMMON_NAME:
        yield SUBJECT_COMMON_NAME_LENGTH.at(pointer, length=len(value), limit=MAX_COMMON_NAME)


def judge_alternative_name(extension: x509.SubjectAlternativeName | None) -> Iterator[Finding]:
    """Yield what is wrong about a requested subject alternative name, under any profile."""
    entries = list(extension or ())
    if extension is not None and not entries:
        yield SAN_EMPTY.at("/subject_alternative_name")
    if len(entries) > MAX_NAMES:
        yield SAN_TOO_MANY.at("/subject_alternative_name", count=len(entries), limit=MAX_NAMES)
        return
    if len(set(entries)) != len(entries):
        value = next(":".join(general_name(each)) for each, count in Counter(entries).items() if count > 1)
        yield SAN_DUPLICATE.at("/subject_alternative_name", value=value)
    for number, entry in enumerate(entries):
        yield from _alternative_name(f"/subject_alternative_name/{number}", entry)


def _alternative_name(pointer: str, entry: x509.GeneralName) -> Iterator[Finding]:
    if isinstance(entry, x509.DNSName):
        if not _is_host(entry.value):
            yield _no_host(pointer, entry.value)
    elif not isinstance(entry, x509.IPAddress):
        kind, value = general_name(entry)
        rule = SAN_XMPP if kind in ("XMPP address", "SRVName") else SAN_TYPE
        yield rule.at(pointer, kind=kind, value=value)
    elif not isinstance(entry.value, IPv4Address | IPv6Address):
        yield SAN_IP_ADDRESS.at(pointer, value=str(entry.value))


def _no_host(pointer: str, name: str) -> Finding:
    """Return why this DNS name is not one: a prefix, an address, or its characters."""
    if (found := _PREFIXED.fullmatch(name)) and (_is_host(found[2]) or _is_address(found[2])):
        return SAN_PREFIX.at(pointer, value=visible(name), prefix=found[1].strip(), name=found[2])
    if _is_address(name):
        return SAN_ADDRESS_AS_DNS.at(pointer, value=name)
    return SAN_DNS_NAME.at(pointer, value=visible(name))


def _is_address(name: str) -> bool:
    try:
        return ip_address(name) is not None
    except ValueError:
        return False


def _is_host(name: str) -> bool:
    """Return whether this is a DNS name, or a wildcard below a domain of at least two labels: not *.com."""
    if not name.startswith("*."):
        return is_dns_name(name)
    return is_dns_name(name[2:]) and "." in name[2:]
