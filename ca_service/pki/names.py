"""Knows names: distinguished names, DNS names, general names; how to show and to judge them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.pki.visible_text import visible

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MAX_DNS_NAME = 253

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
    """Whether this is a host or domain name in preferred syntax (RFC 1034, 3.5; RFC 1123, 2.1).

    Something like 192.0.2.1 is none: the last label of a name is not a number.
    """
    is_name = len(name) <= _MAX_DNS_NAME and _DNS_NAME.fullmatch(name) is not None
    return is_name and not name.rpartition(".")[2].isdigit()


def is_wildcard(name: str) -> bool:
    """Whether a DNS name stands for more than one host."""
    return "*" in name


def common_name(name: x509.Name) -> str | None:
    """The last common name of a subject, which is the most specific one; None if it has none."""
    values = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[-1].value) if values else None


def common_names(name: x509.Name) -> tuple[str, ...]:
    """All common names of a subject, in their order."""
    return tuple(str(found.value) for found in name.get_attributes_for_oid(NameOID.COMMON_NAME))


def name_parts(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """(attribute type, value) in the order of the name, with the short names of RFC 4514."""
    return tuple((attribute.rfc4514_attribute_name, attribute_text(attribute)) for attribute in name)


def visible_parts(name: x509.Name) -> tuple[tuple[str, str], ...]:
    """Return the same with control and format characters made visible."""
    return tuple((kind, visible(value)) for kind, value in name_parts(name))


def attribute_text(attribute: x509.NameAttribute[str | bytes]) -> str:
    """An attribute's value for a reader; bytes as hexadecimal."""
    value = attribute.value
    return value.hex() if isinstance(value, bytes) else value


def name_text(name: x509.Name) -> str:
    """The name on one line, in its own order: `C=DE, O=Example, CN=uccx1-EC.example.com`."""
    return ", ".join(f"{kind}={value}" for kind, value in visible_parts(name))


def general_name(name: x509.GeneralName) -> tuple[str, str]:
    """(type, value) of a general name, both for a reader: `("DNS", "uccx1.example.com")`."""
    kind = GENERAL_NAME_TYPES[type(name)]
    if isinstance(name, x509.OtherName):
        return kind, f"{name.type_id.dotted_string}:{name.value.hex()}"
    if isinstance(name, x509.DirectoryName):
        return kind, name_text(name.value)
    if isinstance(name, x509.RegisteredID):
        return kind, name.value.dotted_string
    return kind, visible(str(name.value))


def general_names(names: Iterable[x509.GeneralName]) -> tuple[tuple[str, str], ...]:
    """Return (type, value) of each general name."""
    return tuple(map(general_name, names))


def general_names_text(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    """Each name as `DNS:uccx1.example.com`."""
    return tuple(":".join(general_name(name)) for name in names)
