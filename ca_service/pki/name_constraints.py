"""Name constraints (RFC 5280, 4.2.1.10): the names that an authority may issue for.

DNS names, IP addresses and distinguished names are matched. Every other kind of name is excluded as soon as a
constraint of its kind exists (RFC 5280, 4.2.1.10: process it, or reject the certificate).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from ca_service.errors import Finding, Rule, Severity
from ca_service.pki import names
from ca_service.pki.link import Link

CHAIN_NAME_NOT_PERMITTED: Final = Rule(
    "chain.name-not-permitted",
    "{name} is not among the names that \u201c{authority}\u201d may issue for: {permitted}. Clients and nodes "
    "refuse the certificate (name constraints: RFC 5280, 4.2.1.10).",
    "Use names within these constraints, or an authority whose certificate permits the name.",
)
CHAIN_NAME_EXCLUDED: Final = Rule(
    "chain.name-excluded",
    "\u201c{authority}\u201d must not issue for {name}: its certificate excludes {excluded}. Clients and nodes "
    "refuse the certificate (name constraints: RFC 5280, 4.2.1.10).",
    "Use other names, or an authority whose certificate does not exclude the name.",
)
CHAIN_NAMES_LIMITED: Final = Rule(
    "chain.names-limited",
    "\u201c{authority}\u201d has name constraints. Permitted: {permitted}. Excluded: {excluded}.",
    "CSRs with other names will be refused. To sign more names, have it issued with other name constraints.",
    Severity.WARNING,
)
CHAIN_NAME_CONSTRAINTS: Final = Rule(
    "chain.name-constraints",
    "The name constraints of \u201c{authority}\u201d have a minimum, a maximum or an unusual encoding, which RFC "
    "5280, 4.2.1.10 forbids.",
    "Have it issued with plain name constraints.",
)
CHAIN_TOO_MANY_NAMES: Final = Rule(
    "chain.too-many-names",
    "The names of a certificate and the name constraints above it take {count} comparisons. The limit is {limit}.",
    "Use an authority with fewer name constraints, or a certificate with fewer names. Clients have such a limit too.",
)

#: Comparisons of a name with a constraint, as in Go and rustls; OpenSSL refuses 1,048,576.
MAX_COMPARISONS: Final = 250_000
_BLANKS: Final = re.compile(r"[ \t\n\r\f\v]+")
_Fold = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Subtrees:
    """The name constraints of one authority."""

    authority: str
    permitted: tuple[x509.GeneralName, ...]
    excluded: tuple[x509.GeneralName, ...]

    @property
    def limits(self) -> Finding:
        """The names that may be signed, as a warning."""
        return CHAIN_NAMES_LIMITED.at(
            authority=self.authority, permitted=_text(self.permitted) or "all", excluded=_text(self.excluded) or "none"
        )

    def fault(self, name: x509.GeneralName) -> Finding | None:
        """Return what is wrong with this name, or None."""
        permitted = [each for each in self.permitted if type(each) is type(name)]
        excluded = [each for each in self.excluded if type(each) is type(name) and _may_be_within(name, each)]
        pointer = "/subject" if isinstance(name, x509.DirectoryName) else "/subject_alternative_name"
        said = {"authority": self.authority, "name": _one(name)}
        if excluded:
            return CHAIN_NAME_EXCLUDED.at(pointer, excluded=_text(excluded), **said)
        if permitted and not any(_is_within(name, each) for each in permitted):
            return CHAIN_NAME_NOT_PERMITTED.at(pointer, permitted=_text(permitted), **said)
        return None


def subtrees_of(link: Link) -> Subtrees | None:
    """Return the name constraints of an authority, or None."""
    found = link.find(x509.NameConstraints)
    if found is None:
        return None
    return Subtrees(link.name, tuple(found.permitted_subtrees or ()), tuple(found.excluded_subtrees or ()))


def is_plain(link: Link) -> bool:
    """Return whether the name constraints say no more than the library reads: it drops minimum and maximum."""
    found = link.find(x509.NameConstraints)
    return found is None or found.public_bytes() in link.certificate.tbs_certificate_bytes


def names_of(
    subject: x509.Name, alternative_name: x509.SubjectAlternativeName | None, *, is_authority: bool = False
) -> Iterator[x509.GeneralName]:
    """Yield the names of a certificate that constraints apply to.

    The subject counts; so do its e-mail addresses, and its common names if nothing else names a host, because clients
    such as OpenSSL then read them as host names.
    """
    named = tuple(alternative_name or ())
    yield from named
    if subject.rdns:
        yield x509.DirectoryName(subject)
    if not any(isinstance(each, x509.RFC822Name) for each in named):
        yield from (_email(value) for value in _values(subject, NameOID.EMAIL_ADDRESS))
    if not is_authority and not any(isinstance(each, x509.DNSName) for each in named):
        yield from (
            x509.DNSName(value)
            for value in _values(subject, NameOID.COMMON_NAME)
            if "." in value and value.isascii() and " " not in value
        )


def faults(all_subtrees: Sequence[Subtrees], given: Sequence[x509.GeneralName]) -> Iterator[Finding]:
    """Yield one finding for each name and authority that does not permit it, or one if there are too many of them."""
    count = sum(len(each.permitted) + len(each.excluded) for each in all_subtrees) * len(given)
    if count > MAX_COMPARISONS:
        yield CHAIN_TOO_MANY_NAMES.at("/chain", count=count, limit=MAX_COMPARISONS)
        return
    for subtrees in all_subtrees:
        for name in given:
            if found := subtrees.fault(name):
                yield found


def _email(value: str) -> x509.GeneralName:
    """Return an e-mail address of a subject; one that the library refuses counts as a name that is never permitted."""
    try:
        return x509.RFC822Name(value)
    except ValueError:
        return x509.RFC822Name("unreadable")


def _values(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(found.value) for found in subject.get_attributes_for_oid(oid)]


def _is_within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """Return whether a permitted subtree covers the name; in doubt not."""
    if isinstance(name, x509.DNSName) and isinstance(base, x509.DNSName):
        return _dns_within(name.value.lower(), base.value.lower())
    if isinstance(name, x509.IPAddress) and isinstance(base, x509.IPAddress):
        return _address_within(name.value, base.value)
    if isinstance(name, x509.DirectoryName) and isinstance(base, x509.DirectoryName):
        return _begins_with(_rdns(name.value, _narrow), _rdns(base.value, _narrow))
    return False


def _may_be_within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    """Return whether an excluded subtree covers the name, or a part of it; in doubt it does."""
    if isinstance(name, x509.DNSName) and isinstance(base, x509.DNSName):
        host, domain = name.value.lower(), base.value.lower().removeprefix(".")
        is_wild = host.startswith("*.")
        return _dns_within(host, domain) or (is_wild and domain.partition(".")[2] == host[2:])
    if isinstance(name, x509.IPAddress) and isinstance(base, x509.IPAddress):
        is_address = isinstance(name.value, IPv4Address | IPv6Address)
        return not is_address or _address_within(name.value, base.value)
    if isinstance(name, x509.DirectoryName) and isinstance(base, x509.DirectoryName):
        return _begins_with(_rdns(name.value, _wide), _rdns(base.value, _wide))
    return True


def _dns_within(host: str, domain: str) -> bool:
    """Return whether the host is the domain or below it; a domain with a leading dot covers only what is below."""
    if not domain or host == domain:
        return True
    return host.endswith(domain if domain.startswith(".") else f".{domain}")


def _address_within(address: object, network: object) -> bool:
    if isinstance(address, IPv4Address) and isinstance(network, IPv4Network):
        return address in network
    return isinstance(address, IPv6Address) and isinstance(network, IPv6Network) and address in network


_RDN = frozenset[tuple[str, str]]


def _begins_with(rdns: Sequence[_RDN], base: Sequence[_RDN]) -> bool:
    """Return whether a distinguished name is within a subtree: it begins with the name of the subtree."""
    return tuple(rdns[: len(base)]) == tuple(base)


def _rdns(name: x509.Name, fold: _Fold) -> tuple[_RDN, ...]:
    return tuple(
        frozenset((each.oid.dotted_string, fold(names.attribute_text(each))) for each in rdn) for rdn in name.rdns
    )


def _narrow(value: str) -> str:
    """Fold case and blanks of ASCII only, as OpenSSL does."""
    return _BLANKS.sub(" ", "".join(each.lower() if each.isascii() else each for each in value)).strip(" ")


def _wide(value: str) -> str:
    """Fold every case, width and blank (RFC 5280, 7.1)."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _one(name: x509.GeneralName) -> str:
    kind, value = names.general_name(name)
    return f"{kind}:{value}" if value else f"every {kind} name"


def _text(given: Sequence[x509.GeneralName]) -> str:
    return ", ".join(map(_one, given))
